"""A Keras model whose steps run on every replica of a tf.distribute strategy."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.replicas.sums import ONE_DEVICE, Replicas

EXECUTION = {"steps_per_execution": 1, "jit_compile": False}
"""Options of `compile` that several replicas cannot change."""
CONDITIONAL = ("gradient_accumulation_steps", "ema_overwrite_frequency")
"""Options of optimizers that Keras carries out under a condition, within each replica."""


class ReplicatedModel(keras.Model):
    """Runs `train_step` and `test_step` on the replicas of the scope it is made in.

    Keras's own way shares batches out through distributed datasets, which fails on several
    hosts (keras issue 20585) and forgets how many examples each replica had. Here Keras reads
    plain batches and each replica takes its rows inside the step.

    Args:
        name: Keras name of the model.
        shared_out: whether the data hold this host's rows only, not those of the global batch.
    """

    def __init__(self, name: str, *, shared_out: bool = False) -> None:
        super().__init__(name=name)
        self.replicas = Replicas()
        self.train_function: Any
        self.test_function: Any
        self._read_metrics: Any = None
        self._distribute_strategy = None  # where Keras keeps the strategy it would use
        self._shared_out = shared_out

    def compile(self, optimizer: Any = "rmsprop", **options: Any) -> None:
        """Configure training as `keras.Model.compile` does.

        Raises:
            ValueError: TensorFlow or Keras cannot run one of the arguments on several replicas.
        """
        if self.replicas.count > 1:
            self._refuse_unable(optimizer, options)
        super().compile(optimizer, **options)
        self._read_metrics = None  # it may be others now

    def share(self, data: Any) -> tuple[Any, tf.Tensor]:
        """Return the rows of a batch that are this replica's, and whether they are all."""
        # Keras hands a single batch to an eager step as it was given.
        data = tf.nest.map_structure(
            lambda x: tf.convert_to_tensor(x) if isinstance(x, np.ndarray) else x, data
        )
        return self.replicas.share(data, self._shared_out)

    def evaluate(self, *args: Any, **options: Any) -> Any:
        """Evaluate as `keras.Model.evaluate` does."""
        with self.replicas.scope():
            return super().evaluate(*args, **options)

    @property
    def distribute_strategy(self) -> tf.distribute.Strategy:
        """What Keras reads data and runs steps with: its own way where there is one replica."""
        return self.replicas.strategy if self.replicas.count == 1 else ONE_DEVICE

    def make_train_function(self, force: bool = False) -> None:
        """Compile the training step for all replicas."""
        if self.replicas.count == 1:
            super().make_train_function(force)
        elif force or self.train_function is None:
            self.train_function = self._on_replicas(self.train_step)

    def make_test_function(self, force: bool = False) -> None:
        """Compile the evaluation step for all replicas."""
        if self.replicas.count == 1:
            super().make_test_function(force)
        elif force or self.test_function is None:
            self.test_function = self._on_replicas(self.test_step)

    def get_metrics_result(self) -> dict[str, tf.Tensor]:
        """Return the metrics; every replica has seen every example, so one speaks for all."""
        if not tf.distribute.in_cross_replica_context():
            return super().get_metrics_result()  # type: ignore[no-any-return]
        if self._read_metrics is None:
            self._read_metrics = self.replicas.compiled(super().get_metrics_result)
        results: dict[str, tf.Tensor] = self._read_metrics()
        return results

    def _refuse_unable(self, optimizer: Any, options: Mapping[str, Any]) -> None:
        given = {name: options.get(name, only) for name, only in EXECUTION.items()}
        given |= {name: getattr(optimizer, name, None) for name in CONDITIONAL}
        for name, value in given.items():
            only = EXECUTION.get(name)
            if value not in (only, "auto"):
                raise ValueError(
                    f"{name} must be {only} on {self.replicas.count} replicas, received {value}: "
                    "TensorFlow runs it on one device only"
                )

    def _on_replicas(self, step: Any) -> Any:
        def on_batch(data: Any) -> Any:
            return self.replicas.run(step, data)

        if self.run_eagerly:
            return lambda batches: on_batch(next(batches))
        # As on one device, where Keras keeps autograph off its steps; it is slow to trace, too.
        compiled = tf.function(on_batch, autograph=False)

        def on_next(batches: Any) -> Any:
            if not isinstance(batches, tf.data.Iterator):  # a single batch
                return compiled(next(batches))
            # Traced for the shapes that the data promise, which a last, smaller batch has too.
            return compiled.get_concrete_function(batches.element_spec)(next(batches))

        return on_next
