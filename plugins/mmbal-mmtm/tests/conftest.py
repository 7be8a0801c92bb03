"""DeepMind's I3D as its files hold it."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

# Names and shapes of the tensors of DeepMind's rgb_imagenet checkpoint, as its index lists them.
INDEX = Path(__file__).parent / "data" / "i3d_index.json"


def draw(name, shape):
    """Return the values that data/i3d_torch.py made of the same name."""
    generator = np.random.default_rng(list(name.encode()))
    if name.endswith("variance"):
        return generator.uniform(0.5, 1.5, shape)
    if len(shape) > 1 and name != "clip":
        return generator.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))
    return generator.normal(size=shape) * (1 if name == "clip" else 0.1)


@pytest.fixture(scope="session")
def i3d_tensors():
    """Return the 230 tensors of a checkpoint, float64, by their names without the prefix."""
    prefix = "RGB/inception_i3d/"
    index = json.loads(INDEX.read_text(encoding="utf-8"))
    names = {name.removeprefix(prefix): entry["shape"] for name, entry in index.items()}
    return {name: draw(name, shape) for name, shape in names.items()}


@pytest.fixture(scope="session")
def i3d_clip():
    """Return a function that draws clips of a shape."""
    return lambda shape: draw("clip", shape)


@pytest.fixture(scope="session")
def save_checkpoint(tmp_path_factory):
    """Return a function that writes tensors as DeepMind's files hold them; returns the path."""

    def save(tensors, prefix="RGB/inception_i3d/", dtype="float32"):
        path = str(tmp_path_factory.mktemp("checkpoint") / "model.ckpt")
        names = [prefix + name for name in tensors]
        values = [tf.constant(np.asarray(value, dtype)) for value in tensors.values()]
        tf.raw_ops.SaveV2(
            prefix=path, tensor_names=names, shape_and_slices=[""] * len(names), tensors=values
        )
        return path

    return save


@pytest.fixture
def policy():
    """Return a function that sets the precision of new layers; undone after the test."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)
