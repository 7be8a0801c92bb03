"""What a network says of every example of a split: one compiled pass, kept in arrays."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from mmbal.data import Examples
from mmbal.errors import MmbalError
from mmbal.networks.controls import NORMAL, Controls
from mmbal.networks.network import FusionNetwork, at_least_float32, average
from mmbal.replicas.sums import ONE_DEVICE, Replicas, global_rows

Batches = Callable[[Examples], tf.data.Dataset]
BATCH = 64
"""Examples per pass where nobody says how many."""
MOST_ENTRIES = 8192
"""Columns of features that are taken entry by entry."""
Means = dict[str, tuple[np.ndarray, ...]]
"""Name of a fusion module to the mean summary of each modality, (channels,)."""


class Store(Protocol):
    """Where the arrays of a pass are made."""

    def __call__(self, name: str, shape: tuple[int, ...], dtype: Any, /) -> np.ndarray:
        """Return an array to be filled."""


def in_memory(_: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an array in memory; a `Store`."""
    return np.empty(shape, dtype)


def _batched(examples: Examples) -> tf.data.Dataset:
    return examples.dataset().batch(BATCH)


@dataclass(frozen=True)
class Predictions:
    """What one pass over a split said; nothing trained, nothing was augmented.

    Attributes:
        ids: (example,) int64, places in the split, ascending.
        labels: (example,) int64.
        logits: (example, class), fused.
        losses: (example,) joint loss, nats: cross-entropies summed over branches, or that of a
            joint classifier.
        unimodal: modality to (example, class), `Outputs.unimodal`.
        conditional: modality to (example, class), the prediction whose utilization is measured.
        slices: modality to (example, class) parts of `logits`; None where these are no sum.
        heads: modality to (example, class) logits of a classifier of its own; None unless read.
        features: modality to (example, channels), mean over space and time; None unless read.
        grids: modality to (example, columns), means over the halves of each axis; None unless read.
        flats: modality to (example, columns), every entry of the features; None unless read.
    """

    ids: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    losses: np.ndarray
    unimodal: Mapping[str, np.ndarray]
    conditional: Mapping[str, np.ndarray]
    slices: Mapping[str, np.ndarray] | None = None
    heads: Mapping[str, np.ndarray] | None = None
    features: Mapping[str, np.ndarray] | None = None
    grids: Mapping[str, np.ndarray] | None = None
    flats: Mapping[str, np.ndarray] | None = None

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Predictions":
        """Return predictions of arrays by name, such as "logits" and "unimodal/gray"."""
        parts: dict[str, Any] = {}
        for name, array in arrays.items():
            part, _, modality = name.partition("/")
            if modality:
                parts.setdefault(part, {})[modality] = array
            else:
                parts[part] = array
        parts.setdefault("conditional", parts["unimodal"])
        return cls(**parts)


class Predictor:
    """Runs a network with its present weights over examples.

    Compiled once per kind of pass, so that several splits and weights cost one tracing. Replicas,
    of all hosts, share every batch: every host makes the same passes and has the whole result.

    Args:
        network: in inference mode.
        batches: from examples to batches of `({modality: tensor}, label)` in their order.
        replicas: that share a batch; None for one device.

    Attributes:
        fuse: `FusionNetwork.fuse` of the network, compiled.
    """

    def __init__(
        self,
        network: FusionNetwork,
        batches: Batches = _batched,
        replicas: Replicas | None = None,
    ) -> None:
        self.network = network
        self._batches = batches
        self._replicas = replicas or Replicas(ONE_DEVICE)
        self._vectors = False
        self._compiled: dict[tuple[frozenset[str], int], Callable[..., Any]] = {}
        self.fuse = of_any_rows(network.fuse)
        self._sums = of_any_rows(self._sum_batch)

    @property
    def independent(self) -> bool:
        """Whether the features of one pass give the logits of every subset of modalities."""
        return self._vectors and {"encode", "mask"} <= self.network.offers

    def predict(
        self,
        examples: Examples,
        controls: Controls = NORMAL,
        reads: frozenset[str] = frozenset(),
        store: Store = in_memory,
    ) -> Predictions:
        """Return what the network says of all examples.

        Args:
            examples: in the order of the result.
            controls: what is absent.
            reads: which of "heads", "features", "grids", "flats" are wanted beside logits.
            store: makes the arrays.

        Raises:
            ValueError: there are no examples.
        """
        arrays: dict[str, np.ndarray] = {}
        first = 0
        for batch in self.passes(examples, controls, reads):
            last = first + len(batch["labels"])
            for name, rows in batch.items():
                if name not in arrays:
                    arrays[name] = store(name, (len(examples), *rows.shape[1:]), rows.dtype)
                arrays[name][first:last] = rows
            first = last
        if not first:
            raise ValueError("there are no examples to score")
        ids = store("ids", (first,), np.dtype(np.int64))
        ids[:] = np.arange(first)
        return Predictions.of_arrays({"ids": ids, **arrays})

    def passes(
        self, examples: Examples, controls: Controls = NORMAL, reads: frozenset[str] = frozenset()
    ) -> Iterator[dict[str, np.ndarray]]:
        """Yield what the network says of every batch, by name as `Predictions.of_arrays`."""
        # Ranks of masks apart: traced together, they would be of an unknown one.
        key = reads, 0 if controls.keep is None else len(controls.keep.shape)
        if key not in self._compiled:
            self._compiled[key] = self._compile(reads)
        keep = None if controls.keep is None else tf.convert_to_tensor(controls.keep)
        fill = None if controls.fill is None else dict(controls.fill)
        for inputs, labels in self._batches(examples):
            said = self._compiled[key]((inputs, labels), keep, fill)
            yield {name: tensor.numpy() for name, tensor in said.items()}

    def means(self, examples: Examples) -> Means:
        """Return the mean summaries over all examples: one (channels,) per modality."""
        total: Any = None
        for inputs, _ in self._batches(examples):
            batch = self._sums(inputs)
            total = batch if total is None else tf.nest.map_structure(tf.add, total, batch)
        dtype = self.network.variable_dtype
        return {
            module: tuple((z / len(examples)).numpy().astype(dtype) for z in sums)
            for module, sums in (total or {}).items()
        }

    def _compile(self, reads: frozenset[str]) -> Callable[..., Any]:
        read = partial(self._read_batch, reads)
        if self._replicas.count == 1:
            return of_any_rows(read)
        return self._replicas.compiled(partial(self._share_batch, read))

    def _share_batch(self, read: Any, batch: Any, keep: Any, fill: Any) -> Any:
        """Read the rows of this replica; return those of all."""
        batch, whole = self._replicas.share(batch)
        said = read(batch, keep, fill)
        return dict(zip(said, global_rows(list(said.values()), whole), strict=True))

    def _read_batch(
        self, reads: frozenset[str], batch: Any, keep: Any, fill: Any
    ) -> dict[str, tf.Tensor]:
        """Return the arrays of one batch by name."""
        network, (inputs, labels) = self.network, batch
        outputs = network(inputs, Controls(keep=keep, fill=fill), training=False)
        self._vectors = all(z.shape.rank == 2 for z in outputs.features.values())
        labels = tf.cast(labels, tf.int64)
        losses = [
            keras.losses.sparse_categorical_crossentropy(
                labels, at_least_float32(logits), from_logits=True
            )
            for logits in outputs.supervised.values()
        ]
        parts = {"unimodal": outputs.unimodal, "slices": outputs.slices}
        if outputs.conditional is not None:
            parts["conditional"] = outputs.conditional
        if "heads" in reads and "head" in network.offers:
            parts["heads"] = network.logits_of(outputs.features, "head")
        for part, pool in POOLS.items():
            if part in reads:
                parts[part] = {m: pool(z) for m, z in outputs.features.items()}
        named = {
            f"{part}/{m}": at_least_float32(tensors[m])
            for part, tensors in parts.items()
            if tensors is not None
            for m in network.modalities
        }
        logits = at_least_float32(outputs.logits)
        return {"labels": labels, "logits": logits, "losses": tf.add_n(losses), **named}

    def _sum_batch(self, inputs: dict[str, tf.Tensor]) -> Any:
        squeezed = self.network(inputs, training=False).squeezed
        return tf.nest.map_structure(
            lambda z: tf.reduce_sum(tf.cast(z, tf.float64), axis=0), squeezed
        )


def of_any_rows(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of a batch and more, so that a last batch of fewer rows traces nothing.

    Args:
        function: of a structure of (batch, ...) arrays, and of what else may be None.
    """
    compiled = tf.function(function, reduce_retracing=True)
    traced: set[tuple[bool, ...]] = set()

    def call(batch: Any, *more: Any) -> Any:
        given = tuple(each is None for each in more)
        if given not in traced and not tf.config.functions_run_eagerly():
            traced.add(given)
            rows = tf.nest.map_structure(
                lambda x: tf.TensorSpec([None, *x.shape[1:]], x.dtype), batch
            )
            compiled.get_concrete_function(rows, *more)
        return compiled(batch, *more)

    return call


def _mean(feature: tf.Tensor) -> tf.Tensor:
    """Return (batch, channels): what a classifier sees of maps is their mean."""
    return average(feature) if feature.shape.rank > 2 else feature


def _halves(feature: tf.Tensor) -> tf.Tensor:
    """Return (batch, columns): the means over both halves of each axis of maps, joined."""
    parts = [feature]
    for axis in range(1, feature.shape.rank - 1):
        length = feature.shape[axis]
        if length > 1:
            sizes = [length // 2, length - length // 2]
            parts = [half for part in parts for half in tf.split(part, sizes, axis)]
    return tf.concat([_mean(part) for part in parts], axis=-1)


def _entries(feature: tf.Tensor) -> tf.Tensor:
    """Return (batch, columns): every entry of maps."""
    columns = math.prod(feature.shape[1:])
    if columns > MOST_ENTRIES:
        raise MmbalError(
            f"features of shape {tuple(feature.shape[1:])} have {columns} entries; at most "
            f"{MOST_ENTRIES} may be pooled as flat: choose mean or grid"
        )
    return tf.reshape(feature, (-1, columns))


POOLS = {"features": _mean, "grids": _halves, "flats": _entries}
"""Part of `Predictions` to how features become vectors."""
