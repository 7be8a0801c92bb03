"""Training that is undone: what a strategy tries out before it decides."""

from collections.abc import Callable
from typing import Any

import keras

from mmbal.config.settings import RunConfig
from mmbal.data import MultimodalDataset
from mmbal.experiment.batches import TrainingBatches
from mmbal.experiment.model import compile_model
from mmbal.experiment.sampler import Sampler
from mmbal.experiment.stopping import StopRequest, StopTraining
from mmbal.progress import Progress
from mmbal.training.model import BalancedModel
from mmbal.training.strategy import Measured, Strategy


class Trials:
    """Trains the network of a run under another strategy and puts everything back.

    The examples come in the order that the run's seed gives their first epochs; every host of
    a distributed run takes part.

    Args:
        model: of the run.
        data: of the run.
        config: of the run.
        sampler: of the run, or None; what it shows is what is trained on.
        stop: ends a trial, too.
        progress: told what is tried.
    """

    def __init__(
        self,
        model: BalancedModel,
        data: MultimodalDataset,
        config: RunConfig,
        sampler: Sampler | None,
        stop: StopRequest,
        progress: Progress,
    ) -> None:
        self._model = model
        self._data = data
        self._config = config
        self._sampler = sampler
        self._stop = stop
        self._progress = progress

    def __call__(
        self, strategy: Strategy, epochs: int, measure: Callable[[], Measured]
    ) -> tuple[Measured, Measured]:
        """Train, measure before and after; as `mmbal.training.strategy.Trial`."""
        network = self._model.network
        held = [(variable, variable.numpy()) for variable in network.variables]
        before = measure()
        try:
            self._train(strategy, epochs)
            return before, measure()
        finally:
            with self._model.replicas.scope():
                for variable, value in held:
                    variable.assign(value)

    def _train(self, strategy: Strategy, epochs: int) -> None:
        replicas, config = self._model.replicas, self._config
        batches = TrainingBatches(
            self._data, config.batch_size, config.seed, self._sampler, replicas
        )
        with replicas.scope():
            model = BalancedModel(self._model.network, strategy, config.seed)
            compile_model(model, config)
        model.sampler, model.epochs_vary = self._sampler, True
        model.batches_are_shared_out = replicas.workers > 1
        self._progress.stage(f"trying {type(strategy).__name__} for {epochs} epochs")
        model.fit(
            batches.dataset,
            epochs=epochs,
            callbacks=[_Trial(batches, self._stop if replicas.workers == 1 else None)],
            verbose=0,
            shuffle=False,
        )


class _Trial(keras.callbacks.Callback):
    """Starts the data of every epoch and heeds requests to stop.

    Args:
        batches: of the trial.
        stop: None where hosts would have to agree on it.
    """

    def __init__(self, batches: TrainingBatches, stop: StopRequest | None) -> None:
        super().__init__()
        self._batches = batches
        self._stop = stop

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the data."""
        self._batches.start(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop; the trial is begun anew when the run is resumed."""
        if self._stop is not None and self._stop.reason is not None:
            raise StopTraining
