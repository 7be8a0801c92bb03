"""One run from configuration to record."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmbal.config.provenance import provenance
from mmbal.config.resolution import Resolved
from mmbal.config.settings import RunConfig
from mmbal.config.writing import to_toml
from mmbal.data import MultimodalDataset
from mmbal.errors import Interrupted, MmbalError
from mmbal.experiment.batches import Sampler, plain_batches, training_batches
from mmbal.experiment.callbacks import LAST, SELECTED, JournalWriter, Selection, save_weights
from mmbal.experiment.model import build_model, open_dataset
from mmbal.experiment.scoring import Scorer, result
from mmbal.progress import Progress, SilentProgress
from mmbal.recording.journal import Journal
from mmbal.recording.writer import consolidate
from mmbal.registry.catalogue import Catalogue
from mmbal.training.model import BalancedModel


def run(
    resolved: Resolved,
    catalogue: Catalogue,
    folder: Path,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train, select on validation, score on test once, write the record.

    Args:
        resolved: the configuration and where its values come from.
        catalogue: builds the components.
        folder: of the record, absent or empty.
        progress: told what happens.

    Returns:
        What `mmbal run --json` prints.

    Raises:
        Interrupted: Ctrl-C; the record is readable and holds everything up to there.
        MmbalError: the data, a plugin or the folder do not allow the run.
    """
    config, progress = resolved.config, progress or SilentProgress()
    progress.stage("loading the dataset")
    data = open_dataset(catalogue, config.dataset).load(config.data_dir, config.seed)
    model = build_model(config, catalogue, data)
    _open_folder(resolved, catalogue, folder, data)
    with Journal(folder / "journal.jsonl") as journal:
        experiment = _Experiment(config, catalogue, folder, progress, data, model, journal)
        with _warnings_to(journal, progress):
            return experiment.run()


@dataclass
class _Experiment:
    """The parts of one run."""

    config: RunConfig
    catalogue: Catalogue
    folder: Path
    progress: Progress
    data: MultimodalDataset
    model: BalancedModel
    journal: Journal

    def run(self) -> dict[str, Any]:
        """Train and score; Ctrl-C at any moment leaves a readable record."""
        started = time.monotonic()
        selection = Selection(self.model.network, self.config.select, self.folder)
        writer = JournalWriter(
            self.model, self.journal, self.progress, selection, self.config.log_every
        )
        self.journal.write(self._start())
        try:
            self._train(selection, writer)
            measured = self._score(selection, writer)
        except KeyboardInterrupt:
            self._stop(writer)
            raise Interrupted(self.folder, f"stopped after {writer.steps} steps") from None
        measured["seconds"] = time.monotonic() - started
        found = result(self.config, self.folder, measured, self.model.network.modalities)
        self.journal.write({"event": "end", "seconds": measured["seconds"], "result": found})
        consolidate(self.folder)
        return found

    def _start(self) -> dict[str, Any]:
        config = self.config
        return {
            "event": "start",
            "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "schema": 1,
            "recipe": config.recipe,
            "dataset": config.dataset.name,
            "architecture": config.architecture.name,
            "strategy": config.strategy.name,
            "seed": config.seed,
            "epochs": config.epochs,
            "batch_size": config.batch_size,
            "steps_per_epoch": self._steps_per_epoch,
            "modalities": list(self.data.modalities),
            "classes": list(self.data.class_names),
            "fingerprint": self.data.fingerprint,
        }

    @property
    def _sampled(self) -> bool:
        return self.model.strategy.requirements().sampler

    @property
    def _steps_per_epoch(self) -> int | None:
        if self._sampled:
            return None
        return -(-int(self.data.train.cardinality()) // self.config.batch_size)

    def _train(self, selection: Selection, writer: JournalWriter) -> None:
        config, data = self.config, self.data
        sampler = None
        if self._sampled:
            sampler = Sampler(int(data.train.cardinality()), len(data.modalities))
            self.model.sampler = sampler
        extra = [
            self.catalogue.build("callback", choice.name, choice.options)
            for choice in config.callbacks
        ]
        self.progress.started(config.epochs, self._steps_per_epoch)
        try:
            self.model.fit(
                training_batches(data, config.batch_size, config.seed, sampler),
                validation_data=plain_batches(data.validation, config.batch_size),
                epochs=config.epochs,
                callbacks=[selection, writer, *extra],
                verbose=0,
                shuffle=False,
            )
        finally:
            # Here and not when the run stops: while it is scored, other weights may be loaded.
            save_weights(self.model.network, self.folder / LAST)

    def _score(self, selection: Selection, writer: JournalWriter) -> dict[str, Any]:
        """Score last and selected weights; this is the only place that reads the test split."""
        network = self.model.network
        scorer = Scorer(self.config, self.catalogue, self.data, network)
        self.progress.stage("scoring the last weights")
        last, means = scorer.score("validation", "test")
        selected = last
        if selection.epoch not in (None, writer.epoch):
            self.progress.stage("scoring the selected weights")
            network.load_weights(self.folder / SELECTED)
            selected, means = scorer.score("validation", "test")
        for weights, scores in (("selected", selected), ("last", last)):
            for split, values in scores.items():
                self.journal.write(
                    {"event": "scores", "split": split, "weights": weights, "values": values}
                )
        for name, mean in means.items():
            self.journal.write({"event": "array", "name": name, "values": mean})
        return {
            "selected": selected,
            "last": last,
            "steps": writer.steps,
            "selected_epoch": selection.epoch,
            "learning_speed": writer.speeds,
            "d_speed": writer.imbalance,
            "rebalancing_steps": dict(writer.rebalancing),
        }

    def _stop(self, writer: JournalWriter) -> None:
        writer.flush()
        self.journal.write({"event": "stop", "reason": "interrupt", "step": writer.steps})
        consolidate(self.folder)


def _open_folder(
    resolved: Resolved, catalogue: Catalogue, folder: Path, data: MultimodalDataset
) -> None:
    """Create the folder of a run with its configuration."""
    table = provenance(catalogue, resolved.config, data.fingerprint)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(
            to_toml(resolved.config, resolved.origins, table), encoding="utf-8"
        )
    except OSError as error:
        raise MmbalError(f"cannot write into {folder}: {error.strerror}") from error


@contextmanager
def _warnings_to(journal: Journal, progress: Progress) -> Iterator[None]:
    """Send what mmbal and plugins warn of to the journal and the display."""
    with warnings.catch_warnings():
        default = warnings.showwarning

        def show(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
            if not issubclass(category, UserWarning):
                default(message, category, *place, **more)
                return
            journal.write({"event": "warning", "text": str(message)})
            progress.warn(str(message))

        warnings.showwarning = show
        yield
