"""Shared building blocks of the notebooks: from pixels to a finding, one module per step.

The top of the folder holds what every model goes through, in the order in which data flows;
`topics` one notebook's own subject a file; `sources` where images come from; `plotting` every
figure; `maintenance` what no notebook imports. `python -m helpers` lists the commands.
"""

import importlib
import importlib.util


def __getattr__(name):
    # Notebooks that were stored before there were folders import topics from here.
    if importlib.util.find_spec(f"helpers.topics.{name}"):
        return importlib.import_module(f"helpers.topics.{name}")
    raise AttributeError(f"module 'helpers' has no attribute {name!r}")
