"""`mmbal data` with a dataset that needs no TensorFlow."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mmbal.data import DatasetSource, MultimodalDataset
from mmbal.options import Options
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import Component


class ToyOptions(Options):
    strict: bool = False
    known: bool = False


class Toy(DatasetSource):
    def __init__(self, options: ToyOptions) -> None:
        self.options = options

    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        raise NotImplementedError

    def check(self, data_dir: Path | None) -> list[str]:
        print("a library talks")
        return ["a.png is cut short", "b.png is missing"] if self.options.strict else []

    def known(self) -> list[dict[str, Any]]:
        return [{"of": "a", "best": 0.5}, {"of": "a+b", "best": 1.0}] if self.options.known else []

    def sample(self, directory: Path, seed: int) -> list[Path]:
        file = directory / "a.txt"
        file.write_text(str(seed), encoding="utf-8")
        return [file]


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the toy dataset and keep TensorFlow out."""
    module = ModuleType("toy_data")
    module.__dict__.update(Toy=Toy, ToyOptions=ToyOptions)
    monkeypatch.setitem(sys.modules, "toy_data", module)
    experiment = ModuleType("mmbal.experiment")
    experiment.__dict__["open_dataset"] = lambda catalogue, choice: catalogue.build(
        "dataset", choice.name, choice.options
    )
    monkeypatch.setitem(sys.modules, "mmbal.experiment", experiment)
    catalogue = Catalogue()
    component = Component("dataset", "toy", "", "toy_data:Toy", options="toy_data:ToyOptions")
    catalogue.add(component, Provenance("toys", "mmbal-toys 1"))
    monkeypatch.setattr("mmbal.registry.discovery.discover", lambda: catalogue)


def test_check_of_sound_files(mmbal: Any) -> None:
    done = mmbal("data", "check", "toy", "d")

    assert (done.exit_code, done.stdout) == (0, "toy in d: sound\n")


def test_check_lists_every_problem(mmbal: Any) -> None:
    done = mmbal("data", "check", "toy", "d", "--set", "strict=true")

    assert done.exit_code == 2
    assert done.stdout == "a.png is cut short\nb.png is missing\n"
    assert done.stderr.endswith("error: toy in d: 2 problems\n")


def test_check_as_json(mmbal: Any) -> None:
    done = mmbal("data", "check", "toy", "--set", "dataset.strict=true", "--json")

    assert done.exit_code == 2
    problems = ["a.png is cut short", "b.png is missing"]
    told = {"directory": None, "known": [], "problems": problems}
    assert json.loads(done.stdout) == {"dataset": "toy", **told}


def test_check_tells_what_is_known(mmbal: Any) -> None:
    done = mmbal("data", "check", "toy", "--set", "known=true")

    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines == [["of", "best"], ["a", "0.5000"], ["a+b", "1.0000"], ["toy:", "sound"]]
    as_json = mmbal("data", "check", "toy", "--set", "known=true", "--json")
    assert json.loads(as_json.stdout)["known"][1] == {"of": "a+b", "best": 1}


def test_sample_writes_into_a_new_folder(mmbal: Any, tmp_path: Path) -> None:
    done = mmbal("data", "sample", "toy", "deep/d", "--seed", 5)

    assert (done.exit_code, done.stdout) == (0, "deep/d/a.txt\n")
    assert (tmp_path / "deep/d/a.txt").read_text(encoding="utf-8") == "5"


def test_sample_refuses_a_folder_that_holds_anything(mmbal: Any, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine").touch()

    done = mmbal("data", "sample", "toy", "d")

    assert done.exit_code == 2
    assert "error: DIRECTORY d is not empty" in done.stderr
    assert not (tmp_path / "d" / "a.txt").exists()


def test_what_a_dataset_does_not_offer(mmbal: Any) -> None:
    done = mmbal("data", "prepare", "toy")

    assert (done.exit_code, done.stderr) == (
        2,
        "error: the dataset needs no `mmbal data prepare`\n",
    )


def test_unknown_names(mmbal: Any) -> None:
    for arguments, message in [
        (["data", "check", "toi"], "unknown dataset 'toi'; did you mean 'toy'?"),
        (["data", "check", "toy", "--set", "strct=true"], "unknown option 'strct'; did you mean"),
        (["data", "chek"], "unknown command 'chek'; did you mean 'check'?"),
    ]:
        done = mmbal(*arguments)
        assert done.exit_code == 2
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
