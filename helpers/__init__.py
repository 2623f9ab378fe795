"""Shared building blocks of the notebooks: from pixels to a finding, one module per step.

The top of the folder holds what every model goes through, in the order in which data flows;
`topics` one notebook's own subject a file; `sources` where images come from; `plotting` every
figure; `maintenance` what no notebook imports. `python -m helpers` lists the commands.
"""

import importlib

# Notebooks that were stored before there were folders import these from here.
_TOPICS = (
    "auditing budgets calibration classical comparison corruptions deployment ensembling "
    "explaining novelty photo pictures shipped transfer tuning"
).split()


def __getattr__(name):
    if name in _TOPICS:
        return importlib.import_module(f"helpers.topics.{name}")
    raise AttributeError(f"module 'helpers' has no attribute {name!r}")
