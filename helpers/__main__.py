"""Run a command of the project: `python -m helpers` lists them."""

import sys

from helpers.maintenance.commands import main

sys.exit(main())
