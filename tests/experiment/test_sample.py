"""The sample that a run trains on: whole or not at all, and never written over."""

import os
from pathlib import Path
from typing import Any

import pytest

from mmbal.errors import MmbalError
from mmbal.experiment.sample import write_sample


class Source:
    """Writes a file, or fails as it is told."""

    error: BaseException | None = None
    calls = 0

    def sample(self, directory: Path, seed: int) -> list[Path]:
        Source.calls += 1
        (directory / "data").write_text(f"seed {seed}")
        if self.error:
            raise self.error
        return []


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    found = Source()
    monkeypatch.setattr("mmbal.experiment.sample.open_dataset", lambda catalogue, choice: found)
    monkeypatch.setattr(Source, "calls", 0)
    return found


def write(toys: Any, folder: Path) -> None:
    write_sample(toys.resolve(seed=5).config, toys.catalogue, folder)


def test_it_is_written_once_and_equal_for_all_seeds(
    toys: Any, source: Source, tmp_path: Path
) -> None:
    folder = tmp_path / "run" / "sample"
    for _ in range(2):
        write(toys, folder)
    assert source.calls == 1
    assert (folder / "data").read_text() == "seed 0"
    assert os.listdir(folder.parent) == ["sample"]


@pytest.mark.parametrize("error", [MmbalError("none"), KeyboardInterrupt(), OSError(28, "full")])
def test_nothing_half_written_stays(
    toys: Any, source: Source, tmp_path: Path, error: BaseException
) -> None:
    source.error = error
    expected = MmbalError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        write(toys, tmp_path / "run" / "sample")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_dataset_without_a_sample_says_so(toys: Any, tmp_path: Path) -> None:
    with pytest.raises(MmbalError, match="no `mmbal data sample` .*ToySource, has no"):
        write(toys, tmp_path / "run" / "sample")
    assert list((tmp_path / "run").iterdir()) == []
