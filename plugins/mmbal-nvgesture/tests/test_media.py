"""Folders of numbered images stand for videos."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmbal.data import telling_bad_examples
from mmbal.errors import DataFormatError
from mmbal_nvgesture.media import Media, find_media, probe_media

Make = Callable[..., Any]

# folder, name of the image with a number, number of the first
FORMS = [
    ("sk_color", "img{:05d}.jpg", 1),
    ("sk_color_all", "{:05d}.jpg", 1),
    ("sk_color", "{:06d}.png", 0),
    ("sk_color_all", "frame_{}.JPEG", 1),
]


CLIP = "Video_data/class_01/subject5_r0"  # the first of the test list


@pytest.fixture
def clip(sample: Path, extract: Make) -> Path:
    """Return the folder of the first test clip, whose colour frames are images from 1 on."""
    extract(sample / CLIP / "sk_color.avi", sample / CLIP / "sk_color", "{:05d}.jpg", 1)
    return sample / CLIP


@pytest.mark.parametrize(("name", "form", "first"), FORMS)
def test_images_are_the_frames_of_the_video(
    gestures: Make, written: Path, sample: Path, extract: Make, name: str, form: str, first: int
) -> None:
    videos = sorted(sample.glob("Video_data/*/subject5_r0/sk_color.avi"))
    for video in videos:
        extract(video, video.with_name(name), form, first)
    (sample / CLIP / name / "notes.txt").touch()
    parts = (gestures(frames=80).load(folder, 0).test for folder in (written, sample))
    one, two = (list(part.dataset([0, 2, 4])) for part in parts)  # one in each of the codings
    assert len(videos) == len(one) == 3
    for (before, label), (after, same) in zip(one, two, strict=True):
        assert int(label) == int(same)
        assert (before["depth"].numpy() == after["depth"].numpy()).all()
        # JPEG loses a little; a frame beside this one has other squares.
        assert np.abs(before["color"].numpy() - after["color"].numpy()).mean() < 0.02


def test_folders_that_end_inside_the_window(gestures: Make, sample: Path, clip: Path) -> None:
    line = (sample / "nvgesture_test_correct.lst").read_text().splitlines()[0]
    start, end = re.search(r"sk_color:(\d+):(\d+)", line).groups()  # type: ignore[union-attr]
    for number in range(int(end) - 20, len(list((clip / "sk_color").iterdir()))):
        (clip / "sk_color" / f"{number + 1:05d}.jpg").unlink()  # 60 of 80 are left
    told = f"window {start}:{end} but sk_color has {int(end) - 20} frames (nvgesture_test"
    assert [told in problem for problem in gestures().check(sample)] == [True]
    clips = {}
    for rule in ("pad_last", "clamp"):
        assert gestures(past_end=rule).check(sample) == []
        data = gestures(past_end=rule, frames=80).load(sample, 0).test
        clips[rule] = next(iter(data.dataset()))[0]["color"].numpy()
    assert (clips["pad_last"][59:] == clips["pad_last"][59]).all()
    assert (clips["clamp"][10:70] == clips["pad_last"][:60]).all()


def test_images_of_two_sizes(gestures: Make, sample: Path, clip: Path) -> None:
    path = clip / "sk_color/00050.jpg"
    Image.new("RGB", (40, 30)).save(path)
    fault = f"{path}: is 40x30, the folder's first image is 80x60; all need one size (nvgesture_te"
    [problem] = gestures().check(sample)
    assert problem.startswith(fault)
    data = gestures(frames=80).load(sample, 0)
    with pytest.raises(DataFormatError, match=re.escape(fault)), telling_bad_examples():
        list(data.test.dataset([0]))


def test_layouts(gestures: Make, taken_apart: Path, written: Path, tmp_path: Path) -> None:
    # Links, as files are removed but not written.
    sample, both = (tmp_path / name for name in ("images", "both"))
    for source, target in ((taken_apart, sample), (taken_apart, both), (written, both)):
        shutil.copytree(source, target, copy_function=link, dirs_exist_ok=True)
    prints = {
        layout: gestures(layout=layout, modalities=("color",)).load(both, 0).fingerprint
        for layout in ("auto", "video", "frames")
    }
    assert prints["auto"] == prints["video"] != prints["frames"]
    with pytest.raises(DataFormatError, match=r"sk_color\.avi: not found \(nvgesture_train"):
        gestures(layout="video").load(sample, 0)
    for layout, words in (
        ("auto", "sk_color.avi, sk_color or sk_color_all: not found"),
        ("frames", "sk_color or sk_color_all (folder of images): not found"),
    ):
        shutil.rmtree(sample / CLIP / "sk_color", ignore_errors=True)
        with pytest.raises(DataFormatError) as caught:
            gestures(layout=layout, modalities=("color",)).load(sample, 0)
        assert f"{CLIP}/{words} (nvgesture_test_correct.lst:1); 1 of 18 clips affected" in str(
            caught.value
        )


def link(source: str, target: str) -> None:
    """Link a file unless there is one of its name."""
    if not os.path.exists(target):
        os.link(source, target)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of the images 1 to 40."""
    path = tmp_path / "sk_color"
    path.mkdir()
    for number in range(1, 41):
        Image.new("RGB", (8, 6)).save(path / f"img{number:05d}.jpg")
    return path


def test_facts_of_a_folder(folder: Path) -> None:
    media = probe_media(folder, "auto", range(40))
    assert isinstance(media, Media)
    assert (media.width, media.height, media.frames, media.promised) == (8, 6, 40, 40)
    assert media.size == sum(path.stat().st_size for path in folder.iterdir())
    assert find_media(folder.parent, "sk_color", "auto") == folder
    assert find_media(folder.parent, "sk_depth", "auto") is None


def test_gaps(folder: Path) -> None:
    (folder / "img00017.jpg").unlink()
    # Frame 16 from 0 is image 17 from 1.
    assert probe_media(folder, "auto", range(10, 30)) == "sk_color: frame 00017 missing"
    assert isinstance(probe_media(folder, "auto", range(17, 40)), Media)
    assert isinstance(probe_media(folder, "auto", range(16)), Media)


def test_numbering_can_be_told(folder: Path) -> None:
    assert probe_media(folder, 0, range(5)) == "sk_color: frame 00000 missing"
    media = probe_media(folder, 0, range(5, 9))
    assert isinstance(media, Media)
    assert media.numbering is not None
    assert (media.frames, media.numbering.name(5)) == (41, "img00005.jpg")


def test_a_folder_that_begins_late_needs_to_be_told(folder: Path) -> None:
    for number in range(1, 10):
        (folder / f"img{number:05d}.jpg").unlink()
    found = probe_media(folder, "auto", range(20, 30))
    assert isinstance(found, str)
    assert found.startswith("sk_color: the first image is number 10; set first_frame to 0 or 1")
    assert isinstance(probe_media(folder, 1, range(20, 30)), Media)


def test_what_is_no_image(folder: Path) -> None:
    (folder / "img00001.jpg").write_bytes(b"no image")
    found = probe_media(folder, "auto", range(40))
    assert isinstance(found, str)
    assert found.startswith("sk_color/img00001.jpg: cannot decode image (")
    for path in folder.iterdir():
        path.rename(path.with_suffix(".bmp"))
    assert probe_media(folder, "auto", range(40)) == (
        "sk_color: no numbered images (.jpg, .jpeg, .png)"
    )


def test_a_bad_image_is_found_when_it_is_read(gestures: Make, sample: Path, extract: Make) -> None:
    extract(sample / CLIP / "sk_color.avi", sample / CLIP / "sk_color", "img{:05d}.jpg", 1)
    data = gestures(frames=80).load(sample, 0)
    path = sample / CLIP / "sk_color/img00050.jpg"
    path.write_bytes(path.read_bytes()[:200])
    clip = data.test
    message = (
        r"sk_color/img00050\.jpg: cannot decode image \(.*\) \(nvgesture_test_correct\.lst:1\); "
    )
    with pytest.raises(DataFormatError, match=message), telling_bad_examples():
        list(clip.dataset([0]))
    path.unlink()
    with pytest.raises(DataFormatError, match="frame 00050 missing"), telling_bad_examples():
        list(clip.dataset([0]))
