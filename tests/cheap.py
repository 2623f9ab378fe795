"""Trainings of a few steps, for tests of what surrounds them."""

import warnings
from contextlib import contextmanager

import pytest

from helpers import cost


@contextmanager
def cheaply():
    """Compute without tracing graphs, which costs more than a few steps, and time few answers.

    Also a decorator of tests and fixtures. The same numbers come out up to the order of sums.
    """
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            patch.setattr(cost, "LONGEST_SECONDS", 0.0)
            # The pipeline's functions are traced all the same, as TensorFlow points out.
            warnings.filterwarnings("ignore", "Even though the `tf.config")
            yield
    finally:
        tf.config.run_functions_eagerly(False)
