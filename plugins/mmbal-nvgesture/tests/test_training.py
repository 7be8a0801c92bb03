"""`mmbal run --sample` end to end, on branches that convolve over time.

In-process tests of the same: `test_recipes` takes a step of the sample, `test_source` draws equal
seeds alike in every epoch and tells of a bad frame in one line.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

BRANCH = """
import keras
from keras import layers

def build(shape):
    inputs = keras.Input(shape)
    x = layers.Conv3D(4, 3, strides=(2, 4, 4), activation="relu", name="first")(inputs)
    x = layers.Conv3D(8, 3, strides=2, activation="relu", name="second")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling3D()(x))
"""
ARCHITECTURE = [
    "--architecture", "mmtm-any", "--set", "architecture.backbone=branch:build",
    "--set", 'architecture.cuts=["first"]',
]  # fmt: skip


FEW = ("--set", "dataset.sample=6", "--set", "dataset.validation_subjects=1", "--epochs", "3")
RECIPE = ("run", "--plugin", "nvgesture", "--sample", *ARCHITECTURE, *FEW)


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Return a function that starts `mmbal` in a folder with those branches."""
    (tmp_path / "branch.py").write_text(BRANCH)

    def start(*arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "mmbal", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def mmbal(start: Any) -> Any:
    """Return a function that runs it to its end."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        process = start(*arguments)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


def weights(path: Path) -> dict[str, np.ndarray]:
    """Return every array of a file of weights."""
    found = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(note)
    return found


@pytest.mark.soak
def test_a_killed_run_goes_on_to_the_same_weights(mmbal: Any, start: Any, tmp_path: Path) -> None:
    recipe = (*RECIPE, "--set", "checkpoint_steps=1")
    done = mmbal(*recipe, "--out", "unbroken")
    assert done.returncode == 0, done.stderr
    process, end = start(*recipe, "--out", "killed"), time.monotonic() + 240
    while (
        len(list((tmp_path / "killed/resume").glob("0*.safetensors"))) < 2
    ):  # inside the first epoch
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL

    resumed = mmbal("run", "--resume", "--out", "killed")

    assert resumed.returncode == 0, resumed.stderr
    for name in ("last.weights.h5", "weights.weights.h5"):
        ours, theirs = weights(tmp_path / "killed" / name), weights(tmp_path / "unbroken" / name)
        assert ours.keys() == theirs.keys() != set()
        for path, value in ours.items():
            np.testing.assert_array_equal(value, theirs[path], err_msg=path)


@pytest.mark.soak
def test_sample_trains_and_a_bad_frame_fails_in_one_line(mmbal: Any, tmp_path: Path) -> None:
    done = mmbal(*RECIPE, "--out", "run", "--json")

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["dataset"], result["epochs"], result["steps"]) == ("nvgesture", 3, 9)
    assert {"branch_accuracy/color", "branch_accuracy/depth"} <= set(result["test"])
    config = (tmp_path / "run" / "config.toml").read_text()
    assert 'data_dir = "run/sample" # --sample' in config
    assert "frames = 16 # --sample of recipe nvgesture (mmbal-nvgesture 0.1.0)" in config
    assert "dataset_fingerprint" in config
    assert (tmp_path / "run/sample/nvgesture_train_correct.lst").is_file()

    video = next((tmp_path / "run/sample/Video_data").glob("*/subject3_r0/sk_color.avi"))
    data = bytearray(video.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    video.write_bytes(data)
    failed = mmbal(*RECIPE[:3], *ARCHITECTURE, "--config", "run/config.toml", "--out", "bad")
    assert failed.returncode == 2
    error = failed.stderr.strip().splitlines()[-1]
    assert error.startswith(f"error: {video.relative_to(tmp_path)}: cannot decode frame")
    assert "nvgesture_train_correct.lst:" in error
    assert "Traceback" not in failed.stderr
