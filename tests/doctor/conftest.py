"""Processes that train nothing, and write at once what the self-test's would."""

import json
import sys
from pathlib import Path

import pytest

from mmbal.doctor import examination, layouts

WRITE = """
import json, os, sys
import numpy as np
setting, out = json.loads(sys.argv[1]), sys.argv[2]
several = setting["distribute"] != "none"
if setting["distribute"] == os.environ.get("DIES"):
    raise ValueError("no such device")
kinds = ("weights", "speeds", "isolated", "optimizer", "metrics")
arrays = {f"{t}/{k}/0": np.array([4.0, 1.0], d)
          for t, d in setting["trainings"].items() for k in kinds}
arrays["replicas"] = int(os.environ.get("REPLICAS", 2)) if several else 1
for name in filter(None, os.environ.get("WRONG_" + setting["distribute"], "").split(",")):
    arrays[name] = arrays[name] + [0.0, 0.5]
if '"index": 1' not in os.environ.get("TF_CONFIG", ""):
    np.savez(out, **arrays)
"""


@pytest.fixture
def machine():
    """Return what the process that looks for devices finds; a test may change it."""
    return {"gpus": [], "replicas": 1, "onednn": True}


@pytest.fixture
def instead(monkeypatch, machine, tmp_path):
    """Let other processes run in the place of those that load TensorFlow."""
    found = tmp_path / "machine.json"
    found.write_text(json.dumps(machine))
    say = (sys.executable, "-c", f"print('a remark'); print(open({str(found)!r}).read())")
    monkeypatch.setattr(examination, "_PROBE", say)
    monkeypatch.setattr(layouts, "PROGRAM", (sys.executable, "-c", WRITE))
    return found


@pytest.fixture(scope="session")
def faulty() -> Path:
    """Return the program of a process with a planted fault."""
    return Path(__file__).with_name("faulty.py")
