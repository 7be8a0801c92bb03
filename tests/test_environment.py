"""Keras's own configuration changes nothing in mmbal's processes, and is told where it must."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from mmbal import environment
from mmbal.config.provenance import provenance
from mmbal.config.resolution import resolve
from mmbal.data import Modality
from mmbal.errors import ConfigError, MmbalError
from mmbal.experiment.identity import identity
from mmbal.registry.discovery import discover
from mmbal.replicas.keras_globals import EPSILON, check_keras_globals, set_keras_globals

CATALOGUE = discover()
SHAPES = {1: (4,), 2: (8, 2), 3: (32, 32, 3), 4: (9, 32, 32, 3)}
FIRST = {"floatx": "float64", "epsilon": 1e-3, "image_data_format": "channels_first"}


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    """Return a function that writes a keras.json of one's own."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)

    def write(text):
        (tmp_path / "keras.json").write_text(text if isinstance(text, str) else json.dumps(text))
        return tmp_path / "keras.json"

    return write


@pytest.fixture
def globals_(precision):
    """Set Keras's globals back after a test."""
    yield
    set_keras_globals()


def mmbal(*words, **variables):
    return subprocess.run(
        [sys.executable, "-m", "mmbal", *words],
        env={**os.environ, **variables}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, ""),
        ("no json", ""),
        ("[1]", ""),
        (FIRST, ""),
        ({"backend": "jax"}, "backend in FILE must be 'tensorflow', received 'jax'"),
        ({"floatx": "bfloat16"}, "FILE: floatx must be float16 or float32 or float64, received"),
        ({"image_data_format": "last"}, "FILE: image_data_format must be channels_last or"),
        ({"epsilon": 1}, "FILE: epsilon must be a number such as 1e-7, received 1"),
    ],
)
def test_what_keras_json_says(keras_home, settings, message):
    file = keras_home(settings)

    assert message.replace("FILE", str(file)) in environment.keras_problem()
    assert bool(message) == bool(environment.keras_problem())


@pytest.mark.parametrize("backend", ["jax", "torch", "numpy", "openvino", "nonsense"])
def test_another_backend_is_one_line_that_says_what_to_do(keras_home, monkeypatch, backend):
    keras_home({"backend": "jax"})
    monkeypatch.setenv("KERAS_BACKEND", backend)

    assert environment.keras_problem() == (
        "mmbal trains with Keras on TensorFlow: KERAS_BACKEND must be 'tensorflow', received "
        f"{backend!r}; set KERAS_BACKEND=tensorflow for mmbal"
    )
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert environment.keras_problem() == ""


@pytest.mark.parametrize("name", ["KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"])
def test_counts_that_are_none(keras_home, monkeypatch, name):
    monkeypatch.setenv(name, "many")
    assert environment.keras_problem() == f"{name} must be a number, received 'many': unset it"
    monkeypatch.setenv(name, "3")
    assert environment.keras_problem() == ""


def test_keras_is_refused_where_it_is_imported_and_nowhere_else(tmp_path):
    done = mmbal("plugins", "--json", KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    done = mmbal("run", "colored-digits", "--print-config", KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr

    out = tmp_path / "r"
    for words in (["run", "colored-digits", "--out", str(out)], ["plugins", "check", "mmtm-cnn"],
                  ["data", "check", "colored-digits"]):  # fmt: skip
        done = mmbal(*words, KERAS_BACKEND="torch")
        if done.returncode == 0:  # it needs no Keras
            continue
        assert done.returncode == 2
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("error: mmbal trains with Keras on TensorFlow: KERAS_BACKEND must")
        assert "Traceback" not in done.stderr
    assert not (out / "record.h5").exists()


def test_a_process_of_mmbals_own_sets_all_of_them(globals_, monkeypatch):
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float16")
    keras.config.set_epsilon(0.1)
    keras.config.set_dtype_policy("mixed_float16")

    set_keras_globals("float64")

    assert keras.config.image_data_format() == "channels_last"
    assert (keras.config.floatx(), keras.config.epsilon()) == ("float64", EPSILON)
    assert keras.config.dtype_policy().name == "float64"
    set_keras_globals("mixed_bfloat16")
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == (
        "float32", "mixed_bfloat16",
    )  # fmt: skip
    if hasattr(keras.config, "set_max_epochs"):
        keras.config.set_max_epochs(1)
        set_keras_globals()
        assert keras.config.max_epochs() is None


@pytest.mark.parametrize("policy", ["float32", "float64", "mixed_bfloat16", "mixed_float16"])
def test_policies_of_the_user_are_honoured_and_left(globals_, policy):
    keras.config.set_floatx("float64" if policy == "float64" else "float32")
    keras.config.set_dtype_policy(policy)
    keras.config.set_epsilon(1e-4)

    check_keras_globals()

    assert (keras.config.dtype_policy().name, keras.config.epsilon()) == (policy, 1e-4)


ARCHITECTURES = CATALOGUE.components("architecture")


@pytest.mark.parametrize("component", ARCHITECTURES, ids=lambda c: c.name)
def test_every_architecture_refuses_what_it_cannot_be_trained_with(component, globals_):
    options = CATALOGUE.options_class("architecture", component.name)()
    shape = SHAPES[(component.takes or (1,))[0]]

    def build():
        arguments = (options, dict.fromkeys("ab", Modality(shape)), 3)
        return CATALOGUE.build("architecture", component.name, *arguments)

    keras.config.set_image_data_format("channels_first")
    with pytest.raises(ConfigError, match=r"channels last: .*set_image_data_format\('channels_la"):
        build()
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float16")
    with pytest.raises(MmbalError, match=r"floatx must be float32 or float64, received 'float16'"):
        build()


@pytest.mark.parametrize("component", ARCHITECTURES, ids=lambda c: c.name)
def test_built_in_layers_say_format_and_epsilon_themselves(component, globals_, monkeypatch):
    monkeypatch.setattr("mmbal.networks.network.check_keras_globals", lambda: None)
    options = CATALOGUE.options_class("architecture", component.name)()
    keras.config.set_image_data_format("channels_first")
    keras.config.set_epsilon(0.5)

    for axes in component.takes or (1,):
        modalities = dict.fromkeys("ab", Modality(SHAPES[axes]))
        network = CATALOGUE.build("architecture", component.name, options, modalities, 3)
        layers = [x for x in network._flatten_layers() if hasattr(x, "data_format")]
        assert {layer.data_format for layer in layers} <= {"channels_last"}
        assert all(x.epsilon < 0.1 for x in network._flatten_layers() if hasattr(x, "epsilon"))


@pytest.mark.parametrize("component", CATALOGUE.components("optimizer"), ids=lambda c: c.name)
def test_optimizers_take_no_global_epsilon(component, globals_):
    options = CATALOGUE.options_class("optimizer", component.name)()

    def config():
        built = CATALOGUE.build("optimizer", component.name, options).get_config()
        return {**built, "name": ""}

    plain = config()
    keras.config.set_epsilon(0.5)
    assert config() == plain


def test_variables_that_change_numbers_are_part_of_a_run(monkeypatch):
    config = resolve(CATALOGUE, "colored-digits").config
    for name in environment.DECIDING:
        monkeypatch.delenv(name, raising=False)
    assert provenance(CATALOGUE, config, "f")["environment"] == {}

    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")

    table = provenance(CATALOGUE, config, "f")
    assert table["environment"] == {"NVIDIA_TF32_OVERRIDE": "0"}
    assert identity(config, table)["provenance.environment.NVIDIA_TF32_OVERRIDE"] == "0"


@pytest.mark.deep
def test_a_run_under_any_configuration_of_keras_gives_the_same_numbers(tmp_path):
    losses = {}
    for name, settings in {"plain": {}, "first": FIRST}.items():
        home = tmp_path / name
        home.mkdir()
        (home / "keras.json").write_text(json.dumps(settings))
        limits = (
            {} if name == "plain" else {"KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "1"}
        )
        done = mmbal(
            "run", "colored-digits", "--epochs", "2", "--json", "--out", str(home / "r"),
            "--set", "dataset.train_examples=200", "--set", "dataset.test_fraction=0.05",
            KERAS_HOME=str(home), **limits,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout.splitlines()[-1])
        losses[name] = (result["test"], result["steps"], result["learning_speed"])
    assert losses["plain"] == losses["first"]
    assert Path(tmp_path / "first" / "r" / "record.h5").exists()
