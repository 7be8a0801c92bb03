"""Headers and indices of AVI files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mmbal_nvgesture.avi import AviFacts, probe

Write = Callable[..., Path]


@pytest.mark.parametrize("b_frames", [0, 3])
def test_facts(video: Write, b_frames: int) -> None:
    path = video(37, 12, b_frames)
    assert probe(path) == AviFacts(80, 60, 37, 37, path.stat().st_size)


def test_the_index_counts_and_not_the_header(video: Write) -> None:
    path = video(37)
    data = bytearray(path.read_bytes())
    at = data.index(b"avih") + 24
    assert data[at] == 37
    data[at] = 41
    path.write_bytes(data)
    facts = probe(path)
    assert isinstance(facts, AviFacts)
    assert (facts.frames, facts.promised) == (37, 41)


def test_empty_frames_do_not_count(video: Write) -> None:
    path = video(37)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"idx1") + 8 + 5 * 16
    data[at + 12 : at + 16] = bytes(4)
    path.write_bytes(data)
    facts = probe(path)
    assert isinstance(facts, AviFacts)
    assert facts.frames == 36


def test_without_an_index_the_header_counts(video: Write) -> None:
    path = video(37)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"idx1", b"JUNK"))
    facts = probe(path)
    assert isinstance(facts, AviFacts)
    assert facts.frames == 37


def test_frames_themselves_can_be_counted(video: Write) -> None:
    path = video(37, 12, 3)
    data = bytearray(path.read_bytes().replace(b"idx1", b"JUNK"))
    data[data.index(b"avih") + 24] = 41
    path.write_bytes(data)
    assert probe(path) == AviFacts(80, 60, 41, 41, len(data))
    assert probe(path, count=True) == AviFacts(80, 60, 41, 37, len(data))


def test_cut_files(video: Write) -> None:
    path = video(37)
    data = path.read_bytes()
    for length in (len(data) - 1, len(data) // 2, 100):
        path.write_bytes(data[:length])
        assert probe(path) == f"video_250_0.avi: cut short, {length:,} of {len(data):,} bytes"


@pytest.mark.parametrize("data", [b"", b"RIFF", b"\x00\x00\x00\x18ftypmp42" + bytes(99)])
def test_other_files(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.avi"
    path.write_bytes(data)
    found = probe(path)
    assert isinstance(found, str)
    assert found.startswith(f"x.avi: no AVI file ({len(data)} bytes, begins with ")


def test_an_avi_file_without_video(tmp_path: Path) -> None:
    path = tmp_path / "x.avi"
    path.write_bytes(b"RIFF" + (16).to_bytes(4, "little") + b"AVI LIST" + bytes(8))
    assert probe(path) == "x.avi: no video in this AVI file"
    path.unlink()
    assert probe(path) == "x.avi: cannot be read: No such file or directory"
