"""Fixtures shared by several folders of tests."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmbal.files.locking import locked

EXAMPLE_CONFIG = 'recipe = "toy"\nseed = 0\n\n[strategy]\nname = "guided"\ntolerance = 0.5\n'
WIDTHS = {"a": 3, "b": 5, "c": 4, "d": 2}
CLASSES = 3


def example_events(**changes: Any) -> list[dict[str, Any]]:
    """Return a finished run of two epochs of four steps; `changes` go to its start event."""
    start = {
        "event": "start", "time": "2026-01-02T03:04:05+00:00", "schema": 1, "recipe": "toy",
        "dataset": "digits", "architecture": "mmtm", "strategy": "guided", "seed": 0,
        "epochs": 2, "batch_size": 8, "steps_per_epoch": 4, "modalities": ["gray", "color"],
        "classes": ["zero", "one", "two"], "fingerprint": "c0ffee",
        "notes": {"left_out": 2, "drawn": [3, None]},
        "data": {"task": "single-label", "splits": {"train": {"examples": 32, "digest": "ab"}}},
        "initial_weights": "1f", "data_order": "2e", **changes,
    }  # fmt: skip
    return [
        start,
        {"event": "steps", "epoch": 0, "first": 0, "loss": [2.0, 1.9, 1.8, None],
         "isolated": [-1, -1, 1, 1],
         "learning_speed": {"gray": [0.1, 0.2, 0.2, 0.2], "color": [0.5, 0.9, 0.9, 0.9]},
         "d_speed": [-0.4, -0.7, -0.7, -0.7]},
        {"event": "epoch", "epoch": 0, "step": 4, "train": {"loss": 1.9},
         "validation": {
             "accuracy": 0.5, "branch_accuracy/gray": 0.25, "branch_accuracy/color": 0.5},
         "learning_speed": {"gray": 0.2, "color": 0.9}, "d_speed": -0.7,
         "rebalancing_steps": {"gray": 0, "color": 2}, "seconds": 1.5, "selected": True},
        {"event": "warning", "text": "one thing"},
        {"event": "steps", "epoch": 1, "first": 4, "loss": [1.6, 1.5], "isolated": [-1, -1],
         "learning_speed": {"gray": [0.3, 0.3], "color": [0.8, 0.8]}, "d_speed": [-0.5, -0.5]},
        {"event": "steps", "epoch": 1, "first": 6, "loss": [1.4, 1.3], "isolated": [-1, 0],
         "learning_speed": {"gray": [0.4, 0.4], "color": [0.6, 0.6]}, "d_speed": [-0.2, -0.2]},
        {"event": "epoch", "epoch": 1, "step": 8, "train": {"loss": 1.45},
         "validation": {
             "accuracy": 0.75, "branch_accuracy/gray": 0.5, "branch_accuracy/color": 0.5},
         "learning_speed": {"gray": 0.4, "color": 0.6}, "d_speed": -0.2,
         "rebalancing_steps": {"gray": 1, "color": 0}, "seconds": 1.25, "selected": True},
        {"event": "scores", "split": "test", "weights": "selected", "values": {
            "accuracy": 0.7, "branch_accuracy/gray": 0.4, "branch_accuracy/color": 0.6, "loss": 1.1,
            "utilization/gray": 0.25, "utilization/color": 0.75, "d_util": -0.5}},
        {"event": "scores", "split": "test", "weights": "last", "values": {
            "accuracy": 0.65, "branch_accuracy/gray": 0.35, "branch_accuracy/color": None,
            "loss": 1.2}},
        {"event": "scores", "split": "validation", "weights": "selected", "values": {
            "accuracy": 0.75, "branch_accuracy/gray": 0.5, "branch_accuracy/color": 0.5,
            "loss": 1.0}},
        {"event": "array", "name": "squeeze_mean/mmtm_0/gray", "values": [1.0, 2.5]},
        {"event": "array", "name": "squeeze_mean", "values": [[1.0, None], [3.0, 4.0]]},
        {"event": "end", "seconds": 3.5, "result": {"run": "runs/toy", "steps": 8}},
    ]  # fmt: skip


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a run's folder and returns it."""

    def write(
        name: str = "run",
        events: list[dict[str, Any]] | None = None,
        config: str = EXAMPLE_CONFIG,
        **changes: Any,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        lines = example_events(**changes) if events is None else events
        text = "".join(json.dumps(event) + "\n" for event in lines)
        (folder / "journal.jsonl").write_text(text, encoding="utf-8")
        (folder / "config.toml").write_text(config, encoding="utf-8")
        return folder

    return write


@pytest.fixture(scope="session")
def make_events() -> Callable[..., list[dict[str, Any]]]:
    """Return a function that makes the events of the example run."""
    return example_events


@pytest.fixture
def events() -> list[dict[str, Any]]:
    """Return the events of the example run."""
    return example_events()


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that lets one of pytest's workers fill a folder; the others wait for it."""

    def fill_once(name, fill):
        base = tmp_path_factory.getbasetemp()
        shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
        folder = shared / name
        folder.mkdir(exist_ok=True)
        with locked(folder, wait=True):
            begun, done = folder / "begun", folder / "done"
            assert done.exists() or not begun.exists(), f"another worker could not fill {folder}"
            if not done.exists():
                begun.touch()
                fill(folder)
                done.touch()
        return folder

    return fill_once


@pytest.fixture(scope="session")
def make_network():
    """Return a function that builds the same network for the same arguments."""

    import keras
    import numpy as np

    from mmbal.laboratory.toys import GatedBranches

    def make(modalities="ab", seed=1):
        keras.utils.set_random_seed(seed)
        dense = keras.layers.Dense
        branches = {m: [dense(4, activation="relu"), dense(CLASSES)] for m in modalities}
        network = GatedBranches(branches)
        network({m: np.zeros((1, WIDTHS[m]), "float32") for m in modalities})
        return network

    return make


@pytest.fixture(scope="session")
def make_data():
    """Return a function that draws inputs and labels."""

    import numpy as np

    def make(modalities="ab", examples=40, seed=2):
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, CLASSES, examples)
        inputs = {
            m: generator.normal(size=(examples, WIDTHS[m])).astype("float32") for m in modalities
        }
        for x in inputs.values():
            x[:, 0] += labels
        return inputs, labels

    return make


@pytest.fixture
def xla():
    """Let Keras use XLA, which it does not where other tests made operations deterministic."""
    import tensorflow as tf
    from tensorflow.python.framework import config as framework

    enabled = framework.is_op_determinism_enabled()
    framework.disable_op_determinism()
    yield
    if enabled:
        tf.config.experimental.enable_op_determinism()


@pytest.fixture
def precision():
    """Return a function that sets the policy for one test."""
    import keras

    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    yield keras.config.set_dtype_policy
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


@pytest.fixture
def toy_dataset():
    """Return a function from inputs and labels to a dataset whose every split they are."""

    from mmbal.data import Examples, Modality, MultimodalDataset

    def make(inputs, labels, augment=None):
        rows = Examples.from_arrays(inputs, labels)
        modalities = {m: Modality(x.shape[1:], str(x.dtype)) for m, x in inputs.items()}
        return MultimodalDataset(modalities, ("0", "1", "2"), rows, rows, rows, "", augment)

    return make


@pytest.fixture(scope="session")
def on_three_replicas(once):
    """Return what a process with three replicas says of every function that asks the others."""

    def ask(folder):
        program = Path(__file__).with_name("replicas") / "three_replicas.py"
        done = subprocess.run([sys.executable, program], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (folder / "said.json").write_text(done.stdout)

    return json.loads((once("three_replicas", ask) / "said.json").read_text())
