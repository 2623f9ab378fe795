"""How fast the series trains, measured against plain Keras on the reader's own machine.

`python -m helpers benchmark` trains each model in turns, once as Keras' own guide shows it and once
through `training.train`, and measures what the machine could do at best. Nothing else of the
project uses this package.
"""
