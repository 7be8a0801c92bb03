"""The IDX format, byte by byte."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from mmbal.errors import DataFormatError
from mmbal_colored_mnist.idx import read_idx, write_idx


def test_images_are_written_as_the_format_says(tmp_path: Path) -> None:
    path = tmp_path / "images"
    write_idx(path, np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
    assert path.read_bytes() == bytes.fromhex("00000803 00000002 00000002 00000003") + bytes(
        range(12)
    )
    assert read_idx(path, 3).tolist() == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]


def test_labels_survive_compression_with_equal_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.gz", tmp_path / "two.gz"
    for path in (one, two):
        write_idx(path, np.array([3, 1, 4], np.uint8))
    assert one.read_bytes() == two.read_bytes()
    assert gzip.decompress(one.read_bytes()) == bytes.fromhex("00000801 00000003 030104")
    assert read_idx(one, 1).tolist() == [3, 1, 4]


def test_gzip_is_recognised_without_its_ending(tmp_path: Path) -> None:
    write_idx(tmp_path / "a.gz", np.array([3], np.uint8))
    (tmp_path / "a").write_bytes((tmp_path / "a.gz").read_bytes())
    assert read_idx(tmp_path / "a", 1).tolist() == [3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a: an empty file, expected 0x00000803 \(images\)"),
        (b"\x00\x00\x08", "magic 0x000008, expected 0x00000803"),
        (b"\x89PNG\r\n", "magic 0x89504e47, expected 0x00000803"),
        (bytes.fromhex("00000801 00000000"), "magic 0x00000801, expected 0x00000803"),
        (bytes.fromhex("00000803 00000001"), "ends within its header of 16 bytes"),
        (
            bytes.fromhex("00000803 ffffffff ffffffff ffffffff"),
            "holds 0 bytes, header promises 79,228,162,458,924,105,385,300,197,375",
        ),
        (
            bytes.fromhex("00000803 00000001 00000001 00000001 0102"),
            r"holds 2 bytes, header promises 1 \(1x1x1\)",
        ),
    ],
)
def test_what_is_no_image_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match=message):
        read_idx(path, 3)


@pytest.mark.parametrize("damage", ["garbage", "cut", "flipped"])
def test_a_damaged_gzip_stream_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.gz"
    write_idx(path, np.random.default_rng(0).integers(0, 9, 5000).astype(np.uint8))
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 0xFF
    path.write_bytes(
        {"garbage": b"\x1f\x8bnot gzip", "cut": bytes(data[:900]), "flipped": bytes(data)}[damage]
    )
    with pytest.raises(DataFormatError, match="not a valid gzip stream"):
        read_idx(path, 1)
