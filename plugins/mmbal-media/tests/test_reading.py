"""From uint8 to what networks read, and what is loaded for it."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Modality
from mmbal_media import MediaExample, by_imagenet
from mmbal_media.reading import read_by


def test_pixels_by_imagenet() -> None:
    dark, light = (by_imagenet(tf.constant(value, tf.uint8, [1, 3])) for value in (0, 255))
    assert dark.numpy() == pytest.approx(np.array([[-2.1179, -2.0357, -1.8044]]), abs=1e-4)
    assert light.numpy() == pytest.approx(np.array([[2.2489, 2.4286, 2.64]]), abs=1e-4)


def test_examples_are_plain_or_varied_by_their_seed() -> None:
    def plain(index: int) -> tuple[dict[str, np.ndarray], int]:
        return {"a": np.full(2, index, np.uint8)}, 7

    def varied(index: int, seed: np.ndarray) -> tuple[dict[str, np.ndarray], int]:
        return {"a": np.full(2, index + seed[1], np.uint8)}, 8

    def halved(name: str, values: tf.Tensor) -> tf.Tensor:
        assert name == "a"
        return tf.cast(values, tf.float32) / 2

    listed = [MediaExample(key=f"{row}", split="train", label=7) for row in range(5)]
    examples = read_by(listed, {"a": Modality((2,))}, halved, plain, varied)
    assert (examples.labels.tolist(), examples.ids) == ([7] * 5, ["0", "1", "2", "3", "4"])
    (inputs, label), *_ = examples.dataset([3])
    assert (inputs["a"].numpy().tolist(), int(label)) == ([1.5, 1.5], 7)
    assert label.dtype == tf.int64
    inputs, label = examples.vary(np.int64(3), np.array([0, 4]))
    assert (inputs["a"].numpy().tolist(), int(label)) == ([3.5, 3.5], 8)
    assert read_by(listed, {"a": Modality((2,))}, halved, plain, None).vary is None


def test_options_load_nothing_heavy() -> None:
    code = "import sys, mmbal_media; print(*{'numpy', 'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "\n")
