"""The examples in docstrings give what they say."""

import doctest

import pytest

from helpers import data, pipeline, significance, tables
from helpers.topics import ensembling, exercises


@pytest.mark.parametrize(
    "module",
    [data, ensembling, exercises, pipeline, significance, tables],
    ids=lambda module: module.__name__,
)
def test_examples(module):
    found = doctest.testmod(module)
    assert found.attempted and not found.failed
