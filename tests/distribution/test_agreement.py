"""The same training on 1 device, 2 and 3 mirrored ones, and 2 worker processes on loopback."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tomlkit

pytestmark = pytest.mark.timeout(3600)

HERE = Path(__file__).parent
TABLES = tomlkit.parse((HERE / "settings.toml").read_text(encoding="utf-8")).unwrap()
DEFAULTS = TABLES.pop("defaults")
LAYOUTS = list(TABLES.pop("layouts"))
TOGETHER = [{"one": 1, "three": 1}, {"two": 1}, {"workers": 2}]
"""Numbers of processes that run at the same time, of each layout."""
TOLERANCE = {"float64": 1e-12, "float32": 1e-6}
MADE_TO_DIFFER = "not_synchronised"
MARKS = {"deep": pytest.mark.deep, "soak": pytest.mark.soak}


def settings(depth, layout):
    """Return what is trained on a layout; one device trains all that is compared with it."""
    return [
        name
        for name, own in TABLES.items()
        if layout in (where := (DEFAULTS | own)[depth]) or (where and layout == "one")
    ]


def of_depths(names, cases):
    """Parametrize a test; the first of its arguments is the depth of what is trained."""
    marked = [pytest.param(*case, marks=MARKS[case[0]]) for case in cases]
    return pytest.mark.parametrize(names, marked, indirect=["trained"])


def compared():
    """Return depth, setting and layout of all that is compared with one device."""
    return [
        (depth, name, layout)
        for depth in MARKS
        for layout in LAYOUTS[1:]
        for name in settings(depth, layout)
        if name != MADE_TO_DIFFER
    ]


@pytest.fixture(scope="module")
def trained(request, once, run_jobs):
    """Train everything of a depth; return the folders by layout, one per process."""
    depth = request.param

    def words(*layouts):
        wanted = {layout: settings(depth, layout) for layout in layouts}
        return [sys.executable, HERE / "train.py", json.dumps(wanted)]

    def train(folder):
        for together in TOGETHER:
            jobs = {layout: (words(layout), count) for layout, count in together.items()}
            run_jobs(folder, jobs, 1700)

    folder = once(f"trained_{depth}", train)
    return {layout: sorted(folder.glob(f"*/{layout}")) for layout in LAYOUTS}


def apart(name, folder, other, difference):
    """Return the largest difference relative to the largest entry, by array."""
    with np.load(folder / f"{name}.npz") as one, np.load(other / f"{name}.npz") as two:
        assert one.files == two.files
        return {
            key: difference(on_its_scale(one, key), on_its_scale(two, key))
            for key in one.files
            if key not in ("replicas", "unequal")
        }


def on_its_scale(arrays, key):
    """Return an array; an imbalance with the speeds that it is the difference of."""
    if key != "step/imbalance":
        return arrays[key]
    return np.column_stack([arrays["step/speeds"], arrays[key]])


@of_depths(("trained", "name", "layout"), compared())
def test_numbers_are_those_of_one_device(trained, difference, name, layout):
    tolerance = TOLERANCE[(DEFAULTS | TABLES[name])["dtype"]]
    (one,) = trained["one"]
    for folder in trained[layout]:
        distances = apart(name, one, folder, difference)
        worst = max(distances, key=distances.get)
        assert distances[worst] <= tolerance, worst
        with np.load(folder / f"{name}.npz") as found:
            assert found["replicas"] == (3 if layout == "three" else 2)
            assert not found["unequal"].size, found["unequal"]


@of_depths(("trained",), [("deep",), ("soak",)])
def test_the_comparison_can_fail(trained, difference):
    (one,), (two,) = trained["one"], trained["two"]
    distances = apart(MADE_TO_DIFFER, one, two, difference)
    assert max(value for key, value in distances.items() if key.startswith("weight")) > 1e-2
    with np.load(two / f"{MADE_TO_DIFFER}.npz") as found:
        assert found["unequal"].size  # moving means, each of its own rows


@of_depths(("trained",), [("deep",), ("soak",)])
def test_something_happens_in_what_is_compared(trained):
    (one,) = trained["one"]
    with np.load(one / "guided.npz") as guided:
        assert len(np.unique(guided["step/isolated"])) > 1
        assert (guided["step/speeds"][-1] != guided["step/speeds"][0]).any()
        assert any(key.startswith("score/") and "util" in key for key in guided.files)


@of_depths(("trained", "name"), [("deep", "keep_mask"), ("soak", "keep_mask"), ("soak", "random")])
def test_branches_are_drawn_in_what_is_compared(trained, name):
    (one,) = trained["one"]
    with np.load(one / f"{name}.npz") as drawn:
        assert set(np.unique(drawn["step/isolated"])) > {0}
