"""The same `mmbal run` on one device, on two parts of the CPU and as two workers on loopback."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

PROGRAM = Path(sys.executable).with_name("mmbal")
RUN = (
    PROGRAM, "run", "--plugin", "colored-digits", "--batch-size", 16, "--out", "run",
    "--set", "log_every=4", "--set", "strategy.warmup=0", "--set", "strategy.tolerance=0.01",
    "--set", "strategy.window=2", "--set", "dataset.train_examples=90", "--epochs", 4,
    # Adam would turn the rounding of gradients that are nearly nothing into steps.
    "--set", "optimizer.name=sgd", "--set", "optimizer.learning_rate=0.05",
    # In float32 rounding decides where a rectifier is about to switch, on one device too.
    "--set", "precision=float64",
)  # fmt: skip
LAYOUTS = {
    "one": (("--distribute", "none"), 1),
    "mirrored": (("--logical-devices", 2), 1),
    "workers": (("--distribute", "multiworker"), 2),
}
STEPS = 4 * 6  # a tenth is for validation; the last batch has one row, fewer than replicas
TOLERANCE = 1e-12
# The difference of two speeds is nothing but rounding where they are equal.
VOLATILE = {"time", "seconds", "run", "replicas", "d_speed"}
WEIGHTS = ("weights.weights.h5", "last.weights.h5")


@pytest.fixture(scope="module")
def runs(once, run_jobs):
    """Return the folders in which the processes ran, by layout."""
    jobs = {name: ([*RUN, *own], workers) for name, (own, workers) in LAYOUTS.items()}
    folder = once("runs", lambda folder: run_jobs(folder, jobs))
    return {name: sorted(folder.glob(f"{name}[0-9]")) for name in jobs}


def weights(run):
    """Return every array of both weight files."""
    found = {}
    for name in WEIGHTS:
        with h5py.File(run / name) as file:
            paths = []
            file.visit(paths.append)
            found |= {
                f"{name}/{path}": file[path][()]
                for path in paths
                if isinstance(file[path], h5py.Dataset)
            }
    return found


def journal(run):
    """Return the events of a run."""
    lines = (run / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def told(value, name):
    """Yield all that the journal tells, by place; numbers of one list stay together."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in VOLATILE:
                yield from told(inner, f"{name}/{key}")
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for number, inner in enumerate(value):
            yield from told(inner, f"{name}/{number}")
    elif isinstance(value, list) and any(isinstance(inner, float) for inner in value):
        yield name, np.array(value, np.float64)  # None becomes NaN
    else:
        yield name, np.asarray(value)


def all_of(run):
    """Return weights and journal of a run by name."""
    return weights(run) | dict(told(journal(run), "line"))


@pytest.mark.deep
@pytest.mark.parametrize("layout", ["mirrored", "workers"])
def test_weights_and_journal_are_those_of_one_device(runs, difference, layout):
    expected, found = (all_of(runs[each][0] / "run") for each in ("one", layout))
    assert found.keys() == expected.keys()
    distances = {name: difference(expected[name], found[name]) for name in expected}
    worst = max(distances, key=distances.get)
    assert distances[worst] <= TOLERANCE, worst
    assert any(name.startswith(WEIGHTS) for name in expected)


@pytest.mark.deep
@pytest.mark.parametrize(("layout", "replicas"), [("one", 1), ("mirrored", 2), ("workers", 2)])
def test_something_happens_in_what_is_compared(runs, layout, replicas):
    events = journal(runs[layout][0] / "run")
    assert events[0]["replicas"] == replicas
    isolated = [index for event in events for index in event.get("isolated", ())]
    assert len(isolated) == STEPS
    assert len(set(isolated)) > 1
    assert any(events[-1]["result"]["utilization"].values())


@pytest.mark.deep
def test_only_the_chief_writes(runs):
    chief, other = runs["workers"]
    assert (chief / "run" / "record.h5").is_file()
    assert not list(other.iterdir())


@pytest.mark.parametrize(
    ("option", "why"),
    [
        pytest.param(
            "jit_compile=true",
            "jit_compile must be False on 2 replicas, received True",
            marks=pytest.mark.deep,
        ),
        # A function refuses both, see test_replicated.py; a command tells either in the same way.
        pytest.param(
            "steps_per_execution=2",
            "steps_per_execution must be 1 on 2 replicas, received 2",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_what_replicas_cannot_do_is_one_line(tmp_path, option, why):
    done = subprocess.run(
        [*map(str, RUN), "--logical-devices", "2", "--set", option],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"error: {why}"), done.stderr
    assert not list(tmp_path.iterdir())
