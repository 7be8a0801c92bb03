"""The callback that tells TensorBoard of a training."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tensorboard.plugins.hparams import api as hparams

from mmbal import Configurable
from mmbal.errors import RequirementError
from mmbal_tensorboard.events import Curves, keep_before
from mmbal_tensorboard.options import TensorBoardOptions

BALANCE = ("learning_speed/", "d_speed")
"""Logs that curves of steps tell already."""


class TensorBoard(Configurable, keras.callbacks.Callback):
    """Writes scores, learning speeds, isolation and settings for TensorBoard, on the chief.

    What is written where stands in the distribution's README.
    """

    options: TensorBoardOptions

    def __init__(self, options: TensorBoardOptions | None = None, /, **settings: Any) -> None:
        super().__init__(options, **settings)
        self._next: int | None = None  # the first step that was not looked at
        self._window: list[tuple[float, int]] = []  # loss and isolated branch since the last point
        self._seen = -1  # the batch of this epoch that was looked at last
        self._curves: Curves | None = None  # of the chief

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the folder; a resumed run takes back what is to come again.

        Raises:
            RequirementError: there is neither a run nor a folder that is named.
        """
        run, settings = self.model.surroundings.folder, self.model.surroundings.settings
        folder = self._place(run)
        if not self.model.replicas.is_chief:
            return
        if self._next is None:
            self._next = int(self.model.trace.steps.numpy())
        if run is not None:
            keep_before(folder, self._next)
        self._curves = self._curves or Curves(folder)
        if settings and self._next == 0:
            with self._curves.writer(".").as_default():
                hparams.hparams(dict(_numbers_or_text(settings)), trial_id=run.name)

    def _place(self, run: Path | None) -> Path:
        named = self.options.folder
        if run is not None:
            return run / "tensorboard" if named is None else named / run.name
        if named is None:
            raise RequirementError(
                "tensorboard writes into the folder of a run, which `fit` alone has not: name one, "
                'TensorBoard(folder="logs/mine")'
            )
        return named

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the steps before the model forgets them."""
        room = self.model.trace.capacity - self.model.steps_per_execution
        if batch - self._seen >= max(1, min(room, self.options.every)):
            self._seen = batch
            self._look()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write what the epoch has come to."""
        self._look()
        self._seen = -1
        if self._curves is None or self._next is None:
            return
        told: dict[str, dict[str, Any]] = {"train": {}, "validation": {}}
        for name, value in (logs or {}).items():
            bare = name.removeprefix("val_")
            if not name.startswith(BALANCE):
                told["train" if bare == name else "validation"][f"epoch_{bare}"] = value
        for folder, values in told.items():
            self._curves.write(folder, values, self._next - 1)

    def scored(self, result: Mapping[str, Any]) -> None:
        """Write the test scores; a run calls it when all is over.

        Args:
            result: what `mmbal run --json` prints.
        """
        if self._curves is not None and self._next is not None:
            self._curves.write("test", result.get("test") or {}, self._next)
            self._curves.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Let nothing wait."""
        if self._curves is not None:
            self._curves.flush()

    def state(self) -> dict[str, Any]:
        """Return what a resumed training goes on from; what was written until here is on disk."""
        self._look()
        self.on_train_end()
        return {"next": self._next, "window": [list(each) for each in self._window]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._next, self._window = state["next"], [(each[0], each[1]) for each in state["window"]]

    def _look(self) -> None:
        """Write the steps since the last look, a point for every so many."""
        if self._curves is None or self._next is None:
            return
        steps, names = self.model.trace.since(self._next), self.model.network.modalities
        for k, index in enumerate(range(steps.first, steps.first + len(steps.loss))):
            self._window.append((float(steps.loss[k]), int(steps.isolated[k])))
            self._next = index + 1
            if self._next % self.options.every:
                continue
            losses, isolated = map(np.asarray, zip(*self._window, strict=True))
            self._window.clear()
            values = {"loss": losses.mean(), "d_speed": steps.imbalance[k]}
            values |= {f"learning_speed/{m}": steps.speeds[k, j] for j, m in enumerate(names)}
            values |= {f"isolated/{m}": (isolated == j).mean() for j, m in enumerate(names)}
            self._curves.write("train", values, index)


def _numbers_or_text(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield settings as hyper-parameters, which are numbers or text."""
    for name, value in values.items():
        yield name, value if isinstance(value, bool | int | float | str) else str(value)
