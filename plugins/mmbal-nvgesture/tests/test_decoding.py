"""Which frames are read: every one carries its number in its pixels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mmbal.errors import DataFormatError
from mmbal_nvgesture import decoding
from mmbal_nvgesture.decoding import decode
from mmbal_nvgesture.media import Media, probe_media

Write = Callable[..., Path]
Number = Callable[[np.ndarray], int]

# Frames from one key frame to the next, B-frames, further words for the encoder.
CODINGS = {
    "one key frame": (250, 0, ""),
    "many key frames": (12, 0, ""),
    "every frame a key frame": (1, 0, ""),
    "B-frames": (30, 3, ""),
    "a pyramid of B-frames": (30, 3, ":b-pyramid=normal:ref=4"),
    "B-frames across key frames": (12, 3, ":open-gop=1"),
    "several slices": (25, 2, ":slices=4"),
}


@pytest.fixture(params=CODINGS, ids=CODINGS)
def coded(request: pytest.FixtureRequest, video: Write) -> Path:
    """Return one video of 100 frames in each of the ways to code it."""
    key_every, b_frames, extra = CODINGS[request.param]
    return video(100, key_every, b_frames, extra)


def media_of(path: Path) -> Media:
    media = probe_media(path, "auto", ())
    assert isinstance(media, Media)
    return media


def numbers(path: Path, first: int, last: int, number_of: Number, **how: Any) -> dict[int, int]:
    """Return what `decode` says and what the pixels say of the frames of a window."""
    found: dict[int, int] = {}

    def take(number: int, frame: av.VideoFrame) -> None:
        luma = frame.to_ndarray()[: frame.height]  # stands before the colours
        found[number] = number_of(luma[..., np.newaxis])

    assert decode(media_of(path), first, last, take, **how) == last
    return found


def test_every_window_is_exact(coded: Path, number_of: Number) -> None:
    for first in range(0, 96, 5):
        for last in (first + 1, first + 4, 100):
            expected = {frame: frame for frame in range(first, last)}
            assert numbers(coded, first, last, number_of) == expected


def test_only_what_follows_a_key_frame_is_decoded(
    video: Write, number_of: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = video(100, 25, 2)
    shown = count_frames(monkeypatch)
    assert numbers(path, 55, 60, number_of) == {frame: frame for frame in range(55, 60)}
    assert 10 <= len(shown) <= 15  # 50 to 59, and what the decoder held back


def count_frames(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets an element for every frame that is decoded."""
    shown: list[int] = []
    show = decoding._Attempt._show

    def counting(self: Any, frames: Any) -> None:
        listed = list(frames)
        shown.extend([0] * len(listed))
        show(self, listed)

    monkeypatch.setattr(decoding._Attempt, "_show", counting)
    return shown


def index_of(path: Path) -> tuple[bytearray, int]:
    """Return the bytes of an AVI file and where the entries of its index begin."""
    data = bytearray(path.read_bytes())
    return data, data.rindex(b"idx1") + 8


def test_a_lying_index_does_not_change_the_frames(video: Write, number_of: Number) -> None:
    """Frame 40 depends on others but is marked as a key frame."""
    path = video(100, 25, 0)
    data, at = index_of(path)
    assert data[at + 40 * 16 + 4] == 0
    data[at + 40 * 16 + 4] = 0x10
    path.write_bytes(data)
    assert numbers(path, 45, 50, number_of) == {frame: frame for frame in range(45, 50)}


@pytest.mark.parametrize("conceal", [False, True])
def test_frames_that_need_those_before_the_key_frame(
    video: Write, number_of: Number, monkeypatch: pytest.MonkeyPatch, conceal: bool
) -> None:
    """The key frame 48 comes before 45 to 47 in the file, which need frame 44 as well."""
    path = video(100, 12, 3, ":open-gop=1")
    shown = count_frames(monkeypatch)
    found = numbers(path, 46, 50, number_of, conceal=conceal)
    assert found == {frame: frame for frame in range(46, 50)}
    assert len(shown) >= 50  # from the beginning, in the end


def test_without_an_index(video: Write, number_of: Number) -> None:
    path = video(100, 25, 2)
    data, at = index_of(path)
    data[at - 8 : at - 4] = b"JUNK"
    path.write_bytes(data)
    assert numbers(path, 45, 50, number_of) == {frame: frame for frame in range(45, 50)}


def test_a_video_that_ends_early(video: Write) -> None:
    media = media_of(video(30))
    seen: list[int] = []
    assert decode(media, 25, 40, lambda number, _: seen.append(number)) == 30
    assert seen == [25, 26, 27, 28, 29]
    assert decode(media, 50, 60, lambda number, _: seen.append(number)) == 30


def test_a_damaged_frame_is_refused_or_guessed(
    video: Write, number_of: Number, damage: Callable[[Path, int], None]
) -> None:
    path = video(100, 25, 0)
    damage(path, 33)
    for first, last in ((30, 40), (33, 34), (40, 45)):  # all of one group of frames
        with pytest.raises(
            DataFormatError, match=r"^video_25_0\.avi: cannot decode frame 3\d "
        ) as e:
            decode(media_of(path), first, last, lambda *_: None)
        assert "codec h264, PyAV" in str(e.value)
        assert "extract its frames as images" in str(e.value)
    assert numbers(path, 60, 70, number_of) == {frame: frame for frame in range(60, 70)}
    assert len(numbers(path, 30, 40, number_of, conceal=True)) == 10


def test_other_codecs_are_read(tmp_path: Path, number_of: Number) -> None:
    path = tmp_path / "other.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 80, 60, "yuvj420p"
        for number in range(5):
            pixels = np.zeros((60, 80, 3), np.uint8)
            for bit in range(8):
                pixels[:10, bit * 10 : bit * 10 + 10] = 255 * (number >> bit & 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode(None))
    assert numbers(path, 1, 5, number_of) == {1: 1, 2: 2, 3: 3, 4: 4}


def test_an_unknown_codec_is_named(video: Write) -> None:
    path = video(5)
    data = path.read_bytes()
    assert data.count(b"H264") == 2
    path.write_bytes(data.replace(b"H264", b"QQQQ"))
    with pytest.raises(DataFormatError, match=r"^video_250_0\.avi: its codec .* not supported"):
        decode(media_of(path), 0, 5, lambda *_: None)


def test_a_file_without_frames_of_its_header(tmp_path: Path, video: Write) -> None:
    media = media_of(video(5))
    media.path.write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(DataFormatError, match=r"^video_250_0\.avi: cannot decode frame 0 \(PyAV"):
        decode(media, 0, 5, lambda *_: None)
