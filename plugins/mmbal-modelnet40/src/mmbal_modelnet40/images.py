"""One PNG file: what it is, whether it can be decoded, and its pixels."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmbal.errors import DataFormatError

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class View:
    """One view of an object, to be decoded.

    Args:
        example: key of the object.
        number: 0..11.
        path: of the file.
        side: height and width after resizing, in pixels; None for the file's own.
        digest: SHA-256 of the file's bytes, hexadecimal.
        height, width: of the file, in pixels.
        deep: whether a channel has 16 bits.
    """

    example: str
    number: int
    path: Path
    side: int | None
    digest: str
    height: int
    width: int
    deep: bool

    @property
    def size(self) -> str:
        """The file's width and height in words."""
        return f"{self.width}x{self.height}"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.side or self.height, self.side or self.width, 3

    def name(self, root: Path) -> str:
        """Return view, size and digest: equal images are kept once."""
        height, width, _ = self.shape
        return f"view{self.number:02d}-{width}x{height}-{self.digest[:32]}"

    def state(self) -> str:
        """Return nothing: another image has another name."""
        return ""

    def read(self) -> NDArray[np.uint8]:
        """Decode and resize it.

        Raises:
            DataFormatError: it cannot be decoded, or has changed since it was looked at.
        """
        import tensorflow as tf

        from mmbal_modelnet40.pipeline import decode_png

        try:
            with tf.device("CPU"):
                contents = tf.io.read_file(str(self.path))
                pixels = np.asarray(decode_png(contents, self.side, deep=self.deep))
        except tf.errors.OpError as problem:
            reason = " ".join(str(problem).split())[:200]
            raise DataFormatError(f"{self.path}: TensorFlow cannot decode: {reason}") from problem
        if pixels.shape != self.shape:
            raise DataFormatError(f"{self.path}: has another size than before")
        return pixels


def inspect_view(
    example: str, number: int, path: Path, side: int | None, decoded: Callable[[View], bool]
) -> View | str:
    """Read and decode a file; return the view, or in one line why it cannot be used.

    Args:
        example: key of the object.
        number: 0..11.
        path: of the file.
        side: as in `View`.
        decoded: whether a view is known to be sound, and need not be decoded here.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        return f"{path.name}: cannot be read: {problem.strerror}"
    if not data.startswith(SIGNATURE):
        return f"{path.name}: cannot decode image (no PNG; {len(data):,} bytes)"
    # What every PNG begins with: width and height of four bytes each, and bits per channel.
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    digest = hashlib.sha256(data).hexdigest()
    view = View(example, number, path, side, digest, height, width, data[24:25] == b"\x10")
    if decoded(view):
        return view
    try:
        Image.open(BytesIO(data)).verify()  # checksums
        Image.open(BytesIO(data)).load()  # pixels
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        return f"{path.name}: cannot decode image ({problem}; {len(data):,} bytes)"
    return view
