"""The same training on 1 device, 2 and 3 mirrored ones, and 2 worker processes on loopback."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tomlkit

HERE = Path(__file__).parent
TABLES = tomlkit.parse((HERE / "settings.toml").read_text(encoding="utf-8")).unwrap()
DEFAULTS = TABLES.pop("defaults")
LAYOUTS = {
    "one": {"distribute": "none"},
    "two": {"logical_devices": 2},
    "three": {"logical_devices": 3},
    "workers": {"distribute": "multiworker"},
}
TOLERANCE = {"float64": 1e-12, "float32": 1e-6}
MADE_TO_DIFFER = "not_synchronised"


def settings(layout):
    return [name for name, own in TABLES.items() if layout in (DEFAULTS | own)["layouts"]]


def compared():
    """Return (setting, layout) for all that is compared with one device."""
    return [(name, layout) for layout in ("two", "three", "workers") for name in settings(layout)]


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def start(layout, folder):
    """Start the processes of a layout; return them with the folders they write to."""
    environments = [{}]
    if layout == "workers":
        cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
        environments = [
            {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": i}})}
            for i in range(2)
        ]
    started = []
    for number, environment in enumerate(environments):
        out = folder / f"{layout}{number}"
        out.mkdir()
        words = [sys.executable, HERE / "train.py", json.dumps(LAYOUTS[layout]), out]
        with (out / "log").open("wb") as log:
            process = subprocess.Popen(
                [*words, *settings(layout)],
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
                stdout=log,
                stderr=log,
            )
        started.append((process, out))
    return started


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train everything; return the folders by layout, one per process."""
    folder = tmp_path_factory.mktemp("trained")
    folders = {}
    for together in (("one", "three"), ("two",), ("workers",)):
        started = {layout: start(layout, folder) for layout in together}
        for layout, processes in started.items():
            for process, out in processes:
                try:
                    status = process.wait(timeout=900)
                finally:
                    process.kill()
                assert status == 0, (out / "log").read_text(errors="replace")[-3000:]
            folders[layout] = [out for _, out in processes]
    return folders


def apart(name, folder, other):
    """Return the largest difference relative to the largest entry, by array."""
    with np.load(folder / f"{name}.npz") as one, np.load(other / f"{name}.npz") as two:
        assert one.files == two.files
        return {
            key: difference(one[key], two[key])
            for key in one.files
            if key not in ("replicas", "unequal")
        }


def difference(expected, found):
    assert expected.shape == found.shape
    if expected.dtype.kind != "f":
        return 0.0 if (expected == found).all() else np.inf
    finite = np.isfinite(expected)
    assert (finite == np.isfinite(found)).all()
    distance = np.max(np.abs(expected - found)[finite], initial=0)
    size = np.max(np.abs(expected)[finite], initial=0)
    return float(distance / size) if distance else 0.0


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("name", "layout"), [pair for pair in compared() if pair[0] != MADE_TO_DIFFER]
)
def test_numbers_are_those_of_one_device(trained, name, layout):
    tolerance = TOLERANCE[(DEFAULTS | TABLES[name])["dtype"]]
    (one,) = trained["one"]
    for folder in trained[layout]:
        distances = apart(name, one, folder)
        worst = max(distances, key=distances.get)
        assert distances[worst] <= tolerance, worst
        with np.load(folder / f"{name}.npz") as found:
            assert found["replicas"] == (3 if layout == "three" else 2)
            assert not found["unequal"].size, found["unequal"]


@pytest.mark.timeout(1800)
def test_the_comparison_can_fail(trained):
    (one,), (two,) = trained["one"], trained["two"]
    distances = apart(MADE_TO_DIFFER, one, two)
    assert max(value for key, value in distances.items() if key.startswith("weight")) > 1e-2
    with np.load(two / f"{MADE_TO_DIFFER}.npz") as found:
        assert found["unequal"].size  # moving means, each of its own rows


def test_something_happens_in_what_is_compared(trained):
    (one,) = trained["one"]
    with np.load(one / "guided.npz") as guided, np.load(one / "random.npz") as random:
        assert set(np.unique(random["step/isolated"])) > {0}
        assert len(np.unique(guided["step/isolated"])) > 1
        assert (guided["step/speeds"][-1] != guided["step/speeds"][0]).any()
        assert any(key.startswith("score/") and "util" in key for key in guided.files)
