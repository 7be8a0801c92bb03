"""Training on several devices and hosts: what a step asks the other replicas.

Every replica sees its rows of the global batch, and every replica holds the same weights and
the same state, because all of them compute it from what was summed over the replicas. On one
device each function here is the identity.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

import keras
import tensorflow as tf

from mmbal.replicas.rows import ALL_ROWS, Annotated, Rows

Structure = TypeVar("Structure")

ONE_DEVICE = tf.distribute.get_strategy()
"""TensorFlow's default; this module is imported before any scope is entered."""


class Replicas:
    """The devices that train together, on this host and on others.

    Args:
        strategy: of `tf.distribute`; None for the one in force.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None) -> None:
        self.strategy = strategy or tf.distribute.get_strategy()
        self.count = int(self.strategy.num_replicas_in_sync)
        self._local = 1 if self.count == 1 else len(self.strategy.extended.worker_devices)
        self.workers = self.count // self._local
        self.worker = _worker_index(self.strategy) if self.workers > 1 else 0
        self._total: Callable[..., Any] | None = None

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the files."""
        return self.worker == 0

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which variables are made for all replicas."""
        scope: AbstractContextManager[Any] = self.strategy.scope()
        return scope

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call `function` on every replica; return what the first one here returned."""
        # Replicas that run eagerly wait for each other at every operation.
        eager = self.count > 1 and tf.executing_eagerly()
        call = self.compiled(function) if eager else partial(self._on_all, function)
        return call(*args)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function` as a graph for what `run` would do again and again."""
        call: Callable[..., Any] = tf.function(partial(self._on_all, function), autograph=False)
        return call

    def _on_all(self, function: Callable[..., Any], *args: Any) -> Any:
        results = self.strategy.run(function, args=args)
        return results if self.count == 1 else tf.nest.map_structure(self._first_here, results)

    def _first_here(self, value: Any) -> Any:
        return self.strategy.experimental_local_results(value)[0]

    def any(self, here: bool) -> bool:
        """Return whether it holds on any host; all must ask at the same moment."""
        return self._sum_over_all(int(here)) > 0

    def agree(self, number: int) -> bool:
        """Return whether all hosts name the same number; all must ask at the same moment."""
        return self._sum_over_all(number) == number * self.count

    def _sum_over_all(self, number: int) -> int:
        if self.workers == 1:
            return number * self.count
        if self._total is None:
            # Only what lies on a replica's own device can be summed.
            self._total = self.compiled(lambda each: global_sum(tf.identity(each)))
        return int(self._total(tf.constant(number, tf.int64)))

    def share(self, batch: Structure, of_worker: bool = False) -> tuple[Structure, tf.Tensor]:
        """Return this replica's rows of a batch: contiguous and as even as can be.

        A batch of fewer rows than replicas is given whole to each of them: the mean over the
        copies is the mean over the batch, and no replica computes on nothing, which not every
        kernel can.

        Args:
            batch: tensors with a common batch axis, or None in their places.
            of_worker: the batch holds the rows of this host already, not the global ones;
                a note among its inputs, "whole", tells where it holds all of them.

        Returns:
            The rows, and () bool, whether they are the whole batch.
        """
        rows = tf.shape(next(t for t in tf.nest.flatten(batch) if t is not None))[0]
        parts = self._local if of_worker else self.count
        if self.count == 1:
            return batch, tf.constant(True)
        whole = _marked_whole(batch) if of_worker else rows < self.count
        index = _replica_index() % parts
        first = tf.where(whole, 0, rows * index // parts)
        last = tf.where(whole, rows, rows * (index + 1) // parts)

        def cut(tensor: tf.Tensor | None) -> tf.Tensor | None:
            return tensor if tensor is None or tensor.shape.rank == 0 else tensor[first:last]

        share: Structure = tf.nest.map_structure(cut, batch)
        return share, whole


def replica_count() -> int:
    """Return how many replicas train together, as seen from inside a scope."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def _is_alone() -> bool:
    """Return whether there is nobody to ask: on one device, and outside of a step."""
    return replica_count() == 1 or tf.distribute.in_cross_replica_context()


def global_sum(tensors: Structure) -> Structure:
    """Sum each tensor over the replicas; every replica gets the sums."""
    if _is_alone():
        return tensors
    context, flat = tf.distribute.get_replica_context(), tf.nest.flatten(tensors)
    kinds: dict[tf.DType, list[int]] = {}  # TensorFlow sums one type at a time
    for place, tensor in enumerate(flat):
        kinds.setdefault(tensor.dtype, []).append(place)
    for places in kinds.values():
        local = [flat[place] for place in places]
        totals = context.all_reduce(tf.distribute.ReduceOp.SUM, local)
        for place, total in zip(places, totals, strict=True):
            flat[place] = total
    sums: Structure = tf.nest.pack_sequence_as(tensors, flat)
    return sums


def global_mean(tensor: tf.Tensor) -> tf.Tensor:
    """Return the mean over the rows of the global batch: (batch, ...) to (...)."""
    if _is_alone():
        return tf.reduce_mean(tensor, axis=0)
    count = tf.cast(tf.shape(tensor)[0], tensor.dtype)
    total, examples = global_sum([tf.reduce_sum(tensor, axis=0), count])
    return total / examples


def global_rows(tensors: Sequence[tf.Tensor | None], whole: tf.Tensor) -> list[tf.Tensor | None]:
    """Return the rows of all replicas in their order: (batch, ...) to (global batch, ...).

    Args:
        tensors: with a common batch axis; None stays None, and so does a () tensor.
        whole: () bool, whether every replica has all rows already.
    """
    replicas = replica_count()
    places = [i for i, t in enumerate(tensors) if t is not None and t.shape.rank != 0]
    found: list[Any] = list(tensors)
    if replicas == 1 or not places:
        return found
    index, present = _replica_index(), [found[place] for place in places]
    if index > 0:  # of copies, the first replica's count
        present = [tensor[: tf.where(whole, 0, tf.shape(tensor)[0])] for tensor in present]
    sizes = global_sum(tf.one_hot(index, replicas, dtype=tf.int64) * _rows(present[0]))
    before, after = tf.reduce_sum(sizes[:index]), tf.reduce_sum(sizes[index + 1 :])
    # Rows of the others are zeros here, so that a sum puts all of them together exactly.
    # One by one: TensorFlow packs what is summed together, and types differ.
    sums = [global_sum(_pad(_summable(tensor), before, after)) for tensor in present]
    for place, total in zip(places, sums, strict=True):
        found[place] = tf.cast(total, found[place].dtype)
    return found


def _rows(tensor: tf.Tensor) -> tf.Tensor:
    return tf.shape(tensor, out_type=tf.int64)[0]


def _summable(tensor: tf.Tensor) -> tf.Tensor:
    """Widen types that not every device can sum over replicas; no value changes."""
    if tensor.dtype in (tf.float32, tf.float64):
        return tensor
    return tf.cast(tensor, tf.float32 if tensor.dtype.is_floating else tf.int64)


def _pad(tensor: tf.Tensor, before: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
    """Put rows of zeros around a tensor."""
    row = tf.shape(tensor, out_type=tf.int64)[1:]
    zeros = [tf.zeros(tf.concat([[n], row], axis=0), tensor.dtype) for n in (before, after)]
    return tf.concat([zeros[0], tensor, zeros[1]], axis=0)


def own_rows(count: tf.Tensor, whole: tf.Tensor) -> Rows:
    """Return which rows of the global batch this replica has.

    Args:
        count: () int, how many it has.
        whole: () bool, whether every replica has all rows.
    """
    replicas = replica_count()
    if replicas == 1:
        return ALL_ROWS
    index, count = _replica_index(), tf.cast(count, tf.int64)
    sizes = global_sum(tf.one_hot(index, replicas, dtype=tf.int64) * count)
    first = tf.where(whole, tf.zeros_like(count), tf.reduce_sum(sizes[:index]))
    return Rows(first, tf.where(whole, count, tf.reduce_sum(sizes)))


def global_losses(losses: dict[str, tf.Tensor], rows: tf.Tensor) -> dict[str, tf.Tensor]:
    """Turn means over this replica's rows into means over the global batch.

    The values are global; their gradients are those of this replica's part, so that the
    gradients of all replicas sum to the gradient of the global mean.

    Args:
        losses: name to scalar.
        rows: () int, examples of this replica.
    """
    if replica_count() == 1:
        return losses
    here = tf.cast(rows, tf.float64)
    share = here / global_sum(here)
    parts = {name: loss * tf.cast(share, loss.dtype) for name, loss in losses.items()}
    totals = global_sum([tf.stop_gradient(part) for part in parts.values()])
    return {
        name: _of_which(total, part)
        for (name, part), total in zip(parts.items(), totals, strict=True)
    }


@tf.custom_gradient
def _of_which(total: tf.Tensor, part: tf.Tensor) -> Any:
    """Return `total`, the same on every replica to the last bit, with the gradient of `part`."""
    return tf.identity(total), lambda upstream: (None, tf.cast(upstream, part.dtype))


def synchronise_batch_norm(network: keras.Model) -> None:
    """Let every batch normalisation in a network measure the global batch."""
    for layer in network._flatten_layers():  # noqa: SLF001  (Keras offers no public way down)
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _marked_whole(batch: Any) -> tf.Tensor:
    """Return whether a host's rows are all rows of the batch: () bool."""
    x = batch if isinstance(batch, Annotated) else batch[0]
    return tf.reduce_any(x.notes["whole"])


def _replica_index() -> int:
    """Return the number of the replica that is being traced."""
    index = tf.distribute.get_replica_context().replica_id_in_sync_group
    return int(tf.get_static_value(index))


def _worker_index(strategy: tf.distribute.Strategy) -> int:
    resolver = strategy.cluster_resolver
    has_chief = "chief" in resolver.cluster_spec().jobs
    return int(resolver.task_id) + int(has_chief and resolver.task_type == "worker")
