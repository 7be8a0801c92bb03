"""`mmbal data check`: the bad inputs of files, all at once (7.3, no. 6 to 10, 12)."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmbal.data import telling_bad_examples
from mmbal.errors import DataFormatError
from mmbal_nvgesture.sampling import write_video

Make = Callable[..., Any]
TRAIN, TEST = "nvgesture_train_correct.lst", "nvgesture_test_correct.lst"
CLIP = "Video_data/class_01/subject1_r0"  # the first line of the training list


def color_window(sample: Path) -> tuple[int, int]:
    line = (sample / TRAIN).read_text().splitlines()[0]
    start, end = re.search(r"sk_color:(\d+):(\d+)", line).groups()  # type: ignore[union-attr]
    return int(start), int(end)


def blank(path: Path, count: int, size: tuple[int, int] = (60, 80)) -> None:
    """Write a black video over another."""
    write_video(path, np.zeros((count, *size, 3), np.uint8), 30, 12, 0)


def lying_header(path: Path, count: int) -> None:
    """Take a video's index and make its header tell another number of frames."""
    data = bytearray(path.read_bytes())
    at = data.index(b"avih") + 24
    data[at : at + 4] = count.to_bytes(4, "little")
    index = data.rindex(b"idx1")
    data[index : index + 4] = b"JUNK"
    path.write_bytes(data)


def lying_index(path: Path, count: int) -> None:
    """Make a video's header and index tell more frames than there are."""
    data = bytearray(path.read_bytes())
    data += data[-16:] * count
    for at, more in (
        (4, 16 * count),
        (data.rindex(b"idx1") + 4, 16 * count),
        (data.index(b"avih") + 24, count),
    ):
        data[at : at + 4] = (int.from_bytes(data[at : at + 4], "little") + more).to_bytes(
            4, "little"
        )
    path.write_bytes(data)


def test_a_sound_folder(gestures: Make, written: Path) -> None:
    assert gestures(workers=2).check(written) == []
    every = ("color", "depth", "duo_left", "duo_right", "duo_disparity")
    assert gestures(modalities=every).check(written) == []


def test_all_problems_are_listed(
    gestures: Make, sample: Path, replace_in: Make, damage: Make
) -> None:
    start, end = color_window(sample)
    replace_in(sample / TRAIN, f"sk_color:{start}", "sk_color:")
    replace_in(sample / TEST, "path:./Video_data", "path:../Video_data")
    (sample / "Video_data/class_01/subject2_r0/sk_depth.avi").unlink()
    cut = sample / "Video_data/class_01/subject3_r0/sk_color.avi"
    size = cut.stat().st_size
    cut.write_bytes(cut.read_bytes()[: size // 2])
    damaged = sample / "Video_data/class_02/subject3_r0/sk_depth.avi"
    damage(damaged, 50)

    problems = gestures().check(sample)

    people = sample / "Video_data/class_01"
    short = f"cut short, {size // 2:,} of {size:,} bytes"
    absent = f"sk_depth.avi, sk_depth or sk_depth_all: not found ({TRAIN}:2)"
    assert problems[:-1] == [
        f"{sample}/{TRAIN}:1: color needs <file>:<start>:<end>, found 'sk_color::{end}'",
        f"{sample}/{TEST}:1: path '../Video_data/class_01/subject5_r0' leaves the dataset's folder",
        f"{people}/subject2_r0/{absent}; 1 of 16 clips affected",
        f"{people}/subject3_r0/sk_color.avi: {short} ({TRAIN}:3)",
    ]
    assert re.match(rf"{damaged}: cannot decode frame \d+ \(codec h264", problems[-1])
    assert problems[-1].endswith(f"({TRAIN}:7)")


def test_a_codec_that_nothing_decodes(gestures: Make, sample: Path) -> None:
    path = sample / CLIP / "sk_color.avi"
    path.write_bytes(path.read_bytes().replace(b"H264", b"QQQQ"))
    [problem] = gestures().check(sample)
    assert problem.startswith(f"{path}: its codec is not supported by PyAV")
    assert "extract its frames as images" in problem


def test_windows_past_the_end(gestures: Make, sample: Path) -> None:
    start, end = color_window(sample)
    blank(sample / CLIP / "sk_color.avi", end - 10)
    fault = f"{CLIP}/window {start}:{end} but sk_color.avi has {end - 10} frames ({TRAIN}:1)"
    assert gestures().check(sample) == [f"{sample}/{fault}"]
    with pytest.raises(DataFormatError, match=re.escape(fault)):
        gestures().load(sample, 0)
    assert gestures(past_end="clamp").check(sample) == []
    assert gestures(past_end="pad_last").check(sample) == []


def first_clip(data: Any) -> dict[str, np.ndarray]:
    """Return the first training clip; all other subjects are held out."""
    return {name: clip.numpy() for name, clip in next(iter(data.train.dataset()))[0].items()}


def test_clamped_and_padded_windows(gestures: Make, written: Path, sample: Path) -> None:
    _, end = color_window(sample)
    color = sample / CLIP / "sk_color.avi"
    numbered = [
        np.full((60, 80, 3), 2 * number, np.uint8) for number in range(end - 20)
    ]  # 60 of 80 frames are left
    write_video(color, numbered, 30, 12, 0)
    options: dict[str, Any] = {"frames": 80, "validation_subjects": (2, 3, 4), "scaling": "unit"}
    whole = first_clip(gestures(**options).load(written, 0))
    padded = first_clip(gestures(**options, past_end="pad_last").load(sample, 0))
    clamped = first_clip(gestures(**options, past_end="clamp").load(sample, 0))
    # Depth is whole: padding leaves it alone, clamping takes the same share of both.
    assert (padded["depth"] == whole["depth"]).all()
    assert (clamped["depth"][10:70] == whole["depth"][:60]).all()
    assert (clamped["depth"][70:] == whole["depth"][59]).all()
    levels = [clip["color"].mean(axis=(1, 2, 3)) * 255 / 2 for clip in (padded, clamped)]
    last = end - 21
    assert np.allclose(levels[0][60:], last, atol=2)
    assert np.allclose(levels[0][:60], range(last - 59, last + 1), atol=2)
    assert np.allclose(levels[1][10:70], range(last - 59, last + 1), atol=2)
    lying_header(color, end + 9)  # frames are counted where windows are cut
    assert gestures(past_end="clamp").check(sample) == []
    again = first_clip(gestures(**options, past_end="clamp").load(sample, 0))
    assert all((again[name] == clip).all() for name, clip in clamped.items())


def test_a_window_that_begins_past_the_end_has_no_frame(gestures: Make, sample: Path) -> None:
    start, _ = color_window(sample)
    blank(sample / CLIP / "sk_color.avi", start)
    for rule in ("fail", "clamp", "pad_last"):
        [problem] = gestures(past_end=rule).check(sample)
        assert f"but sk_color.avi has {start} frames" in problem


def test_fewer_frames_than_the_header_tells(gestures: Make, sample: Path) -> None:
    _, end = color_window(sample)
    path = sample / CLIP / "sk_color.avi"
    blank(path, end - 3)
    lying_index(path, 8)
    found = f"but header {end + 5} frames, decoded {end - 3} ({TRAIN}:1)"

    [problem] = gestures().check(sample)
    assert problem.startswith(f"{path}: window ")
    assert problem.endswith(found)
    data = gestures(frames=80, validation_subjects=(2, 3, 4)).load(sample, 0)
    with pytest.raises(DataFormatError, match=re.escape(found)), telling_bad_examples():
        first_clip(data)
    padded = gestures(frames=80, validation_subjects=(2, 3, 4), past_end="pad_last")
    assert padded.check(sample) == []
    clip = first_clip(padded.load(sample, 0))["color"]
    assert (clip[-4:] == clip[-4]).all()


def test_the_index_tells_of_a_wrong_header(gestures: Make, sample: Path) -> None:
    start, end = color_window(sample)
    path = sample / CLIP / "sk_color.avi"
    blank(path, end - 1)
    data = bytearray(path.read_bytes())
    at = data.index(b"avih") + 24
    data[at] = end + 7
    path.write_bytes(data)
    [problem] = gestures().check(sample)
    assert (
        f"window {start}:{end} but sk_color.avi has {end - 1} frames: header {end + 7}" in problem
    )


def test_files_whose_header_is_wrong_are_read_and_mentioned(
    gestures: Make, sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sample / CLIP / "sk_color.avi"
    _, end = color_window(sample)
    blank(path, end + 2)
    lying_header(path, 0)
    assert gestures().check(sample) == []
    told = f"{path}: 0 frames by its header, {end + 2} are there and are read; 1 such file"
    assert told in capsys.readouterr().err


def test_frames_of_two_shapes(gestures: Make, sample: Path) -> None:
    _, end = color_window(sample)
    path = sample / CLIP / "sk_color.avi"
    blank(path, end, (60, 60))
    [problem] = gestures().check(sample)
    assert f"{CLIP}/color is 60x60, depth is 80x60; one crop for all needs" in problem
    # Only what is read together must fit together.
    assert gestures(modalities=("color",)).check(sample) == []
    # Twice as large is the same shape once it is resized.
    blank(path, end, (120, 160))
    assert gestures(short_side=60).check(sample) == []


def test_frames_too_small_for_the_crop(gestures: Make, sample: Path) -> None:
    problems = gestures(crop=70).check(sample)
    assert len(problems) == 18
    assert f"{CLIP}/color is 80x60, too small for crop = 70 ({TRAIN}:1)" in problems[0]


def test_a_list_without_clips(gestures: Make, sample: Path) -> None:
    (sample / TEST).write_text("\n\n")
    assert gestures().check(sample) == [f"{sample}/{TEST}: no clips"]
    with pytest.raises(DataFormatError, match=rf"{TEST}: no clips$"):
        gestures(on_bad_example="skip").load(sample, 0)


def test_overlap_between_the_lists(gestures: Make, sample: Path) -> None:
    line = (sample / TEST).read_text().splitlines()[0]
    with (sample / TRAIN).open("a") as stream:
        stream.write(line + "\n")
    first, second = gestures().check(sample)
    assert "overlap between train and test: Video_data/class_01/subject5_r0" in first
    assert "subject 5 is in both splits" in second
    with pytest.warns(UserWarning, match="1 clip left out"):
        data = gestures(on_bad_example="skip").load(sample, 0)
    assert (len(data.train) + len(data.validation), len(data.test)) == (12, 6)
