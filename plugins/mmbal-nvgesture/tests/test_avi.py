"""Headers and indices of AVI files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from mmbal_nvgesture.avi import AviFacts, probe
from mmbal_nvgesture.decoding import decode
from mmbal_nvgesture.media import Media, probe_media

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


def test_a_list_that_says_it_is_empty_is_no_header(video: Write) -> None:
    path = video(5)
    data = bytearray(path.read_bytes())
    data[16:20] = bytes(4)  # the length of the list of headers, which holds its kind at least
    path.write_bytes(data)
    assert probe(path) == AviFacts(80, 60, 0, 5, len(data))  # by the decoder


def test_empty_frames_do_not_count(video: Write) -> None:
    path = video(37)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"idx1") + 8 + 5 * 16
    data[at + 12 : at + 16] = bytes(4)
    path.write_bytes(data)
    facts = probe(path)
    assert isinstance(facts, AviFacts)
    assert facts.frames == 36


def test_without_an_index_frames_are_counted(video: Write) -> None:
    path = video(37, 12, 3)
    data = bytearray(path.read_bytes().replace(b"idx1", b"JUNK"))
    data[data.index(b"avih") + 24] = 41
    path.write_bytes(data)
    assert probe(path) == AviFacts(80, 60, 41, 37, len(data))


def test_frames_themselves_can_be_counted(video: Write) -> None:
    path = video(37, 12, 3)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"idx1") + 8
    data[at + 12 : at + 16] = bytes(4)
    path.write_bytes(data)
    assert probe(path) == AviFacts(80, 60, 37, 36, len(data))
    assert probe(path, count=True) == AviFacts(80, 60, 37, 37, len(data))


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
@pytest.mark.parametrize("tear", [0, 1000])
def test_files_of_writers_that_could_not_end_them(video: Write, size: int, tear: int) -> None:
    path = video(37)
    data = bytearray(path.read_bytes())
    movi, index = data.index(b"movi"), data.rindex(b"idx1")
    data[4:8] = data[movi - 4 : movi] = size.to_bytes(4, "little")
    at = data.index(b"avih") + 24
    data[at : at + 4] = bytes(4)
    path.write_bytes(data[: index - tear])
    facts = probe(path)
    assert isinstance(facts, AviFacts)
    assert facts.promised == 0
    assert facts.frames == 37 if not tear else 0 < facts.frames < 37


def copied(path: Path, form: str, target: Any) -> None:
    """Put the packets of a video into a container of another form."""
    with av.open(str(path)) as before, av.open(target, "w", format=form) as after:
        stream = before.streams.video[0]
        copy = after.add_stream_from_template(stream)
        for packet in before.demux(stream):
            if packet.size:
                packet.stream, packet.pts = copy, packet.dts
                after.mux(packet)


class Pipe:
    """What can be written to and not wound back."""

    def __init__(self, stream: Any) -> None:
        self.write = stream.write


def test_a_video_out_of_a_pipe(video: Write, tmp_path: Path) -> None:
    path = tmp_path / "piped.avi"
    with path.open("wb") as stream:
        copied(video(37), "avi", Pipe(stream))
    assert path.read_bytes()[4:8] == b"\xff" * 4
    assert probe(path) == AviFacts(80, 60, 0, 37, path.stat().st_size)
    assert numbers_of(path) == list(range(37))


@pytest.mark.parametrize("form", ["mp4", "matroska"])
def test_videos_of_other_forms_are_what_the_decoder_finds(
    video: Write, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "x.avi"
    copied(video(37), form, str(path))
    assert probe(path) == AviFacts(80, 60, 0, 37, path.stat().st_size)
    assert numbers_of(path) == list(range(37))


def test_a_header_without_the_size_of_frames(video: Write) -> None:
    path = video(37)
    data = bytearray(path.read_bytes())
    at = data.index(b"avih") + 40
    data[at : at + 8] = bytes(8)
    path.write_bytes(data)
    assert probe(path) == AviFacts(80, 60, 0, 37, len(data))


def test_frames_after_the_first_gigabyte(video: Write) -> None:
    path = video(37)
    data = path.read_bytes()
    movi = data.index(b"movi")
    length = int.from_bytes(data[movi - 4 : movi], "little")
    again = data[movi - 8 : movi + length]
    path.write_bytes(data + b"RIFF" + (len(again) + 4).to_bytes(4, "little") + b"AVIX" + again)
    facts = probe(path)
    assert isinstance(facts, AviFacts)
    assert (facts.frames, facts.promised) == (74, 37)


def numbers_of(path: Path) -> list[int]:
    """Return the numbers of the frames that are decoded from a video."""
    media, seen = probe_media(path, "auto", range(37)), []
    assert isinstance(media, Media)
    assert decode(media, 0, 40, lambda number, _: seen.append(number)) == 37
    return seen


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
