import os
import sys

import pytest

from mmbal.doctor.processes import Command, Team, last_words, run_all

LASTING = "import time; time.sleep(600)"


def team(tmp_path, *scripts, name="team", seconds=60.0):
    def commands():
        return [Command([sys.executable, "-c", script], dict(os.environ)) for script in scripts]

    return Team(name, commands, tmp_path / name, seconds)


def run(*teams, at_once=2):
    ended = []
    run_all(teams, at_once, ended.append)
    return ended


def test_a_team_ends_well(tmp_path):
    (done,) = run(team(tmp_path, "print('hello')", "print('nobody asks')"))

    assert done.failure == ""
    assert done.output() == "hello\n"
    assert done.took > 0


def test_the_last_words_of_a_failure_are_one_line_without_traceback(tmp_path):
    script = "import sys; print('a remark', file=sys.stderr); raise ValueError('no such device')"

    (done,) = run(team(tmp_path, script))

    assert done.failure == "ended with 1: a remark / ValueError: no such device"


def test_a_process_that_says_nothing(tmp_path):
    (done,) = run(team(tmp_path, "import os; os._exit(3)"))

    assert done.failure == "ended with 3"


def test_a_process_killed_by_a_signal(tmp_path):
    (done,) = run(team(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGILL)"))

    assert done.failure.startswith("was killed by SIGILL")


def is_running(process):
    return process.poll() is None


def test_when_one_fails_the_others_are_ended(tmp_path):
    both = team(tmp_path, LASTING, "raise SystemExit('no peer')")

    run(both)

    assert both.failure == "ended with 1: no peer"
    assert not any(map(is_running, both._processes))


def test_a_process_that_does_not_end_is_ended(tmp_path):
    late = team(tmp_path, LASTING, seconds=0.2)

    run(late)

    assert late.failure == "did not end within 0.2 seconds"
    assert not any(map(is_running, late._processes))


def test_an_interruption_leaves_nothing_running(tmp_path):
    lasting = team(tmp_path, LASTING, LASTING, name="lasting")

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all([lasting, team(tmp_path, "", name="short")], 2, interrupt)

    assert len(lasting._processes) == 2
    assert not any(map(is_running, lasting._processes))


def test_only_so_many_run_at_once(tmp_path):
    marks = "import pathlib, time; pathlib.Path('../{0}').touch(); time.sleep(0.3)"
    teams = [team(tmp_path, marks.format(f"mark{i}"), name=f"team{i}") for i in range(2)]
    seen = []

    def ended(done):
        seen.append((done.name, sorted(path.name for path in tmp_path.glob("mark*"))))

    run_all(teams, 1, ended)

    assert seen == [("team0", ["mark0"]), ("team1", ["mark0", "mark1"])]


def test_last_words_are_short():
    said = "one\n\n" + "word " * 500 + "\n  indented\n"

    assert len(last_words(said)) <= 300
    assert last_words(said).endswith(" ...")
    assert last_words("") == ""
