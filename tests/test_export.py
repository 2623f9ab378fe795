"""Every builder of the registry can leave the notebook."""

import numpy as np
import pytest

from helpers import evaluation, models
from helpers.topics import deployment

NAMES = [name for name in models.names() if models.specification(name).notebook[:2].isdigit()]
IMAGES = np.random.default_rng(0).integers(0, 256, (10, 28, 28), np.uint8)


@pytest.fixture(autouse=True)
def plain_precision(monkeypatch):
    monkeypatch.setattr(models, "fastest_precision", lambda: "float32")


@pytest.mark.parametrize("name", NAMES)
def test_builder_exports(name):
    model, pixel_range = models.build(name), models.specification(name).pixel_range
    expected = evaluation.predict(model, IMAGES, pixel_range)
    content = deployment.to_litert(model, pixel_range=pixel_range)
    found = deployment.Interpreter(content).predict(IMAGES)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    if models.specification(name).family == "CNN":
        small = deployment.to_litert(model, "int8", IMAGES, pixel_range)
        assert len(small) < 0.4 * len(content)
        found = deployment.Interpreter(small).predict(IMAGES)
        np.testing.assert_allclose(found, expected, atol=0.06)
