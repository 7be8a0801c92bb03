"""The sample: its layout, its oddities, and what its videos show."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal_nvgesture.sampling import _take, write_sample

Make = Callable[..., object]


def contents(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_equal_seeds_write_equal_bytes(written: Path, tmp_path: Path) -> None:
    files = write_sample(tmp_path / "again", seed=3)
    write_sample(tmp_path / "other", seed=4)
    assert contents(tmp_path / "again") == contents(written) != contents(tmp_path / "other")
    assert len(files) == len(contents(written)) == 18 * 5 + 2


def test_the_lists_have_the_published_form(written: Path) -> None:
    train = (written / "nvgesture_train_correct.lst").read_text()
    test = (written / "nvgesture_test_correct.lst").read_text()
    assert train.endswith(" \n")
    assert test.endswith(" ")
    fields = [line.split(" ") for line in (train + test).splitlines()]
    assert all(len(line) == 6 for line in fields)  # the last one is empty
    assert {tuple(f.split(":")[0] for f in line[:5]) for line in fields} == {
        ("path", "depth", "color", "duo_left", "label")
    }
    odd = [
        line
        for line in fields
        if line[0].split("/")[2] != f"class_{int(line[4].split(':')[1]):02d}"
    ]
    assert len(odd) == 1
    shifted = [line for line in fields if line[1].split(":")[2:] != line[2].split(":")[2:]]
    assert len(shifted) == 1


def test_subjects_are_disjoint_and_can_be_held_out(written: Path, gestures: Make) -> None:
    data = gestures(validation_subjects=1).load(written, 0)  # type: ignore[attr-defined]
    assert (len(data.train), len(data.validation), len(data.test)) == (9, 3, 6)


def test_videos_are_h264_with_all_frames(written: Path) -> None:
    key_frames = set()
    for path in (written / "Video_data").glob("*/subject*/sk_depth.avi"):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 80, 60)
            assert stream.average_rate == 30
            frames = list(container.decode(stream))
            assert len(frames) == stream.frames >= 84
            key_frames.add(sum(bool(frame.key_frame) for frame in frames))
    assert min(key_frames) == 1  # far from most windows
    assert max(key_frames) > 5


def test_the_hand_moves_as_the_label_says(gestures: Make, written: Path) -> None:
    data = gestures(frames=80, crop=60, modalities=("depth",)).load(written, 0)  # type: ignore[attr-defined]
    for inputs, label in data.test.dataset():
        clip = inputs["depth"].numpy()[..., 10:, :, 0]  # below the numbers
        bright = [np.argwhere(frame > -0.2).mean(axis=0) for frame in clip[[25, 55]]]
        down, right = bright[1] - bright[0]
        moves = {0: right > 10 > abs(down), 1: right < -10 < -abs(down), 2: down > 5 > abs(right)}
        assert moves[int(label)], (label, down, right)
        assert clip[-1].max() > clip[0].max()  # it comes nearer


def test_the_hand_moves_in_colour_too(gestures: Make, written: Path) -> None:
    data = gestures(frames=80, crop=60, modalities=("color",)).load(written, 0)  # type: ignore[attr-defined]
    for inputs, label in data.test.dataset():
        clip = inputs["color"].numpy()[:, 10:]
        hand = clip[..., 0] - clip[..., 2] > 0.35  # the background is gray
        down, right = np.subtract(*(np.argwhere(hand[frame]).mean(axis=0) for frame in (55, 25)))
        moves = {0: right > 10 > abs(down), 1: right < -10 < -abs(down), 2: down > 5 > abs(right)}
        assert moves[int(label)], (label, down, right)


def test_every_eighth_person_makes_the_next_gesture() -> None:
    def motions(subject: int) -> list[int]:
        return [_take(subject, label, np.random.default_rng(0)).motion for label in (1, 2, 3)]

    assert motions(7) == [0, 1, 2]
    assert motions(8) == [1, 2, 0]


def test_as_many_people_as_are_asked_for(tmp_path: Path) -> None:
    write_sample(tmp_path / "new", seed=0, people=3)
    lists = [tmp_path / "new" / f"nvgesture_{split}_correct.lst" for split in ("train", "test")]
    assert [len(path.read_text().splitlines()) for path in lists] == [6, 3]


def test_a_used_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(MmbalError, match=r"not empty \(holds mine\)"):
        write_sample(tmp_path, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_without_an_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", {"h264"})
    with pytest.raises(MmbalError, match="was built without libx264, which a sample needs"):
        write_sample(tmp_path / "new", seed=0)
    assert not (tmp_path / "new").exists()
