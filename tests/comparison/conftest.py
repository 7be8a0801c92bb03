from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mmbal.records.record import Record
from mmbal.records.run_folder import RunFolder


@pytest.fixture
def read_run(write_run: Callable[..., Path], events: list[dict[str, Any]]) -> Callable[..., Record]:
    """Return a function that makes the example's record with another seed, accuracy, …"""

    def read(name: str, accuracy: float, config: str = "", **changes: Any) -> Record:
        events[7]["values"]["accuracy"] = accuracy
        told = [{**events[0], **changes}, *events[1:]]
        if len(told[0]["modalities"]) == 1:  # which nothing isolates
            told = [e for e in told if e["event"] != "steps"]
        return RunFolder(write_run(name, told, config=config)).open()

    return read


@pytest.fixture
def arm(read_run: Callable[..., Record], tmp_path: Path) -> Callable[..., dict[str, Record]]:
    """Return a function that makes the runs of a strategy, one per accuracy, seeds from 0."""

    def make(strategy: str, accuracies: Sequence[float], **changes: Any) -> dict[str, Record]:
        label = strategy + "".join(changes.get("modalities", ()))
        return {
            str(tmp_path / f"{label}{seed}"): read_run(
                f"{label}{seed}", accuracy, strategy=strategy, seed=seed,
                **{"fingerprint": f"data{seed}", **changes},
            )
            for seed, accuracy in enumerate(accuracies)
        }  # fmt: skip

    return make


@pytest.fixture
def keep_predictions() -> Callable[..., None]:
    """Return a function that writes predictions as a run keeps them: right where hits are 1."""

    def keep(run: str, fingerprint: str, hits: Sequence[int], split: str = "test") -> None:
        folder = RunFolder(run).predictions
        folder.mkdir(exist_ok=True)
        labels = np.arange(len(hits)) % 2
        said = np.where(np.array(hits) == 1, labels, 1 - labels)
        with h5py.File(folder / f"{split}-last.h5", "w") as file:
            file.attrs["fingerprint"] = fingerprint
            file["ids"], file["labels"] = np.arange(len(hits)), labels
            file["logits"] = 2.0 * np.eye(2)[said]

    return keep
