"""The dataset of the README, and a folder of noise for it."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmbal_media import MediaOptions, MediaSource

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="session")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Return the README's block as a module that other processes can import, too."""
    folder = tmp_path_factory.mktemp("module")
    (block,) = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    (folder / "pairs.py").write_text(block)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("pairs")
    sys.path.remove(str(folder))
    del sys.modules["pairs"]


@pytest.fixture
def pairs(module: ModuleType) -> Callable[..., MediaSource[Any]]:
    """Return a function from options to the dataset."""

    def make(**options: Any) -> MediaSource[Any]:
        return module.Pairs(MediaOptions(workers=1, **options))

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return four cats and four dogs to train on and one of each to test on."""
    root, rng = tmp_path / "photos", np.random.default_rng(0)
    for split, numbers in (("train", range(1, 5)), ("test", range(5, 6))):
        for class_name in ("cat", "dog"):
            place = root / split / class_name
            place.mkdir(parents=True)
            for number in numbers:
                for side in ("left", "right"):
                    image = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8))
                    image.save(place / f"{number:02d}_{side}.png")
    return root
