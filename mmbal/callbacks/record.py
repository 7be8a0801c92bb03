"""The callback that lets a `fit` write the record of a run."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from mmbal.errors import ContractError
from mmbal.paths import at_home


class Record(keras.callbacks.Callback):
    """Lets `BalancedModel.fit` write what `mmbal run` writes, for `mmbal report` and others.

    Example:
        record = mmbal.callbacks.Record("runs/guided-0", test=(test_data, test_labels))
        model.fit(data, labels, validation_split=0.2, epochs=5, callbacks=[record])

    The folder holds the journal, `record.h5`, the weights of the selected epoch (best validation
    accuracy or, without that metric, loss; without validation data the last one) and those of the
    end, which the model keeps. `config.toml` tells strategy, optimizer and numbers, and makes
    nothing again, as your code alone makes network and data: `mmbal run --config` and
    `mmbal evaluate` refuse it, so what is to be measured is named here.

    To be the last of the callbacks. The data are read once more, into memory.

    Args:
        folder: to write; absent or empty.
        test: `(inputs, labels)`, or a finite `tf.data.Dataset` of these, scored when training is
            over and for nothing else. Without, `mmbal compare` falls back on validation.
        name: of the data and of what is tried with them. Runs of one name, strategy and settings
            that differ in the `seed` of their models alone are one arm of a comparison: networks
            that differ in more than the shapes of their variables need names of their own.
        evaluations: names of what is measured on validation and test.
        save_predictions: keep what the network says of every example.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        test: Any = None,
        name: str = "notebook",
        evaluations: Sequence[str] = ("accuracy", "utilization"),
        save_predictions: bool = False,
    ) -> None:
        super().__init__()
        self.folder, self.test, self.name = at_home(Path(folder)), test, name
        self.evaluations, self.save_predictions = tuple(evaluations), save_predictions

    def conduct(
        self, model: Any, given: Mapping[str, Any], options: dict[str, Any], fit: Callable[..., Any]
    ) -> Any:
        """Train and record; called by `BalancedModel.fit`.

        Args:
            model: that is trained.
            given: arguments of `fit`, as they were given.
            options: the same, ready for Keras.
            fit: Keras's own.

        Raises:
            MmbalError: the folder holds something, or an evaluation is not installed.
            RequirementError: the data cannot be read again.
        """
        from mmbal.experiment.notebook import record_fit

        return record_fit(self, model, given, options, fit)

    def on_train_begin(self, logs: Any = None) -> None:
        """Refuse: a `BalancedModel` has the callback conduct its fit, and does not call it.

        Raises:
            ContractError: always.
        """
        raise ContractError(
            f"Record records the fit of a BalancedModel; received a {type(self.model).__name__}"
        )
