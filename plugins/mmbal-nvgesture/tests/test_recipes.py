"""The recipes as they are shipped: with I3D, with guided balancing, from weights of Kinetics."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tomlkit

from mmbal.strategies import Surroundings
from mmbal.testing import (
    TrainingBatches,
    build_model,
    build_strategy,
    discover,
    open_dataset,
    parse_assignment,
    resolve,
)

# Names and shapes of the tensors of DeepMind's rgb_imagenet checkpoint.
INDEX = Path(__file__).parents[2] / "mmbal-mmtm/tests/data/i3d_index.json"
PREFIX = "RGB/inception_i3d/"
FIRST = "Conv3d_1a_7x7/conv_3d/w"
FEW = ("dataset.sample=6", "dataset.validation_subjects=1")


@pytest.fixture
def checkpoint(tmp_path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """Return the path of a checkpoint like DeepMind's, and its tensors."""
    rng = np.random.default_rng(0)
    tensors = {
        name: np.abs(rng.normal(0, 0.05, entry["shape"])).astype(np.float32)
        for name, entry in json.loads(INDEX.read_text()).items()
    }
    path = str(tmp_path / "model.ckpt")
    tf.raw_ops.SaveV2(
        prefix=path,
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=list(map(tf.constant, tensors.values())),
    )
    return path, {name.removeprefix(PREFIX): value for name, value in tensors.items()}


@pytest.mark.parametrize("name", ["nvgesture", "nvgesture-pretrained"])
def test_how_the_recipes_balance_and_stop(name: str) -> None:
    given = [parse_assignment("architecture.weights=model.ckpt")] if "-" in name else []
    config = resolve(discover(), name, None, given).config
    strategy: Any = config.strategy.options
    assert (strategy.tolerance, strategy.window, strategy.warmup) == (0.02303, 5, 1)
    callbacks: Any = {choice.name: choice.options for choice in config.callbacks}
    assert set(callbacks) == {"reduce-lr-on-plateau", "stop-when-perfect"}
    plateau = callbacks["reduce-lr-on-plateau"]
    assert (plateau.monitor, plateau.factor, plateau.patience) == ("loss", 0.3, 5)
    assert callbacks["stop-when-perfect"].epochs == 5
    assert config.batch_size == 8


def test_streams_start_from_the_weights_that_are_named_and_the_sample_trains_them(
    checkpoint: tuple[str, dict[str, np.ndarray]], written: Path
) -> None:
    path, tensors = checkpoint
    given = [parse_assignment(f"architecture.weights={path}"), *map(parse_assignment, FEW)]
    catalogue = discover()
    config = resolve(catalogue, "nvgesture-pretrained", None, given, sample=True).config
    data = open_dataset(catalogue, config.dataset).load(written, 0)
    model = build_model(config, catalogue, data, build_strategy(config, catalogue), Surroundings())
    network = model.network
    assert network.modalities == ("color", "depth")
    for stages in network.stages:
        kernels = [w.numpy() for w in stages[0].weights if w.shape == tensors[FIRST].shape]
        assert len(kernels) == 1
        np.testing.assert_array_equal(kernels[0], tensors[FIRST])

    batches = TrainingBatches(data, config.batch_size, config.seed)
    assert batches.steps_per_epoch == 3
    model.run_eagerly = True
    logits = [v for head in network.heads for v in head.trainable_variables]
    before = [v.numpy() for v in logits]
    model.fit(batches.dataset, steps_per_epoch=1, verbose=0, shuffle=False)

    (loss,) = model.trace.read().loss
    assert np.isfinite(loss)
    assert all((v.numpy() != b).any() for v, b in zip(logits, before, strict=True))


@pytest.mark.deep
def test_the_sample_trains_as_the_recipe_says(tmp_path: Path) -> None:
    command = ["run", "--plugin", "nvgesture", "--sample", "--epochs", "1", "--json"]
    command += [word for setting in FEW for word in ("--set", setting)]
    done = subprocess.run(
        [sys.executable, "-m", "mmbal", *command, "--out", "run"],
        cwd=tmp_path,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["architecture"], result["strategy"]) == ("mmtm-i3d", "guided")
    assert (result["epochs"], result["steps"]) == (1, 3)
    assert set(result["utilization"]) == {"color", "depth"}
    assert set(result["rebalancing_steps"]) == {"color", "depth"}
    assert np.isfinite(list(result["learning_speed"].values())).all()
    config = tomlkit.parse((tmp_path / "run/config.toml").read_text())
    assert len(str(config["provenance"]["dataset_fingerprint"])) == 64
