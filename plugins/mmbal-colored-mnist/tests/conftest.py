"""A folder of drawn digits in MNIST's format, and how to damage it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmbal.data import Examples
from mmbal_colored_mnist.mnist import ColoredMnist
from mmbal_colored_mnist.options import MnistOptions

Make = Callable[..., ColoredMnist]


@pytest.fixture(autouse=True)
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the tests away from what the user's machine has prepared."""
    root = tmp_path / "tfds"
    monkeypatch.setenv("TFDS_DATA_DIR", str(root))
    return root


@pytest.fixture
def mnist() -> Make:
    """Return a function from options to colored-mnist."""

    def make(**options: Any) -> ColoredMnist:
        return ColoredMnist(MnistOptions(**options))

    return make


@pytest.fixture
def folder(tmp_path: Path, mnist: Make) -> Path:
    """Return a sound sample: training plain, testing compressed."""
    directory = tmp_path / "sample"
    mnist().sample(directory, seed=5)
    return directory


@pytest.fixture
def arrays() -> Callable[[Examples], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return a function from examples to (gray, color, labels) arrays."""

    def collect(examples: Examples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inputs, labels = next(iter(examples.dataset().batch(100_000)))
        return inputs["gray"].numpy(), inputs["color"].numpy(), labels.numpy()

    return collect
