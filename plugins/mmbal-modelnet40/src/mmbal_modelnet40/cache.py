"""Decoded images on disk: one memory-mapped array per view, shared by all runs."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mmbal.data import locked, track
from mmbal.errors import DataFormatError
from mmbal_modelnet40.images import ImageFacts
from mmbal_modelnet40.pipeline import Decoder

FORMAT = 1
BATCH = 64


def cached_pixels(
    folder: Path,
    view: int,
    files: Sequence[Path],
    facts: Sequence[ImageFacts],
    decode: Decoder,
) -> NDArray[np.uint8]:
    """Return the pixels of one view of all objects; decode them if no run has done so yet.

    The array's file is named after the contents of the images and the size they are decoded to,
    and it appears only when it is whole.

    Args:
        folder: of the cache; made if absent.
        view: 0..11, for the file's name.
        files: one for each object.
        facts: of the files, for their digests.
        decode: bytes to pixels.

    Returns:
        (objects, height, width, 3), mapped into memory as it is read.

    Raises:
        DataFormatError: a file cannot be decoded, or the array's file is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"view{view:02d}_{decode.width}x{decode.height}_{_key(facts, decode)}.npy"
    with locked(folder, wait=True):
        if not path.is_file():
            for partial in folder.glob(".*.partial"):  # of a killed run
                partial.unlink()
            _build(path, files, decode, f"decoding view {view}")
    try:
        # "c": what is written stays in this process, and nobody writes.
        pixels: NDArray[np.uint8] = np.load(path, mmap_mode="c", allow_pickle=False)
    except (ValueError, OSError, EOFError) as problem:
        text = f"{path}: damaged ({problem}); remove it, and it is made again"
        raise DataFormatError(text) from problem
    return pixels


def _key(facts: Sequence[ImageFacts], decode: Decoder) -> str:
    digest = hashlib.sha256(f"{FORMAT} {decode.deep} {decode.resized}".encode())
    for fact in facts:
        digest.update(bytes.fromhex(fact.digest))
    return digest.hexdigest()[:20]


def _build(path: Path, files: Sequence[Path], decode: Decoder, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    shape = (len(files), decode.height, decode.width, 3)
    names = tf.data.Dataset.from_tensor_slices([str(file) for file in files])
    images = names.map(lambda name: decode(tf.io.read_file(name)), tf.data.AUTOTUNE)
    batches = images.batch(BATCH).prefetch(tf.data.AUTOTUNE)
    try:
        array = np.lib.format.open_memmap(partial, "w+", np.uint8, shape)
        steps = track(batches.as_numpy_iterator(), text, -(-len(files) // BATCH))
        for step, batch in enumerate(steps):
            array[step * BATCH : step * BATCH + len(batch)] = batch
        array.flush()
        partial.replace(path)
    except tf.errors.OpError as problem:
        reason = " ".join(str(problem).split())[:200]
        raise DataFormatError(f"{path.name}: TensorFlow cannot decode: {reason}") from problem
    finally:
        partial.unlink(missing_ok=True)
