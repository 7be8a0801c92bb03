"""`mmbal run --sample` end to end, on branches that convolve over time."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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


@pytest.fixture
def mmbal(tmp_path: Path) -> Any:
    """Return a function that runs `mmbal` in a folder with those branches."""
    (tmp_path / "branch.py").write_text(BRANCH)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mmbal", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
        )

    return run


def test_sample_trains_and_a_bad_frame_fails_in_one_line(mmbal: Any, tmp_path: Path) -> None:
    recipe = ("run", "--plugin", "nvgesture", "--sample", *ARCHITECTURE)

    done = mmbal(*recipe, "--out", "run", "--json")

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["dataset"], result["epochs"], result["steps"]) == ("nvgesture", 3, 9)
    assert set(result["test"]["accuracy_by_modality"]) == {"color", "depth"}
    config = (tmp_path / "run" / "config.toml").read_text()
    assert 'data_dir = "run/sample" # --sample' in config
    assert "frames = 16 # --sample of recipe nvgesture (mmbal-nvgesture 0.1.0)" in config
    assert "dataset_fingerprint" in config
    assert (tmp_path / "run/sample/nvgesture_train_correct.lst").is_file()

    video = next((tmp_path / "run/sample/Video_data").glob("*/subject3_r0/sk_color.avi"))
    data = bytearray(video.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    video.write_bytes(data)
    failed = mmbal(*recipe[:3], *ARCHITECTURE, "--config", "run/config.toml", "--out", "bad")
    assert failed.returncode == 2
    error = failed.stderr.strip().splitlines()[-1]
    assert error.startswith(f"error: {video.relative_to(tmp_path)}: cannot decode frame")
    assert "nvgesture_train_correct.lst:" in error
    assert "Traceback" not in failed.stderr
