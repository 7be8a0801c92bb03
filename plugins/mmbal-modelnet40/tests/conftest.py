"""A sample drawn once, and folders of views without any mesh."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmbal_modelnet40.layout import IMAGES, view_name
from mmbal_modelnet40.options import ModelNet40Options
from mmbal_modelnet40.source import ModelNet40

Make = Callable[..., ModelNet40]


@pytest.fixture
def modelnet() -> Make:
    """Return a function from options to the dataset."""

    def make(**options: Any) -> ModelNet40:
        return ModelNet40(ModelNet40Options(**options))

    return make


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sample, which must not be changed."""
    pytest.importorskip("embreex")
    directory = tmp_path_factory.mktemp("drawn")
    options = ModelNet40Options(workers=1, render={"size": 32})
    ModelNet40(options).sample(directory, seed=3)
    return directory


@pytest.fixture
def sample(drawn: Path, tmp_path: Path) -> Path:
    """Return a copy of the sample that may be changed."""
    return Path(shutil.copytree(drawn, tmp_path / "sample"))


@pytest.fixture
def views(tmp_path: Path) -> Path:
    """Return `bed` and `tv_stand`, 5 + 2 objects each, with all views: noise of 20x24 pixels."""
    root = tmp_path / "views" / IMAGES
    rng = np.random.default_rng(0)
    for name in ("bed", "tv_stand"):
        for number in range(1, 8):
            folder = root / name / ("train" if number <= 5 else "test")
            folder.mkdir(parents=True, exist_ok=True)
            for view in range(1, 13):
                pixels = rng.integers(0, 256, (24, 20, 3), np.uint8)
                Image.fromarray(pixels).save(folder / view_name(f"{name}_{number:04d}", view))
    return root


@pytest.fixture
def collect() -> Callable[[Any], tuple[dict[str, np.ndarray], np.ndarray]]:
    """Return a function from examples to arrays of all of them."""

    def arrays(examples: Any) -> tuple[dict[str, np.ndarray], np.ndarray]:
        inputs, labels = next(iter(examples.dataset().batch(1000)))
        return {name: value.numpy() for name, value in inputs.items()}, labels.numpy()

    return arrays
