"""Examples by index -> the batches that training and evaluation read."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from mmbal.data import Examples, MultimodalDataset
from mmbal.data.order import draw_integers, epoch_order
from mmbal.data.pool import processors
from mmbal.errors import MmbalError
from mmbal.experiment.sampler import Rows, Sampler
from mmbal.replicas.rows import Annotated, annotated
from mmbal.replicas.sums import ONE_DEVICE, Replicas

Read = Callable[[Rows], tuple[Any, tf.Tensor]]


class TrainingBatches:
    """Which examples every step sees: a function of seed, epoch and step alone.

    Neither the number of hosts nor an interruption changes the order or the augmentation of an
    epoch. Every example is read once an epoch, by one host; only a last batch of fewer examples
    than replicas is read by all of them (see `Replicas.share`). To be made outside of the scope
    of a `tf.distribute` strategy, which would put copies of the position on its devices.

    Args:
        data: its training examples are shown.
        batch_size: examples per step, over all replicas.
        seed: of the run.
        sampler: shows the rows of its plan instead of every example once.
        replicas: that share every batch; None for one device.
        ids: whether the batches tell which examples they show.

    Attributes:
        dataset: of `(inputs, labels)`, this host's rows of each global batch, (rows, ...); the
            inputs are `Annotated` where there is more to tell of them. Iterating runs through the
            rest of one epoch. Its cardinality is unknown, since the rest may begin anywhere.
        steps_per_epoch: None with a sampler, whose plan decides.

    Raises:
        MmbalError: `batch_size` is smaller than the number of replicas.
    """

    def __init__(
        self,
        data: MultimodalDataset,
        batch_size: int,
        seed: int,
        sampler: Sampler | None = None,
        replicas: Replicas | None = None,
        *,
        ids: bool = False,
    ) -> None:
        replicas = replicas or Replicas(ONE_DEVICE)
        if batch_size < replicas.count:
            raise MmbalError(
                f"batch_size must be at least the number of replicas, {replicas.count}; received "
                f"{batch_size}"
            )
        self._data = data
        self._batch_size = batch_size
        self._seed = seed
        self._sampler = sampler
        self._noted = {"ids": "id"} if ids else {}
        if sampler is not None:
            self._noted["keep"] = "keep"
        self._varied = data.augment is not None or data.train.vary is not None
        steps = -(-len(data.train) // batch_size)
        self.steps_per_epoch = steps if sampler is None else None
        with tf.device("CPU"):
            # One variable, so that an iteration never sees half a change.
            self._position = tf.Variable([0, 0], dtype=tf.int64, trainable=False)

        def rest(_: tf.Tensor) -> tf.data.Dataset:
            epoch, step = tf.unstack(self._position)
            rows = self._rows(epoch)
            if replicas.workers > 1:
                return _share_out(rows, self._read, batch_size, replicas, step)
            return _slices(rows, step * batch_size)

        # Mapped onto a single element, this runs when an iteration begins.
        batches = tf.data.Dataset.from_tensors(0).flat_map(rest)
        if replicas.workers == 1:  # one stream starts faster than one of parts
            batches = _mapped(batches, self._read).batch(batch_size)
        self.dataset = _read_ahead(batches, replicas)

    def start(self, epoch: int, step: int = 0) -> None:
        """Make the next iteration over `dataset` yield `epoch` from its `step` on.

        Examples of earlier steps are not read.
        """
        self._position.assign([epoch, step])

    @property
    def length(self) -> int:
        """Number of steps of an epoch under the plan in force."""
        rows = len(self._data.train) if self._sampler is None else len(self._sampler)
        return -(-rows // self._batch_size)

    def rows(self, epoch: int, step: int) -> np.ndarray:
        """Return the training indices of the global batch of a step, (rows,) int64.

        With a sampler, those of the plan in force.
        """
        return self.order(epoch)[step * self._batch_size :][: self._batch_size]

    def order(self, epoch: int) -> np.ndarray:
        """Return the training indices of an epoch in their order, (rows,) int64.

        With a sampler, those of the plan in force.
        """
        with tf.device("CPU"):
            order: np.ndarray = self._rows(tf.constant(epoch, tf.int64))["id"].numpy()
        return order

    def _rows(self, epoch: tf.Tensor) -> Rows:
        """Return what an epoch shows, in its order."""
        rows = _all(self._data.train) if self._sampler is None else self._sampler.rows()
        count = tf.size(rows["id"])
        order = epoch_order(count, self._seed, epoch)
        rows = {name: tf.gather(row, order) for name, row in rows.items()}
        if self._varied:
            rows["seed"] = draw_integers([count, 2], self._seed, 2 * epoch + 1)
        return rows

    def _read(self, row: Rows) -> tuple[Any, tf.Tensor]:
        """Return one example as it is shown in one row."""
        if self._data.train.vary is not None:
            inputs, label = self._data.train.vary(row["id"], row["seed"])
        else:
            inputs, label = self._data.train.read(row["id"])
        if self._data.augment is not None:
            inputs, label = self._data.augment(inputs, label, row["seed"])
        return _with_notes(inputs, {note: row[name] for note, name in self._noted.items()}), label


def plain_batches(
    examples: Examples, batch_size: int, replicas: Replicas | None = None
) -> tf.data.Dataset:
    """Batch examples in their order; hosts share every batch as they do in training."""
    replicas = replicas or Replicas(ONE_DEVICE)
    if replicas.workers == 1:
        batches = examples.dataset().batch(batch_size)
    else:
        with tf.device("CPU"):
            rows = _all(examples)
            batches = _share_out(rows, lambda row: examples.read(row["id"]), batch_size, replicas)
    return _read_ahead(batches, replicas)


def _with_notes(x: Any, notes: dict[str, tf.Tensor]) -> Any:
    """Return inputs with notes beside them, if there are any."""
    inputs, before = annotated(x)
    notes = {**before, **notes}
    return Annotated(inputs, notes) if notes else inputs


def _all(examples: Examples) -> Rows:
    """Return the rows of every example once, in order."""
    return {"id": tf.range(len(examples), dtype=tf.int64)}


def _slices(rows: Rows, first: Any = 0) -> tf.data.Dataset:
    """Return the rows one by one, from the first on."""
    return tf.data.Dataset.from_tensor_slices({name: row[first:] for name, row in rows.items()})


def _mapped(rows: tf.data.Dataset, read: Read) -> tf.data.Dataset:
    return rows.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _share_out(
    rows: Rows, read: Read, batch_size: int, replicas: Replicas, step: tf.Tensor | int = 0
) -> tf.data.Dataset:
    """Return a host's rows of the global batches from `step` on.

    It has equally many rows of every full batch, and another number of the last one where that
    is smaller. `tf.data` cannot batch unequally, so these are two parts.
    """

    def examples(chosen: tf.Tensor, whole: tf.Tensor | bool) -> tf.data.Dataset:
        def marked(row: Rows) -> tuple[Any, tf.Tensor]:
            x, label = read(row)
            return _with_notes(x, {"whole": tf.convert_to_tensor(whole)}), label

        taken = {name: tf.gather(row, chosen) for name, row in rows.items()}
        return _mapped(_slices(taken), marked)

    def share(size: Any) -> tuple[Any, Any]:
        worker, workers = replicas.worker, replicas.workers
        return size * worker // workers, size * (worker + 1) // workers

    count = tf.size(rows["id"], out_type=tf.int64)
    full, rest = count // batch_size, count % batch_size
    first, last = share(batch_size)
    grid = tf.reshape(tf.range(full * batch_size), [-1, batch_size])[step:, first:last]
    few = rest < replicas.count
    begin, end = (
        tf.where(few, everything, part)
        for everything, part in zip((tf.zeros_like(rest), rest), share(rest), strict=True)
    )
    tail = tf.range(full * batch_size, count)[begin:end]
    tail = tail[: tf.where(step > full, 0, tf.size(tail))]
    smaller = examples(tail, few).batch(batch_size)
    return examples(tf.reshape(grid, [-1]), False).batch(last - first).concatenate(smaller)


def _read_ahead(batches: tf.data.Dataset, replicas: Replicas) -> tf.data.Dataset:
    """Read on threads of their own, two per processor.

    TensorFlow's common ones are as many as processors, and a thread that waits for Python code
    (`mmbal.data.python_reader`) does nothing else.
    """
    options = tf.data.Options()
    options.threading.private_threadpool_size = 2 * processors()
    if replicas.workers > 1:
        # TensorFlow fails to run mapping and batching as one operation where there are two such
        # pairs and `read` captures a resource, such as a lookup table: control edges hold the
        # nodes that it wants to delete.
        options.experimental_optimization.map_and_batch_fusion = False
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)
