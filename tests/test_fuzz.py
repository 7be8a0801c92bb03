"""Whatever a file holds, its parser reads it or says in an MmbalError what is wrong."""

import struct
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmbal.config.resolution import resolve
from mmbal.errors import MmbalError
from mmbal.records.checkpoint import Checkpoint, Generations
from mmbal.records.record_file import read_record
from mmbal.records.run_folder import RunFolder
from mmbal.registry.discovery import discover
from mmbal.sweep.axes import listed_axis
from mmbal_colored_mnist.idx import read_idx
from mmbal_modelnet40.off import read_off
from mmbal_nvgesture.lists import read_list
from mmbal_nvgesture.media import probe_media
from mmbal_nvgesture.sampling import write_video

TEXT, BINARY = 10_000, 1_000
QUICK = 200
TOML = b"""recipe = "colored-digits"
epochs = 3
callbacks = ["early-stopping"]
[strategy]
name = "guided"
tolerance = 0.1
[optimizer]
learning_rate = 1e-3
[dataset]
train_examples = 100
seed = "none"
"""
TRIALS = b'[[trials]]\nstrategy = "vanilla"\n"optimizer.learning_rate" = 0.1\n[trials.x]\ny = 1\n'
CSV = b'strategy;seed,"a""b"\nguided;0,002,"[1, 2]"\n;;\n'
JSONL = b'{"strategy": "vanilla", "a": {"b": [1, null]}}\n{"seed": 1e3}\n'
LIST = b"path:./Video_data/c/subject3_r0 depth:sk_depth:1:9 color:sk_color:1:9 label:1\n" * 2
OFF = b"OFF\n4 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 -1e-3\n3 0 1 2\n4 0 1 2 3 255\n"
IDX = struct.pack(">IIII", 0x803, 2, 2, 3) + bytes(range(12))


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """Return a function from the name of a parser to the bytes of a sound file."""
    folder = tmp_path_factory.mktemp("sound")

    @cache
    def make(name: str) -> bytes:
        if name == "AVI":
            frames = np.random.default_rng(0).integers(0, 255, (5, 16, 16, 3), np.uint8)
            write_video(folder / "a.avi", frames, 30, 5, 0)
            return (folder / "a.avi").read_bytes()
        if name == "checkpoint":
            arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(True), "c": np.zeros(0)}
            return Generations(folder).save(Checkpoint(4, arrays, {"x": [1, None]})).read_bytes()
        return SOUND[name]

    return make


def read_checkpoint_of(path: Path) -> Checkpoint | None:
    return Generations(path.parent).newest()


def resolve_file(path: Path) -> Any:
    return resolve(catalogue(), None, path)


@cache
def catalogue() -> Any:
    return discover()


SOUND = {
    "TOML": TOML, "trials.toml": TRIALS, "trials.csv": CSV, "trials.jsonl": JSONL, "clips": LIST,
    "OFF": OFF, "IDX": IDX,
}  # fmt: skip
# name of the file, what reads it, how many inputs a long test takes
PARSERS: dict[str, tuple[str, Callable[[Path], Any], int]] = {
    "TOML": ("a.toml", resolve_file, TEXT),
    "trials.toml": ("a.toml", listed_axis, TEXT),
    "trials.csv": ("a.csv", listed_axis, TEXT),
    "trials.jsonl": ("a.jsonl", listed_axis, TEXT),
    "clips": ("a.lst", lambda path: read_list(path, "train", ("color", "depth"), 25), TEXT),
    "OFF": ("a.off", read_off, TEXT),
    "IDX": ("a.gz", lambda path: read_idx(path, 3), TEXT),
    "AVI": ("a.avi", lambda path: probe_media(path, "auto", range(3)), BINARY),
    "record": ("record.h5", read_record, BINARY),
    "journal": ("journal.jsonl", lambda path: RunFolder(path.parent).open(), TEXT),
    "checkpoint": ("00000004.safetensors", read_checkpoint_of, BINARY),
}
TOKENS = [
    b"\n", b"\r\n", b"[[", b"]]", b"[" * 3000, b"{" * 3000, b"{a=" * 500,
    b'{"a":' * 500, b'"', b"'", b"=", b",",
    b";", b":", b"#", b"\\", b"\0", b"-1", b"1e999", b"nan", b"9" * 5000, b"99999999999", b"0.5",
    b"true", b"null", b'"""', b"trials", b"strategy.name", b"1979-13-45T99:99:99", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\xc3", b"\xed\xa0\xbd", b"\\ud800", b"RIFF", b"LIST", b"\xff" * 4, bytes(4),
]  # fmt: skip


def damaged(sound: bytes) -> st.SearchStrategy[bytes]:
    """Draw bytes, pieces of the format, or a sound file some of whose places hold others."""
    piece = st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8))
    place = st.tuples(st.integers(0, len(sound)), st.integers(0, 40), piece)

    def apply(places: list[tuple[int, int, bytes]]) -> bytes:
        data = sound
        for at, length, new in places:
            data = data[:at] + new + data[at + length :]
        return data

    def overwrite(places: list[tuple[int, int, bytes]]) -> bytes:
        data = bytearray(sound)
        for at, _, new in places:
            data[at : at + len(new)] = new[: len(data) - at]
        return bytes(data)

    places = st.lists(place, min_size=1, max_size=4)
    return st.one_of(
        places.map(apply),
        places.map(overwrite),
        st.integers(0, len(sound)).map(lambda length: sound[:length]),
        st.lists(piece, max_size=12).map(b"".join),
        st.binary(max_size=200),
    )


@pytest.mark.parametrize(
    ("name", "count"),
    [
        pytest.param(name, count, marks=marks)
        for name, (_, _, most) in PARSERS.items()
        for count, marks in (
            (QUICK, ()),
            (most, [pytest.mark.soak, pytest.mark.timeout(7200)]),
        )
    ],
)
def test_parsers_raise_nothing_else(tmp_path, image, write_run, name, count):
    file, read, _ = PARSERS[name]
    path = tmp_path / file
    if name in ("record", "journal"):
        folder = RunFolder(write_run())
        folder.consolidate()
        sound = (folder.record if name == "record" else folder.journal).read_bytes()
    else:
        sound = image(name)
    path.write_bytes(sound)
    read(path)

    @settings(
        max_examples=count, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(damaged(sound))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        (tmp_path / "record.h5").unlink(missing_ok=True) if name == "journal" else None
        with suppress(MmbalError):
            read(path)

    check()
