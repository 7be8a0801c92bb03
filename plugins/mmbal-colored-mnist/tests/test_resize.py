"""Resizing agrees with TensorFlow."""

import numpy as np
import pytest

from mmbal_colored_mnist.resize import resize


@pytest.mark.parametrize("size", [8, 11, 16, 28, 40])
def test_resizing_agrees_with_tensorflow(size: int) -> None:
    tf = pytest.importorskip("tensorflow")
    images = np.random.default_rng(1).integers(0, 256, (3, 28, 28, 3)).astype(np.uint8)
    expected = tf.image.resize(images, (size, size), antialias=True).numpy()
    got = resize(images, size)
    assert got.dtype == np.uint8
    inner = slice(2, -2)  # shrinking treats the outermost pixels otherwise
    assert np.abs(got - expected)[:, inner, inner].max() <= 0.51
    assert (resize(images[..., 0], size) == got[..., 0]).all()


def test_resizing_to_the_same_size_changes_nothing() -> None:
    images = np.zeros((2, 8, 8), np.uint8)
    assert resize(images, None) is images
    assert resize(images, 8) is images


def test_doubling_by_hand() -> None:
    row = np.array([[[0, 100], [0, 100]]], np.uint8)
    assert resize(row, 4)[0, 0].tolist() == [0, 25, 75, 100]
