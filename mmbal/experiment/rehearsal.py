"""Training that is undone: what a strategy tries out before it decides."""

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from mmbal.data import MultimodalDataset
from mmbal.errors import MmbalError, counted
from mmbal.experiment.batches import TrainingBatches
from mmbal.experiment.building import Run, build_model
from mmbal.experiment.sampler import Sampler
from mmbal.experiment.stopping import StopRequest, StopTraining
from mmbal.strategies.context import Measured, SamplerPlan
from mmbal.strategies.strategy import Strategy
from mmbal.strategies.surroundings import Surroundings
from mmbal.training.guard import NonFiniteError
from mmbal.training.model import BalancedModel


class Rehearsals:
    """Trains the network of a run under another strategy and puts everything back.

    The examples come in the order that the run's seed gives their first epochs; where a rehearsal
    does not say which, they are those that the run's sampler shows. Every host of a distributed
    run takes part. To be made outside of the scope of a `tf.distribute` strategy.
    """

    def __init__(
        self,
        model: BalancedModel,
        run: Run,
        data: MultimodalDataset,
        sampler: Sampler | None,
        stop: StopRequest,
    ) -> None:
        self._model = model
        self._run, self._data, self._stop = run, data, stop
        # Its own, so that the run's training never sees a rehearsal's plan.
        self._sampler = Sampler(len(data.train), len(data.modalities))
        everything = self._sampler.plan
        self._shown: Callable[[], SamplerPlan] = lambda: (
            everything if sampler is None else sampler.plan
        )
        config = run.config
        self._batches = TrainingBatches(
            data, config.batch_size, config.seed, self._sampler, run.replicas
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
        self._run.progress.stage(f"trying {name} for {counted(epochs, 'epoch')}")
        self._sampler.assign(plan or self._shown())
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

    @contextmanager
    def _undone(self) -> Iterator[None]:
        """Put back what training moves and the run's own training goes on with."""
        # Each replica's own value: statistics that are not synchronised differ between them.
        parts = self._run.replicas.strategy.experimental_local_results
        own = [part for v in self._model.network.variables for part in parts(v.value)]
        values = [part.numpy() for part in own]
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
        try:
            yield
        finally:
            for part, value in zip(own, values, strict=True):
                part.assign(value)
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002

    def _train(self, strategy: Strategy, epochs: int) -> None:
        replicas = self._run.replicas
        surroundings = Surroundings(
            sampler=self._sampler, shared_out=replicas.workers > 1, open_ended=True
        )
        with replicas.scope():
            model = build_model(
                self._run.config,
                self._run.catalogue,
                self._data,
                strategy,
                surroundings,
                self._model.network,
            )
        follow = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _: self._batches.start(epoch),
            # Several hosts agree between two epochs, where all of them come by.
            on_train_batch_end=self._heed if replicas.workers == 1 else None,
            on_epoch_end=self._heed,
        )
        with warnings.catch_warnings():
            # A rehearsal may well train one branch alone.
            warnings.filterwarnings("ignore", "the learning speed of")
            model.fit(
                self._batches.dataset, epochs=epochs, callbacks=[follow], verbose=0, shuffle=False
            )

    def _heed(self, *_: Any, **__: Any) -> None:
        if self._stop.asked(self._run.replicas):
            raise StopTraining
