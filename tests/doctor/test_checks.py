import io
import json
import re
from importlib import metadata as installed

import pytest

from mmbal.cluster import VARIABLES
from mmbal.doctor import checks
from mmbal.environment import DECIDING, KERAS_COUNTS
from mmbal.errors import MmbalError, PluginError
from mmbal.registry.catalogue import Catalogue, Provenance


@pytest.mark.parametrize(
    ("version", "ranges", "expected"),
    [
        ("3.11.7", "<3.14,>=3.10", True),
        ("3.14.0", "<3.14,>=3.10", False),
        ("3.9.18", ">=3.10,<3.14", False),
        ("3.10", ">=3.10", True),
        ("3.10.0", "==3.10", True),
        ("2.20.0rc1", ">=2.20", True),
        ("2.9", ">=2.18", False),
        ("2.9", "<=2.9", True),
        ("2.9.1", ">2.9", True),
        ("2.9.1", "!=2.9.1", False),
        ("2.9.1", "", True),
        ("2.9.1", "~=2.9", True),
        ("3.0", "~=2.9", False),
        ("0.1.7", "==0.1.*", True),
        ("0.2.0", "==0.1.*", False),
    ],
)
def test_versions_in_ranges(version, ranges, expected, install):
    install("dd-part", version)
    install("dd-whole", "1.0", f"Requires-Dist: dd-part{ranges}")

    assert (checks.versions("dd-whole").status == "ok") is expected


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that writes the metadata of a distribution."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, version, *lines):
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        (folder / "METADATA").write_text("\n".join([*head, *lines, ""]))

    return write


def test_versions_of_this_installation_are_ok():
    found = checks.versions()

    assert (found.status, found.remedy) == ("ok", "")
    for name in ("mmbal", "tensorflow", "keras", "h5py", "pluggy", "tensorflow-datasets"):
        assert f"{name} {installed.version(name)}" in found.message


def test_versions_that_do_not_fit(install):
    install("dd-old", "1.9")
    install("dd-fine", "3.0")
    install("dd-ancient", "0.1")
    install(
        "dd-host",
        "1.0",
        "Requires-Python: >=4",
        "Requires-Dist: dd-old[more]>=1.10",
        "Requires-Dist: dd-fine>=2,<4",
        "Requires-Dist: dd-missing>=1",
        "Requires-Dist: dd-absent>=1; extra == 'plot'",
        "Requires-Dist: dd-ancient>=1; extra == 'plot'",
    )

    found = checks.versions("dd-host")

    assert found.status == "failed"
    told = found.message.split("; ")
    assert told[0].startswith("Python is 3.")
    assert told[1:] == [
        "dd-old is 1.9, dd-host needs >=1.10",
        "dd-missing is missing, dd-host needs >=1",
        "dd-ancient is 0.1, dd-host needs >=1",
    ]
    assert "pip install --upgrade 'dd-old>=1.10'" in found.remedy
    assert "pip install --upgrade 'dd-missing>=1'" in found.remedy


def test_plugins_without_problems():
    found = checks.plugins(Catalogue(plugins=[Provenance("mine", "my-plugin 1.0")]))

    assert found.status == "ok"
    assert found.message == "1 without problems: mine (my-plugin 1.0)"


def test_plugins_with_problems():
    problem = PluginError("mine", "my-plugin 1.0", "cannot import 'mine'")

    found = checks.plugins(Catalogue(problems=[problem]))

    assert found.status == "failed"
    assert found.message == "plugin 'mine' of my-plugin 1.0: cannot import 'mine'"
    assert "my-plugin 1.0" in found.remedy


@pytest.fixture
def environment(monkeypatch):
    """Return a function that puts other variables in the place of those that checks look at."""
    looked_at = (*VARIABLES, "CUDA_VISIBLE_DEVICES", "KERAS_BACKEND",
                 "KERAS_HOME", *KERAS_COUNTS)  # fmt: skip

    def set_variables(variables):
        for name in looked_at:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_variables


@pytest.mark.parametrize(
    ("gpus", "replicas", "expected"),
    [
        ([], 1, "no GPU; on this host --distribute auto trains on one device"),
        (["A", "B"], 2, "A, B; on this host --distribute auto trains on 2 devices"),
    ],
)
def test_devices(gpus, replicas, expected, environment, monkeypatch):
    monkeypatch.setattr(checks.shutil, "which", lambda _: None)
    environment({})

    found = checks.devices(gpus, replicas)

    assert found.status == "ok"
    assert found.message.endswith(expected)


HOSTS = '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}'


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "no other workers"),
        ({"TF_CONFIG": ""}, "no other workers in TF_CONFIG"),
        ({"TF_CONFIG": '{"cluster": {"chief": ["a:1"]}}'}, "no other workers in TF_CONFIG"),
        ({"SLURM_STEP_NUM_TASKS": "1"}, "no other workers in SLURM_STEP_NUM_TASKS"),
        (
            {"TF_CONFIG": HOSTS},
            "--distribute auto trains on the 2 workers of TF_CONFIG, of which this is b:1",
        ),
    ],
)
def test_cluster(variables, told, environment):
    environment(variables)

    found = checks.cluster()

    assert (found.name, found.status, found.remedy) == ("environment: cluster", "ok", "")
    assert found.message == told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TF_CONFIG", "workers; all"),
        ("TF_CONFIG", HOSTS.replace('"type": "worker"', '"type": "evaluator"')),
        ("SLURM_STEP_NUM_TASKS", "4"),
    ],
)
def test_a_cluster_that_is_not_legal(name, value, environment):
    environment({name: value})

    found = checks.cluster()

    assert found.status == "failed"
    assert found.message.startswith(f"{name} ")
    assert found.remedy == "unset it, or train alone with --distribute none"


def test_a_tensorflow_that_cannot_start(environment):
    environment({"KERAS_BACKEND": "tensorflow"})

    found = checks.unstartable(MmbalError("a process ended with 1: No module"))

    assert (found.name, found.status) == ("devices", "failed")
    assert found.message.endswith("ended with 1: No module")
    assert "reinstall" in found.remedy


@pytest.mark.parametrize(
    ("settings", "variables", "status", "told"),
    [
        ({}, {}, "ok", "keras.json: nothing of its own"),
        ({"image_data_format": "channels_last", "epsilon": 1e-7}, {}, "ok", "nothing of its own"),
        ({"image_data_format": "channels_first"}, {}, "warning", "= 'channels_first'"),
        ({"floatx": "float16", "epsilon": 0.5}, {}, "warning", "floatx = 'float16', epsilon = 0.5"),
        ({}, {"KERAS_MAX_EPOCHS": "2"}, "warning", "KERAS_MAX_EPOCHS=2"),
        ({}, {"XLA_FLAGS": "--x"}, "ok", "numbers depend on XLA_FLAGS=--x"),
        ({"backend": "torch"}, {}, "failed", "keras.json must be 'tensorflow', received 'torch'"),
        ({}, {"KERAS_BACKEND": "jax"}, "failed", "KERAS_BACKEND must be 'tensorflow', received"),
        ({"epsilon": 1}, {}, "failed", "epsilon must be a number such as 1e-7, received 1"),
    ],
)
def test_environment(settings, variables, status, told, environment, tmp_path, monkeypatch):
    environment({"KERAS_HOME": str(tmp_path), **variables})
    for name in DECIDING:
        if name not in variables:
            monkeypatch.delenv(name, raising=False)
    (tmp_path / "keras.json").write_text(json.dumps(settings))

    found = checks.environment()

    assert (found.name, found.status) == ("environment: Keras", status)
    assert found.message.endswith(told) or told in found.message
    assert bool(found.remedy) == (status != "ok")
    if "KERAS_BACKEND" in variables:
        assert found.remedy == "set KERAS_BACKEND=tensorflow for mmbal"


def test_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checks, "gettempdir", lambda: tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = checks.paths()
    assert (found.name, found.status) == ("environment: paths", "ok")
    assert found.message.count(f"{tmp_path} (") == 3

    monkeypatch.setenv("HOME", str(tmp_path / "absent"))
    found = checks.paths()
    assert found.status == "warning"
    assert re.match(r"home folder: .*absent.*: No such file or directory$", found.message)
    assert "HOME" in found.remedy


@pytest.mark.parametrize(("encoding", "status"), [("utf-8", "ok"), ("ascii", "warning")])
def test_output(encoding, status, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://ipympl")
    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(checks.sys, name, stream)
    found = checks.output()
    monkeypatch.undo()
    assert (found.name, found.status) == ("environment: output", status)
    assert f"stdout in {encoding}, stderr in {encoding}" in found.message
    assert "figures do not heed MPLBACKEND=module://ipympl" in found.message
    assert bool(found.remedy) == (status == "warning")


def test_a_gpu_that_tensorflow_does_not_see(environment, monkeypatch):
    monkeypatch.setattr(checks.shutil, "which", lambda name: f"/usr/bin/{name}")
    environment({})

    found = checks.devices([], 1)

    assert found.status == "warning"
    assert "mmbal[gpu]" in found.remedy
    assert checks.devices(["A"], 1).status == "ok"
    environment({"CUDA_VISIBLE_DEVICES": "-1"})
    assert checks.devices([], 1).status == "ok"


def test_onednn(environment):
    environment({"TF_ENABLE_ONEDNN_OPTS": "1"})

    assert checks.onednn().status == "ok"


def test_onednn_off(environment):
    environment({"TF_ENABLE_ONEDNN_OPTS": "0"})

    found = checks.onednn()

    assert (found.status, found.message) == ("warning", "off: TF_ENABLE_ONEDNN_OPTS=0")
    assert "unset TF_ENABLE_ONEDNN_OPTS" in found.remedy
