"""What is offered, and what it loads."""

import subprocess
import sys
from typing import Any

import pytest

from mmbal.errors import ConfigError
from mmbal.testing import discover, parse_assignment, resolve
from mmbal_nvgesture import plugin


def test_recipes() -> None:
    scratch, pretrained = plugin.mmbal_recipes()
    assert (scratch.name, pretrained.name) == ("nvgesture", "nvgesture-pretrained")
    assert {each.architecture for each in (scratch, pretrained)} == {"mmtm-i3d"}
    assert {each.strategy for each in (scratch, pretrained)} == {"guided"}
    assert not scratch.needs


def test_weights_must_be_named() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(discover(), "nvgesture-pretrained")
    text = str(caught.value)
    assert text.startswith("recipe 'nvgesture-pretrained' needs architecture.weights: ")
    assert "google-deepmind/kinetics-i3d as data/checkpoints/rgb_imagenet/model.ckpt" in text
    assert "--set architecture.weights=" in text


def test_the_sample_is_small() -> None:
    other = parse_assignment("architecture=mmtm-any")  # takes any options of the dataset
    config = resolve(discover(), "nvgesture", None, [other], sample=True).config
    options: Any = config.dataset.options
    assert (options.frames, options.crop, config.epochs) == (16, 32, 8)
    assert resolve(discover(), "nvgesture", None, [other]).config.epochs == 100


def test_descriptions_and_workers_load_nothing_heavy() -> None:
    script = (
        "import sys, mmbal_nvgesture.plugin, mmbal_nvgesture.options\n"
        "print(*sys.modules)\n"
        "import mmbal_nvgesture.source\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    light, workers = (set(line.split()) for line in done.stdout.splitlines())
    assert not light & {"numpy", "av", "PIL", "tensorflow", "keras"}
    assert not workers & {"tensorflow", "keras"}
