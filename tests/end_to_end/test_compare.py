"""`mmbal compare RECIPE` on real processes: killed, resumed, repeated."""

import json
import signal
import time

import pytest

from mmbal.records.run_folder import RunFolder


@pytest.mark.deep
def test_a_comparison_is_killed_goes_on_and_trains_nothing_twice(mmbal):
    arguments = (
        *mmbal.small, "--strategy", "guided", "--epochs", "1", "--out", "arms",
        "--concurrent", "1", "--json",
    )  # fmt: skip
    process = mmbal.start("compare", *arguments)
    trials = mmbal.folder / "arms" / "trials"
    while RunFolder(trials / "guided-seed0").status() != "finished":
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told

    done = mmbal("compare", *arguments)
    *_, last = done.stdout.splitlines()
    arms = json.loads(last)["groups"]
    assert [(arm["label"], arm["n"]) for arm in arms] == [
        ("guided", 1), ("vanilla", 1), ("color alone", 1), ("gray alone", 1),
        ("ensemble of color, gray", 1),
    ]  # fmt: skip
    guided, vanilla, *controls = arms
    assert guided["pairing"] == {
        "baseline": "vanilla", "seeds": [0], "order": True, "weights": True, "epochs": [1, 1],
    }  # fmt: skip
    for each in (guided, *controls):
        (verdict,) = each["verdicts"]
        assert verdict["text"].startswith("these two networks differ on ")
    assert all(arm["ledger"]["flops"] > 0 for arm in arms)
    assert vanilla["verdicts"] == []

    before = {path: path.read_bytes() for path in trials.glob("*/journal.jsonl")}
    again = mmbal("compare", *arguments)
    assert "to be made" not in again.stderr
    assert json.loads(again.stdout.splitlines()[-1])["groups"] == arms
    assert before == {path: path.read_bytes() for path in before}
