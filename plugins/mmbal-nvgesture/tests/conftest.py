"""A sample written once, and videos whose frames carry their numbers."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from PIL import Image

from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.sampling import BITS, write_sample, write_video
from mmbal_nvgesture.source import NVGesture

Make = Callable[..., NVGesture]

# The sample's own size, so that the squares of the frames' numbers stay where they are.
SMALL: dict[str, Any] = {"short_side": None, "crop": 60, "classes": 3, "workers": 1}


@pytest.fixture
def gestures() -> Make:
    """Return a function from options to the dataset, in the sample's own size."""

    def make(**options: Any) -> NVGesture:
        return NVGesture(NVGestureOptions(**{**SMALL, **options}))

    return make


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sample, which must not be changed."""
    directory = tmp_path_factory.mktemp("written")
    write_sample(directory, seed=3)
    return directory


@pytest.fixture(scope="session")
def extract() -> Callable[[Path, Path, str, int], None]:
    """Return a function that puts the frames of a video as images in place of it."""

    def write(video: Path, folder: Path, form: str, first: int) -> None:
        folder.mkdir()
        reformatter = VideoReformatter()  # one for all, as making it takes longer than using it
        with av.open(str(video)) as container:
            for number, frame in enumerate(container.decode(video=0), first):
                pixels = reformatter.reformat(frame, format="rgb24").to_ndarray()
                image = Image.fromarray(pixels)
                image.save(folder / form.format(number), quality=95, subsampling=0)
        video.unlink()

    return write


@pytest.fixture(scope="session")
def taken_apart(written: Path, tmp_path_factory: pytest.TempPathFactory, extract: Any) -> Path:
    """Return the sample with colour frames as images from 1 on, which must not be changed."""
    directory = tmp_path_factory.mktemp("taken_apart") / "sample"
    shutil.copytree(written, directory)
    for video in sorted(directory.glob("Video_data/*/*/sk_color.avi")):
        extract(video, video.with_suffix(""), "{:05d}.jpg", 1)
    return directory


@pytest.fixture
def sample(written: Path, tmp_path: Path) -> Path:
    """Return a copy of the sample that may be changed."""
    return Path(shutil.copytree(written, tmp_path / "sample"))


@pytest.fixture
def number_of() -> Callable[[np.ndarray], int]:
    """Return a function from a frame, (60, 80, channels) uint8, to the number it carries."""

    def read(frame: np.ndarray) -> int:
        squares = frame[2:8].reshape(6, BITS, 10, -1)[:, :, 2:8].mean((0, 2, 3))
        return int((squares > 128) @ (1 << np.arange(BITS)))

    return read


@pytest.fixture
def video(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a video of noise whose frames carry their numbers."""

    def write(count: int = 100, key_every: int = 250, b_frames: int = 0, extra: str = "") -> Path:
        rng = np.random.default_rng(0)
        frames = rng.integers(0, 80, (count, 60, 80, 3), np.uint8)
        for number, frame in enumerate(frames):
            for bit in range(BITS):
                frame[:10, bit * 10 : bit * 10 + 10] = 255 * (number >> bit & 1)
        path = tmp_path / f"video_{key_every}_{b_frames}.avi"
        write_video(path, frames, 30, key_every, b_frames, extra)
        return path

    return write


@pytest.fixture(scope="session")
def damage() -> Callable[[Path, int], None]:
    """Return a function that overwrites the second half of a frame's data in an AVI file."""

    def overwrite(path: Path, frame: int) -> None:
        data = bytearray(path.read_bytes())
        entry = data.rindex(b"idx1") + 8 + frame * 16
        offset, length = (
            int.from_bytes(data[entry + i : entry + i + 4], "little") for i in (8, 12)
        )
        begin = data.index(b"movi") + offset + 8
        data[begin + length // 2 : begin + length] = bytes(length - length // 2)
        path.write_bytes(data)

    return overwrite


@pytest.fixture
def replace_in() -> Callable[[Path, str, str], None]:
    """Return a function that replaces text in a file, where it must be."""

    def replace(path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return replace
