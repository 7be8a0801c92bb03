"""The published pickle: refused unasked, and checked when asked for (7.1, no. 7 to 10, 12)."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmbal.errors import ConfigError, DataFormatError, MmbalError

Make = Callable[..., Any]
NAME = "mmnist_10color_jitter_var_0.030.npy"


@pytest.fixture
def content(mnist: Make, folder: Path) -> dict[str, np.ndarray]:
    """Return what the published file holds for the sample."""
    source = mnist()
    gray = source.read(folder, 0)
    content: dict[str, np.ndarray] = {"test_gray": gray.test.images}
    for part, colours in zip(("train", "test"), source.colours(gray, folder, 0), strict=True):
        images = getattr(gray, part)
        rgb = np.floor(images.images[..., None] * colours[:, None, None, :])
        content[f"{part}_image"] = rgb.astype(np.uint8)
        content[f"{part}_label"] = images.labels.copy()
    return content


def save(folder: Path, content: Any) -> None:
    """Write the file as the authors did: a dictionary inside an array of no axes."""
    np.save(folder / NAME, np.array(content, dtype=object), allow_pickle=True)


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def test_nothing_is_unpickled_unasked(mnist: Make, folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    save(folder, {"train_image": Bomb(trace)})
    message = "pickled .npy refused; pass allow_pickle=True if you trust it"
    with pytest.raises(ConfigError, match=message):
        mnist(colours="published").load(folder, 0)
    (problem,) = mnist(colours="published").check(folder)
    assert message in problem
    assert not trace.exists()
    with pytest.raises(DataFormatError, match="missing key"):
        mnist(colours="published", allow_pickle=True).load(folder, 0)
    assert trace.exists()  # the danger was real


def test_published_images_are_what_would_be_drawn(
    mnist: Make, folder: Path, content: dict[str, Any], arrays: Make
) -> None:
    save(folder, content)
    source = mnist(colours="published", allow_pickle=True)
    assert source.check(folder) == []
    published, drawn = source.load(folder, 0), mnist().load(folder, 0)
    for part in ("train", "validation", "test"):
        for one, two in zip(
            arrays(getattr(published, part)), arrays(getattr(drawn, part)), strict=True
        ):
            assert (one == two).all()


def test_published_images_are_resized(mnist: Make, folder: Path, content: dict[str, Any]) -> None:
    save(folder, content)
    data = mnist(colours="published", allow_pickle=True, image_size=16).load(folder, 0)
    assert data.test.dataset().element_spec[0]["color"].shape == (16, 16, 3)


def without_test(content: dict[str, Any]) -> None:
    del content["test_image"]


def channels_first(content: dict[str, Any]) -> None:
    content["train_image"] = content["train_image"].transpose(0, 3, 1, 2)


def fractions(content: dict[str, Any]) -> None:
    content["train_image"] = (content["train_image"] / 255).astype(np.float32)


def other_order(content: dict[str, Any]) -> None:
    content["train_label"][:17] = (content["train_label"][:17] + 1) % 10


def short(content: dict[str, Any]) -> None:
    content["test_image"] = content["test_image"][:-1]


def one_hot(content: dict[str, Any]) -> None:
    content["test_label"] = np.eye(10)[content["test_label"]]


DAMAGE: dict[Callable[[dict[str, Any]], None], str] = {
    without_test: "missing key(s) test_image; found test_gray, train_image, train_label",
    channels_first: "train_image shape/dtype (200,3,28,28) uint8, expected (N,28,28,3) uint8",
    fractions: "train_image shape/dtype (200,28,28,3) float32, expected (N,28,28,3) uint8",
    other_order: "labels disagree at 17 of 200 indices; gray and colour files are not aligned",
    short: "test_image holds 49 images, MNIST 50",
    one_hot: "test_label shape/dtype (50,10) float64, expected (50) integers",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_malformed_contents(
    mnist: Make,
    folder: Path,
    content: dict[str, Any],
    damage: Callable[[dict[str, Any]], None],
) -> None:
    damage(content)
    save(folder, content)
    source = mnist(colours="published", allow_pickle=True)
    with pytest.raises(DataFormatError) as caught:
        source.load(folder, 0)
    assert DAMAGE[damage] in str(caught.value)
    assert len(source.check(folder)) == 1


def test_check_lists_all_problems(mnist: Make, folder: Path, content: dict[str, Any]) -> None:
    for damage in (channels_first, other_order, short, one_hot):
        damage(content)
    save(folder, content)
    assert len(mnist(colours="published", allow_pickle=True).check(folder)) == 4


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a pickled dictionary"),
        (b"nonsense", "not a pickled dictionary"),
        (pickle.dumps({"a": 1})[:-3], "not a pickled dictionary"),
        (None, "holds a list, expected a dictionary"),
    ],
)
def test_other_files(mnist: Make, folder: Path, data: bytes | None, problem: str) -> None:
    if data is None:
        boxed = np.empty((), dtype=object)
        boxed[()] = [1, 2]
        np.save(folder / NAME, boxed, allow_pickle=True)
    else:
        (folder / NAME).write_bytes(data)
    with pytest.raises(DataFormatError, match=problem):
        mnist(colours="published", allow_pickle=True).load(folder, 0)


def test_an_absent_file_and_an_absent_folder(mnist: Make, folder: Path) -> None:
    (folder / "other.npy").touch()
    with pytest.raises(MmbalError, match=rf"{NAME}: not found; found other.npy"):
        mnist(colours="published", allow_pickle=True).load(folder, 0)


def test_test_colours_that_follow_labels_are_warned_of(
    mnist: Make, folder: Path, content: dict[str, Any]
) -> None:
    gray = mnist().read(folder, 0)
    palette = np.array(mnist().options.palette) / 255
    rgb = gray.test.images[..., None] * palette[gray.test.labels][:, None, None, :]
    content["test_image"] = rgb.astype(np.uint8)
    save(folder, content)
    with pytest.warns(UserWarning, match="test colours correlate with labels: 100% are nearest"):
        mnist(colours="published", allow_pickle=True).load(folder, 0)
