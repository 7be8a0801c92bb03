"""One PNG file: what it is, and whether it can be decoded."""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

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
