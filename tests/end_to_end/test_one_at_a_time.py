"""Runs that are started at the same moment in the same folder, or in none that is named."""

import json

import pytest

from mmbal.records.run_folder import RunFolder


def finish(processes):
    """Wait for processes; return each with its output, those that succeeded first."""
    ended = [(process, *process.communicate(timeout=300)) for process in processes]
    return sorted(ended, key=lambda each: each[0].returncode)


@pytest.mark.deep
def test_of_two_in_one_folder_one_trains_and_the_other_touches_nothing(mmbal, tmp_path):
    run = RunFolder(tmp_path / "run")
    words = ("run", *mmbal.small, "--epochs", 1, "--out", run.path, "--json")

    (first, out, err), (second, nothing, refusal) = finish([mmbal.start(*words) for _ in range(2)])

    assert first.returncode == 0, err
    assert (second.returncode, nothing) == (2, "")
    *stages, last = refusal.splitlines()
    assert set(stages) <= {"loading TensorFlow"}
    # On a busy machine it may be so late that it finds the other at work, or even done.
    reasons = ("another process is writing this run", "holds a run already", "is not empty")
    assert last.startswith("error: ")
    assert any(reason in last for reason in reasons), last
    assert run.status() == "finished"
    assert json.loads(out)["steps"] == run.open().result["steps"]
    events = [json.loads(line)["event"] for line in run.journal.read_text().splitlines()]
    assert (events.count("start"), events.count("end")) == (1, 1)


@pytest.mark.soak
def test_without_a_name_each_has_a_folder_of_its_own(mmbal):
    words = ("run", *mmbal.small, "--epochs", 1, "--seed", 3, "--json")

    done = finish([mmbal.start(*words) for _ in range(2)])

    assert [process.returncode for process, *_ in done] == [0, 0], done
    folders = {json.loads(out)["run"] for _, out, _ in done}
    assert len(folders) == 2
    for folder in folders:
        assert RunFolder(mmbal.folder / folder).status() == "finished"
