import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
from unprivileged import no_capabilities

import mmbal
from mmbal.errors import DataFormatError, MmbalError
from mmbal.records.record_file import read_record
from mmbal.records.run_folder import RunFolder

WriteRun = Callable[..., Path]
Events = list[dict[str, Any]]


class TestOpen:
    def test_a_missing_record_is_built_once(self, write_run: WriteRun) -> None:
        run, told = RunFolder(write_run()), []

        assert run.open(told.append).recipe == "toy"
        assert run.open(told.append).recipe == "toy"

        assert told == [f"rebuilt {run.record} from the journal (missing)"]

    def test_a_record_that_lags_behind_its_journal_is_rebuilt(self, write_run: WriteRun) -> None:
        run, told = RunFolder(write_run()), []
        run.consolidate()
        with open(run.journal, "a") as file:
            file.write(json.dumps({"event": "warning", "text": "late"}) + "\n")
            file.write('{"event":"torn')

        assert run.open(told.append).warnings == ("one thing", "late")
        assert run.open(told.append).warnings == ("one thing", "late")

        assert told == [f"rebuilt {run.record} from the journal (older than the journal)"]

    def test_a_damaged_record_is_rebuilt(self, write_run: WriteRun) -> None:
        run, told = RunFolder(write_run()), []
        run.record.write_bytes(b"not HDF5")

        assert run.open(told.append).recipe == "toy"
        assert "record.h5: damaged (" in told[0]

    def test_a_newer_record_is_never_overwritten(self, write_run: WriteRun) -> None:
        run = RunFolder(write_run())
        run.consolidate()
        with h5py.File(run.record, "r+") as file:
            file.attrs["version"] = 99

        with pytest.raises(MmbalError, match="upgrade mmbal"):
            run.open()

    def test_a_record_alone_is_enough(self, write_run: WriteRun) -> None:
        run = RunFolder(write_run())
        run.consolidate()
        run.journal.unlink()

        assert run.open().seed == read_record(run.record).seed == 0

    def test_where_nothing_can_be_written_the_journal_serves(self, write_run: WriteRun) -> None:
        run, told = RunFolder(write_run()), []
        run.record.mkdir()

        assert run.open(told.append).recipe == "toy"
        assert told[0].startswith(f"reading {run.journal} alone: cannot write ")

    @pytest.mark.parametrize("place", [".", "absent"])
    def test_no_run_says_what_was_expected(self, tmp_path: Path, place: str) -> None:
        run = RunFolder(tmp_path / place)
        for read in (run.open, run.consolidate):
            with pytest.raises(MmbalError, match=r"no run in .*: expected journal\.jsonl"):
                read()


class TestStatus:
    def test_nothing_is_absent(self, tmp_path: Path) -> None:
        assert RunFolder(tmp_path).status() == RunFolder(tmp_path / "none").status() == "absent"

    def test_what_is_no_run_is_foreign(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("mine")

        assert RunFolder(tmp_path).status() == "foreign"
        assert RunFolder(tmp_path / "notes.txt").status() == "foreign"

    def test_a_journal_without_a_line_is_claimed(self, tmp_path: Path) -> None:
        run = RunFolder(tmp_path)
        for torn in ("", '{"event":"sta'):
            run.journal.write_text(torn)
            assert run.status() == "claimed"

    def test_a_checkpoint_makes_it_resumable(self, write_run: WriteRun, events: Events) -> None:
        run = RunFolder(write_run(events=events[:-1]))
        assert (run.status(), run.result()) == ("unfinished", None)

        run.checkpoints.mkdir()

        assert run.status() == "resumable"

    def test_an_end_finishes_it(self, write_run: WriteRun, events: Events) -> None:
        run = RunFolder(write_run())
        run.checkpoints.mkdir()  # killed before they were removed

        assert run.status() == "finished"
        assert run.result() == events[-1]["result"]

    def test_a_broken_journal_is_named(self, tmp_path: Path) -> None:
        run = RunFolder(tmp_path)
        run.journal.write_text("no JSON\n")

        with pytest.raises(DataFormatError, match=r"journal\.jsonl:1: "):
            run.status()


HOLD = """
import sys
from mmbal.records.run_folder import RunFolder
with RunFolder(sys.argv[1]).claim():
    print("held", flush=True)
    sys.stdin.read()
"""


class TestClaim:
    def test_a_second_process_is_refused_until_the_first_is_dead(self, tmp_path: Path) -> None:
        run = RunFolder(tmp_path / "new" / "run")
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, run.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        before = sorted(tmp_path.rglob("*"))

        for resume in (False, True):
            refusal = rf"^{run.journal}: another process is writing this run$"
            with pytest.raises(MmbalError, match=refusal), run.claim(resume=resume):
                pass
        assert sorted(tmp_path.rglob("*")) == before

        holder.kill()
        holder.communicate()
        assert run.status() == "claimed"
        with run.claim() as journal:
            journal.write({"event": "start"})
        assert run.status() == "unfinished"

    def test_a_run_that_comes_to_nothing_leaves_nothing(self, tmp_path: Path) -> None:
        run = RunFolder(tmp_path / "new" / "run")

        def load() -> None:
            assert run.status() == "claimed"
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), run.claim():
            load()

        assert list(tmp_path.iterdir()) == []

    def test_what_was_there_stays(self, tmp_path: Path) -> None:
        run = RunFolder(tmp_path)
        run.sample.mkdir()

        with run.claim():
            pass

        assert list(tmp_path.iterdir()) == [run.sample]

    def test_a_run_is_not_begun_over_another(self, write_run: WriteRun) -> None:
        run = RunFolder(write_run())
        before = run.journal.read_bytes()

        with pytest.raises(MmbalError, match="holds a run already"), run.claim():
            pass
        with run.claim(resume=True) as journal:
            journal.write({"event": "warning", "text": "again"})

        assert run.journal.read_bytes() == before + b'{"event":"warning","text":"again"}\n'

    def test_a_folder_that_cannot_be_made_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("mine")
        run = RunFolder(tmp_path / "file" / "run")

        refusal = f"^cannot write into {run.path}: Not a directory$"
        with pytest.raises(MmbalError, match=refusal), run.claim():
            pass

    @pytest.mark.parametrize("bad", ["n" * 300, "dangling", "loop", "closed", "closed/run"])
    def test_a_folder_that_cannot_be_written_is_one_line(self, tmp_path: Path, bad: str) -> None:
        (tmp_path / "dangling").symlink_to("gone")
        (tmp_path / "loop").symlink_to("loop")
        (tmp_path / "closed").mkdir(mode=0)
        run = RunFolder(tmp_path / bad)

        with (
            no_capabilities(),
            pytest.raises((MmbalError, OSError), match=bad[:20]),
            run.claim(),
        ):
            pass
        (tmp_path / "closed").chmod(0o700)
        assert list((tmp_path / "closed").iterdir()) == []


NAMES = {path.name for path in vars(RunFolder("run")).values()} - {"run"}


def spelt(source: str) -> set[str]:
    """Return the names of a run's files that a module joins to a path, or has as a whole text."""
    tree = ast.parse(source)
    joined = {id(node.right) for node in ast.walk(tree) if isinstance(node, ast.BinOp)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Words such as "sample" mean many things, unless they stand behind a slash.
            whole = node.value if "." in node.value or id(node) in joined else ""
            found |= {whole, *re.findall(r"/([\w.]+)", node.value)} & NAMES
    return found


def test_names_are_found_where_they_are_spelt() -> None:
    assert spelt('folder / "resume"') == {"resume"}
    assert spelt('f"{run}/config.toml"') == {"config.toml"}
    assert spelt('SELECTED = "weights.weights.h5"') == {"weights.weights.h5"}
    assert spelt('"""Reads a sample of record.h5."""; kind = {"resume": True}') == set()


def test_no_other_module_spells_the_name_of_a_file_of_a_run() -> None:
    assert {
        "config.toml", "journal.jsonl", "record.h5", "weights.weights.h5", "last.weights.h5",
        "resume", "sample", "predictions",
    } == NAMES  # fmt: skip
    root = Path(mmbal.__file__).parent
    found = {path: spelt(path.read_text(encoding="utf-8")) for path in root.rglob("*.py")}
    assert [path for path, names in found.items() if names] == [root / "records/run_folder.py"]


class TestRefusal:
    """A run that is refused leaves every byte as it was."""

    def contents(self, folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    def test_a_torn_line_stays(self, write_run: WriteRun) -> None:
        run = RunFolder(write_run())
        with run.journal.open("ab") as file:
            file.write(b'{"event":"ste')
        before = self.contents(run.path)

        with pytest.raises(MmbalError, match="holds a run already"), run.claim():
            pass
        with pytest.raises(MmbalError, match="refused"), run.claim(resume=True):
            raise MmbalError("refused, as data have changed")
        assert self.contents(run.path) == before

    def test_what_another_command_began_at_the_same_moment(self, tmp_path: Path) -> None:
        (tmp_path / ".lock").write_bytes(b"of a sweep")
        before = self.contents(tmp_path)

        refusal = "holds other things already"
        with pytest.raises(MmbalError, match=refusal), RunFolder(tmp_path).claim():
            pass
        assert self.contents(tmp_path) == before

    def test_a_run_that_goes_on(self, tmp_path: Path) -> None:
        run = RunFolder(tmp_path / "run")
        with run.claim() as journal:
            run.config.write_text("seed = 1\n")
            journal.write({"event": "start"})
            before = self.contents(run.path)
            for resume in (False, True):
                with (
                    pytest.raises(MmbalError, match="another process is writing"),
                    RunFolder(run.path).claim(resume=resume),
                ):
                    pass
            assert self.contents(run.path) == before

    def test_what_a_killed_run_left_before_it_began_stays(self, tmp_path: Path) -> None:
        run = RunFolder(tmp_path)
        run.journal.touch()
        run.config.write_text("seed = 1\n")
        before = self.contents(tmp_path)

        with pytest.raises(MmbalError, match="no data"), run.claim():
            raise MmbalError("no data")
        assert self.contents(tmp_path) == before
