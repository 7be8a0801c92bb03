"""Training that is undone: what a strategy tries out before it decides."""

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from mmbal.config.settings import RunConfig
from mmbal.data import MultimodalDataset
from mmbal.errors import MmbalError, counted
from mmbal.experiment.batches import TrainingBatches
from mmbal.experiment.building import compile_model
from mmbal.experiment.sampler import Sampler
from mmbal.experiment.stopping import StopRequest, StopTraining
from mmbal.progress import Progress
from mmbal.registry.catalogue import Catalogue
from mmbal.replicas.sums import Replicas
from mmbal.strategies.context import Measured, SamplerPlan
from mmbal.strategies.strategy import Strategy
from mmbal.strategies.surroundings import Surroundings
from mmbal.training.guard import NonFiniteError
from mmbal.training.model import BalancedModel


class Rehearsals:
    """Trains the network of a run under another strategy and puts everything back.

    The examples come in the order that the run's seed gives their first epochs; every host of
    a distributed run takes part. To be made outside of the scope of a `tf.distribute` strategy.

    Args:
        model: of the run.
        data: of the run.
        config: of the run.
        sampler: of the run; what it shows is what is trained on where a rehearsal does not say.
        stop: ends a rehearsal, too.
        progress: told what is tried.
        catalogue: builds the optimizer.
    """

    def __init__(
        self,
        model: BalancedModel,
        data: MultimodalDataset,
        config: RunConfig,
        sampler: Sampler | None,
        stop: StopRequest,
        progress: Progress,
        catalogue: Catalogue,
    ) -> None:
        self._model = model
        self._config = config
        self._catalogue, self._examples = catalogue, len(data.train)
        self._run_sampler = sampler
        self._stop = stop
        self._progress = progress
        # Its own, so that the run's training never sees a rehearsal's plan.
        self._sampler = Sampler(len(data.train), len(data.modalities))
        self._everything = self._sampler.state()
        self._batches = TrainingBatches(
            data, config.batch_size, config.seed, self._sampler, model.replicas
        )

    def __call__(
        self,
        strategy: Strategy,
        epochs: int,
        measure: Callable[[], Measured],
        *,
        plan: SamplerPlan | None = None,
        name: str = "",
    ) -> tuple[Measured, Measured]:
        """Train, measure before and after; as `mmbal.strategies.Rehearsal`."""
        name = name or type(strategy).__name__
        self._progress.stage(f"trying {name} for {counted(epochs, 'epoch')}")
        self._show(plan)
        with self._undone():
            before = measure()
            try:
                self._train(strategy, epochs)
            except NonFiniteError as error:
                raise MmbalError(
                    f"while trying {name}: {error.what} became NaN or infinite in step "
                    f"{error.step} of the rehearsal; lower the learning rate or "
                    "set on_nonfinite=skip"
                ) from error
            return before, measure()

    def _show(self, plan: SamplerPlan | None) -> None:
        if plan is not None:
            self._sampler.assign(plan)
        else:
            shown = self._everything if self._run_sampler is None else self._run_sampler.state()
            self._sampler.restore(shown)

    @contextmanager
    def _undone(self) -> Iterator[None]:
        """Put back what training moves and the run's own training goes on with."""
        # Each replica's own value: statistics that are not synchronised differ between them.
        parts = self._model.replicas.strategy.experimental_local_results
        own = [part for v in self._model.network.variables for part in parts(v.value)]
        held = [part.numpy() for part in own]
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
        try:
            yield
        finally:
            for part, value in zip(own, held, strict=True):
                part.assign(value)
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002

    def _train(self, strategy: Strategy, epochs: int) -> None:
        replicas, config = self._model.replicas, self._config
        with replicas.scope():
            model = BalancedModel(
                self._model.network,
                strategy,
                config.seed,
                on_nonfinite=config.on_nonfinite,
                surroundings=Surroundings(
                    sampler=self._sampler, shared_out=replicas.workers > 1, open_ended=True
                ),
            )
            compile_model(model, config, self._catalogue, self._examples)
        with warnings.catch_warnings():
            # A rehearsal may well train one branch alone.
            warnings.filterwarnings("ignore", "the learning speed of")
            model.fit(
                self._batches.dataset,
                epochs=epochs,
                callbacks=[_Epochs(self._batches, self._stop, replicas)],
                verbose=0,
                shuffle=False,
            )


class _Epochs(keras.callbacks.Callback):
    """Starts the data of every epoch and heeds requests to stop."""

    def __init__(self, batches: TrainingBatches, stop: StopRequest, replicas: Replicas) -> None:
        super().__init__()
        self._batches = batches
        self._stop = stop
        self._replicas = replicas

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the data."""
        self._batches.start(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop after any step where no other host has to agree."""
        if self._replicas.workers == 1 and self._stop.asked(self._replicas):
            raise StopTraining

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop between two epochs on all hosts."""
        if self._stop.asked(self._replicas):
            raise StopTraining
