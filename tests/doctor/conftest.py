"""A program that trains nothing, and writes at once what the doctor's trainings would."""

import json
import sys

import pytest

from mmbal.laboratory import training

WRITE = """
import json, os, sys
import numpy as np
order, out = json.loads(sys.argv[1]), sys.argv[2]
how = order["distribute"]
if how in os.environ.get("DIES", "nobody"):
    raise ValueError("no such device")
if how == "auto":
    machine = json.loads(os.environ["MACHINE"])
    np.savez(out, **machine)
    raise SystemExit
kinds = ("weights", "speeds", "isolated", "optimizer", "metrics")
arrays = {f"{t}/{k}": np.array([4.0, 1.0], d)
          for t, d in order["setting"]["trainings"].items() for k in kinds}
for name in filter(None, os.environ.get("WRONG_" + how, "").split(",")):
    arrays[name] = arrays[name] + [0.0, 0.5]
if '"index": 1' not in os.environ.get("TF_CONFIG", ""):
    np.savez(out, **arrays)
"""


@pytest.fixture
def machine(monkeypatch):
    """Let the program run in the place of the real one; return how to set what it finds."""

    def find(**machine):
        found = {"gpus": [], "replicas": 1} | machine
        monkeypatch.setenv("MACHINE", json.dumps(found))

    find()
    monkeypatch.setattr(training, "PROGRAM", (sys.executable, "-c", WRITE))
    return find
