"""One PNG file: what it is, whether it can be decoded, and its pixels."""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmbal.errors import DataFormatError

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class ImageFacts:
    """What a sound file is.

    Args:
        digest: SHA-256 of its bytes, hexadecimal.
        height, width: in pixels.
        deep: whether a channel has 16 bits.
    """

    digest: str
    height: int
    width: int
    deep: bool

    @property
    def size(self) -> str:
        """Width and height in words."""
        return f"{self.width}x{self.height}"


def inspect_image(path: Path) -> ImageFacts | str:
    """Read and decode a file; return its facts, or in one line why it cannot be used."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        return f"{path.name}: cannot be read: {problem.strerror}"
    if not data.startswith(SIGNATURE):
        return f"{path.name}: cannot decode image (no PNG; {len(data):,} bytes)"
    try:
        Image.open(BytesIO(data)).verify()  # checksums
        image = Image.open(BytesIO(data))
        image.load()  # pixels
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        return f"{path.name}: cannot decode image ({problem}; {len(data):,} bytes)"
    deep = data[24] == 16  # bit depth, in the header that every PNG begins with
    return ImageFacts(hashlib.sha256(data).hexdigest(), image.height, image.width, deep)


@dataclass(frozen=True)
class View:
    """One view of an object, to be decoded.

    Args:
        example: key of the object.
        number: 0..11.
        path: of the file.
        facts: what it is.
        side: height and width after resizing, in pixels; None for the file's own.
    """

    example: str
    number: int
    path: Path
    facts: ImageFacts
    side: int | None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.side or self.facts.height, self.side or self.facts.width, 3

    def name(self, root: Path) -> str:
        """Return view, size and digest: equal images are kept once."""
        height, width, _ = self.shape
        return f"view{self.number:02d}-{width}x{height}-{self.facts.digest[:32]}"

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
                pixels = np.asarray(decode_png(contents, self.side, deep=self.facts.deep))
        except tf.errors.OpError as problem:
            reason = " ".join(str(problem).split())[:200]
            raise DataFormatError(f"{self.path}: TensorFlow cannot decode: {reason}") from problem
        if pixels.shape != self.shape:
            raise DataFormatError(f"{self.path}: has another size than before")
        return pixels
