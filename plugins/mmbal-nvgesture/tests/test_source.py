"""The dataset as a whole: which frames and pixels an example holds."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from mmbal.data import MultimodalDataset, telling_bad_examples
from mmbal.errors import ConfigError, DataFormatError, MmbalError
from mmbal.testing import TrainingBatches

Make = Callable[..., Any]
Number = Callable[[np.ndarray], int]

TRAIN, TEST = "nvgesture_train_correct.lst", "nvgesture_test_correct.lst"


def windows(directory: Path, name: str, field: str) -> list[tuple[int, int]]:
    """Return the windows of a sensor by the lines of a list."""
    found = []
    for line in (directory / name).read_text().splitlines():
        (text,) = [each for each in line.split() if each.startswith(f"{field}:")]
        found.append(tuple(map(int, text.split(":")[2:])))
    return found  # type: ignore[return-value]


def pixels(clip: Any) -> np.ndarray:
    """Return a clip scaled to [-1, 1] as uint8."""
    return np.round((np.asarray(clip) + 1) * 127.5).astype(np.uint8)


# The squares of the numbers fill the width, so whole frames are needed to read them: a crop of
# 60 from the middle of 80x60 holds bits 1 to 6, which tell the number modulo 128, halved.
def halves(clip: Any, number_of: Number) -> list[int]:
    whole = np.zeros((60, 80, 3), np.uint8)
    found = []
    for frame in pixels(clip):
        whole[:, 10:70] = frame
        found.append(number_of(whole) >> 1)
    return found


def test_evaluation_shows_the_middle_of_each_sensors_own_window(
    gestures: Make, written: Path, number_of: Number
) -> None:
    data = gestures(validation_subjects=(2,)).load(written, 0)
    assert list(data.modalities) == ["color", "depth"]
    assert data.modalities["depth"].shape == (64, 60, 60, 3)
    assert data.class_names == ("1", "2", "3")
    color, depth = (windows(written, TEST, field) for field in ("color", "depth"))
    for row, (inputs, label) in enumerate(data.test.dataset()):
        assert int(label) == row // 2
        for name, window in (("color", color[row]), ("depth", depth[row])):
            expected = [frame >> 1 & 63 for frame in range(window[0] + 8, window[0] + 72)]
            assert halves(inputs[name], number_of) == expected
    # Subject 2's first clip has windows that differ by a frame; its label differs from no folder.
    inputs, label = next(iter(data.validation.dataset()))
    assert int(label) == 0
    starts = [windows(written, TRAIN, name)[1][0] for name in ("color", "depth")]
    assert starts[1] == starts[0] + 1
    for name, start in zip(("color", "depth"), starts, strict=True):
        assert halves(inputs[name], number_of)[0] == (start + 8) >> 1 & 63


def test_labels_come_from_the_list(gestures: Make, written: Path) -> None:
    data = gestures(validation_subjects=(1,)).load(written, 0)
    # The second clip stands in class_03 and has label 2.
    assert [int(label) for _, label in data.validation.dataset()] == [0, 1, 2]


def test_any_sensors_in_any_order(gestures: Make, written: Path, number_of: Number) -> None:
    names = ("duo_disparity", "depth", "duo_right", "duo_left")
    data = gestures(modalities=names, frames=80, depth_channels=1).load(written, 0)
    assert list(data.modalities) == list(names)
    assert data.modalities["duo_left"].shape == (80, 60, 60, 1)
    inputs, _ = next(iter(data.test.dataset()))
    start = windows(written, TEST, "duo_left")[0][0]
    # 93 frames in the time of 80, by the middles of frames.
    expected = [(start + int((i + 0.5) * 93 / 80)) >> 1 & 63 for i in range(80)]
    for name in ("duo_left", "duo_right", "duo_disparity"):
        assert halves(inputs[name], number_of) == expected
    start = windows(written, TEST, "depth")[0][0]
    assert halves(inputs["depth"], number_of) == [(start + i) >> 1 & 63 for i in range(80)]


def shown(data: MultimodalDataset, epoch: int = 0, seed: int = 0) -> list[tuple[Any, int]]:
    batches = TrainingBatches(data, 4, seed)
    batches.start(epoch)
    return [
        ({name: clip.numpy() for name, clip in example.items()}, label)
        for inputs, labels in batches.dataset
        for *values, label in zip(*inputs.values(), labels.numpy().tolist(), strict=True)
        for example in [dict(zip(inputs, values, strict=True))]
    ]


def place_of(clip: np.ndarray, whole: np.ndarray) -> list[tuple[int, int, int]]:
    """Return where (first frame, top, left) a clip is cut out of its whole window."""
    count, side = clip.shape[0], clip.shape[1]
    rooms = (
        range(1 + size - used)
        for size, used in zip(whole.shape[:3], (count, side, side), strict=True)
    )
    return [
        (first, top, left)
        for first, top, left in itertools.product(*rooms)
        # Few places get past the first row.
        if (whole[first, top, left : left + side] == clip[0, 0]).all()
        and (whole[first : first + count, top : top + side, left : left + side] == clip).all()
    ]


def test_training_shows_random_stretches_and_crops_shared_by_sensors(
    gestures: Make, written: Path
) -> None:
    whole = gestures(frames=80, crop=60, validation_subjects=(1,)).load(written, 0)
    assert whole.modalities["color"].shape == (80, 60, 60, 3)
    # From squares of 40, cut out of the middle 60 columns only where left is 10 to 30.
    data = gestures(frames=76, crop=40, validation_subjects=(1,)).load(written, 0)
    stored = [inputs for inputs, _ in whole.train.dataset()]
    batches = TrainingBatches(data, 4, 0)
    order = np.concatenate([batches.rows(0, step) for step in range(3)])
    places = []
    for row, (inputs, _) in zip(order, shown(data), strict=True):
        found = [
            place_of(pixels(inputs[name]), pixels(stored[row][name])) for name in ("color", "depth")
        ]
        if found[0]:
            assert found[0] == found[1]
            places += found[0]
    assert len(places) >= 3
    assert len(set(places)) == len(places)


def test_training_is_drawn_anew_in_every_epoch_and_by_the_seed_alone(
    gestures: Make, written: Path
) -> None:
    def sums(epoch: int, seed: int) -> list[tuple[float, float]]:
        data = gestures(frames=16, crop=40).load(written, 0)
        return [
            (float(inputs["color"].sum()), float(inputs["depth"].sum()))
            for inputs, _ in shown(data, epoch, seed)
        ]

    one, other = sums(0, 0), sums(1, 0)
    assert one == sums(0, 0)
    assert not set(one) & set(other)
    assert not set(one) & set(sums(0, 1))


def test_flips_mirror_all_sensors_and_swap_labels(gestures: Make, written: Path) -> None:
    options = {"frames": 8, "crop": 60, "flip_pairs": ((1, 2),), "validation_subjects": (1,)}
    plain = gestures(**options).load(written, 0)
    data = gestures(**options, flip=True).load(written, 0)
    assert plain.fingerprint == data.fingerprint
    order = np.concatenate([TrainingBatches(data, 4, 0).rows(0, step) for step in range(3)])
    stored = [int(label) for _, label in plain.train.dataset()]
    flipped = []
    for row, one, other in zip(order, shown(plain), shown(data), strict=True):
        before = stored[row]
        assert one[1] == before
        same = (one[0]["depth"] == other[0]["depth"]).all()
        turned = all((one[0][n][:, :, ::-1] == other[0][n]).all() for n in ("color", "depth"))
        assert same != turned
        assert other[1] == (before if same else {0: 1, 1: 0, 2: 2}[before])
        flipped.append(turned)
    assert set(flipped) == {True, False}


def test_flips_swap_no_label_for_one_beyond_the_classes(gestures: Make, sample: Path) -> None:
    path = sample / TEST
    path.write_text(path.read_text().replace("label:3", "label:5"))
    data = gestures(flip=True, classes=5, frames=1).load(sample, 0)  # 5 and 6 are a pair
    shown = {int(data.test.vary(5, np.array([0, seed]))[1]) for seed in range(12)}
    assert shown == {4}
    shown = {int(data.test.vary(0, np.array([0, seed]))[1]) for seed in range(12)}
    assert shown == {0, 1}


def test_a_stride_that_leaps_over_windows_shows_black(gestures: Make, written: Path) -> None:
    data = gestures(frames=2, stride=100, short_window="zero").load(written, 0)
    inputs, _ = next(iter(data.test.dataset()))
    for clip in inputs.values():
        assert clip.shape == (2, 60, 60, 3)
        assert (clip.numpy() == -1).all()


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ("signed", {"color": [-1, 1], "depth": [-1, 1]}),
        ("unit", {"color": [0, 1], "depth": [0, 1]}),
        ("imagenet", {"color": [-2.1179, 2.64], "depth": [0, 1]}),
    ],
)
def test_scaling(gestures: Make, scaling: str, expected: dict[str, list[float]]) -> None:
    dark, light = (tf.constant(value, tf.uint8, [1, 1, 1, 3]) for value in (0, 255))
    for name, values in expected.items():
        scaled = [gestures(scaling=scaling).scale(name, clip).numpy() for clip in (dark, light)]
        assert [scaled[0].min(), scaled[1].max()] == pytest.approx(values, abs=1e-4)
        assert scaled[0].dtype == np.float32


def test_resizing_keeps_the_shape_of_frames(gestures: Make, written: Path) -> None:
    small = gestures(short_side=30, crop=30).load(written, 0)
    large = gestures(short_side=60, crop=60).load(written, 0)
    one, two = (next(iter(each.test.dataset()))[0]["color"].numpy() for each in (small, large))
    # Pillow's bilinear filter weighs all pixels that it covers as well.
    for few, many in zip(pixels(one)[::9], pixels(two)[::9], strict=True):
        other = np.asarray(Image.fromarray(many).resize((30, 30), Image.Resampling.BILINEAR), int)
        assert np.abs(few.astype(int) - other)[2:-2, 2:-2].mean() < 2.5


def test_gray_is_the_channel_of_the_gray_video(gestures: Make, written: Path) -> None:
    one = gestures(modalities=("depth",)).load(written, 0)
    three = next(iter(one.test.dataset()))[0]["depth"].numpy()
    assert (three[..., 0] == three[..., 1]).all()
    assert (three[..., 0] == three[..., 2]).all()
    assert abs(int(np.median(pixels(three[0, 30:, :, 0]))) - 40) < 3  # the background


def test_fingerprints_tell_data_windows_and_split(
    gestures: Make, written: Path, sample: Path, replace_in: Make
) -> None:
    def fingerprint(seed: int = 0, **options: Any) -> str:
        return gestures(**options).load(written, seed).fingerprint

    first = fingerprint()
    assert len(first) == 64
    assert first == fingerprint() == fingerprint(workers=2) == fingerprint(flip=True)
    assert gestures().load(sample, 0).fingerprint == first  # wherever it stands
    changed = [
        {"frames": 32}, {"stride": 2, "frames": 32}, {"crop": 50}, {"short_side": 64},
        {"scaling": "unit"}, {"short_window": "zero"}, {"past_end": "clamp"},
        {"damaged_frames": "conceal"}, {"depth_channels": 1}, {"modalities": ("depth", "color")},
        {"validation_subjects": (1,)}, {"validation_subjects": (2,)}, {"classes": 4},
        {"validation_fraction": 0.3},
    ]  # fmt: skip
    found = [fingerprint(**options) for options in changed]
    assert len({first, *found}) == len(changed) + 1
    assert gestures(seed=5).load(written, 0).fingerprint == fingerprint(5)
    replace_in(sample / TEST, "label:3", "label:2")
    relabelled = gestures().load(sample, 0).fingerprint
    (start, end), *_ = windows(sample, TEST, "color")
    replace_in(sample / TEST, f"sk_color:{start}:{end}", f"sk_color:{start - 1}:{end - 1}")
    moved = gestures().load(sample, 0).fingerprint
    assert len({first, relabelled, moved}) == 3


def test_notes_tell_who_is_held_out(gestures: Make, written: Path) -> None:
    data = gestures(validation_subjects=(4, 2)).load(written, 9)
    assert data.notes == {"data_seed": 9, "clips_left_out": 0, "validation_subjects": [2, 4]}


def test_a_frame_that_fails_during_training_is_one_line(gestures: Make, sample: Path) -> None:
    data = gestures(frames=80, validation_subjects=(1,)).load(sample, 0)
    path = sample / "Video_data/class_02/subject3_r0/sk_color.avi"
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 400] = bytes(400)
    path.write_bytes(content)

    batches = TrainingBatches(data, 4, 0)
    message = rf"^{path}: cannot decode frame \d+ \(codec h264.*\({TRAIN}:7\); `mmbal data check"
    with pytest.raises(DataFormatError, match=message) as caught, telling_bad_examples():
        list(batches.dataset)
    assert "\n" not in str(caught.value)


def test_a_video_that_is_deleted_during_training_is_one_line(gestures: Make, sample: Path) -> None:
    data = gestures(frames=80).load(sample, 0)
    path = sample / "Video_data/class_01/subject5_r0/sk_color.avi"
    path.unlink()
    message = rf"^{path}: cannot decode frame 0 \(PyAV .*No such file.*\({TEST}:1\); `mmbal"
    with pytest.raises(DataFormatError, match=message), telling_bad_examples():
        list(data.test.dataset([0]))


def test_folders_that_cannot_be_looked_at(
    gestures: Make, sample: Path, replace_in: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "x" * 300
    replace_in(sample / TRAIN, "class_01/subject1_r0", name)
    replace_in(sample / TEST, "sk_color", name)
    first, second = gestures(modalities=("color",)).check(sample)
    assert first == (
        f"{sample}/Video_data/{name}/sk_color: cannot be read: File name too long ({TRAIN}:1)"
    )
    assert second.endswith(f"/{name}: cannot be read: File name too long ({TEST}:1)")

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mmbal_nvgesture.survey.find_media", refuse)
    problems = gestures(modalities=("color",)).check(sample)
    assert len(problems) == 18
    assert "/sk_color: cannot be read: Permission denied (" in problems[0]


def test_absent_data_says_where_to_get_it(gestures: Make, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for data_dir, start in (
        (None, "nvgesture needs --data-dir"),
        (tmp_path, f"no nvgesture_train_correct.lst in {tmp_path}; found: photos"),
        (tmp_path / "gone", f"{tmp_path}/gone: not a folder"),
    ):
        with pytest.raises(MmbalError) as caught:
            gestures().load(data_dir, 0)
        text = str(caught.value)
        assert text.startswith(start)
        for part in (
            "research.nvidia.com/publication/2016-06_online-detection",
            "`mmbal run --plugin nvgesture --sample`",
            "`mmbal data sample nvgesture DIR`",
        ):
            assert part in text
        assert gestures().check(data_dir) == [text]


@pytest.mark.parametrize("inside", ["nvGesture_v1", "nvGesture_v1.1/nvGesture_v1"])
def test_the_folders_of_the_archive(
    gestures: Make, written: Path, tmp_path: Path, inside: str
) -> None:
    target = tmp_path / "data" / inside
    target.parent.mkdir(parents=True)
    target.symlink_to(written)
    assert len(gestures().load(tmp_path / "data", 0).test) == 6


def test_other_lists(gestures: Make, sample: Path) -> None:
    for split in ("train", "test"):
        old = sample / f"nvgesture_{split}_correct.lst"
        old.rename(sample / f"nvgesture_{split}_correct_cvpr2016_v2.lst")
    assert len(gestures().load(sample, 0).test) == 6
    (sample / "nvgesture_test_correct_cvpr2016_v2.lst").rename(sample / "mine.lst")
    assert len(gestures(test_list="mine.lst").load(sample, 0).test) == 6
    with pytest.raises(MmbalError, match=r"no list of the test clips \(any of nvgesture_test_corr"):
        gestures().load(sample, 0)
    with pytest.raises(ConfigError, match=r"yours\.lst: not found; test_list names it"):
        gestures(test_list="yours.lst").load(sample, 0)
    (sample / "lists").mkdir()
    (sample / "lists" / "test.lst").touch()
    with pytest.raises(ConfigError, match=r"lists: it is a folder.*; it holds test\.lst"):
        gestures(test_list="lists").load(sample, 0)


def test_links_on_disk_are_followed(gestures: Make, sample: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (sample / "Video_data").rename(elsewhere)
    (sample / "Video_data").symlink_to(elsewhere)
    assert len(gestures().load(sample, 0).test) == 6
