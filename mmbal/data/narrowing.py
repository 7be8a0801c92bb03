"""A dataset -> the same one with some of its modalities."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mmbal.data.contract import Examples, MultimodalDataset
from mmbal.errors import refuse_unknown

if TYPE_CHECKING:
    import tensorflow as tf


def narrow(data: MultimodalDataset, modalities: Collection[str]) -> MultimodalDataset:
    """Return a dataset with the named modalities alone, in its own order.

    Examples are read and varied as a whole before the others are dropped, so that they are the
    same, random numbers included, whichever modalities are kept; so is the fingerprint.

    Args:
        data: as it was loaded.
        modalities: to keep; none for all.

    Raises:
        ConfigError: there is no such modality.
    """
    refuse_unknown("modality", modalities, data.modalities, "modalities")
    kept = {name: each for name, each in data.modalities.items() if name in modalities}
    if len(kept) in (0, len(data.modalities)):
        return data
    train = replace(data.train, vary=_variation(data))
    columns = [number for number, name in enumerate(data.modalities) if name in kept]
    rest = partial(_without, data.modalities.keys() - kept, columns)
    return replace(
        data,
        modalities=kept,
        train=rest(train),
        validation=rest(data.validation),
        test=rest(data.test),
        augment=None,
    )


def _variation(data: MultimodalDataset) -> Callable[..., Any] | None:
    """Return how training shows an example, from its index and a seed; None for as it is read."""
    read, augment = data.train.read, data.augment
    if augment is None:
        return data.train.vary

    def vary(index: "tf.Tensor", seed: "tf.Tensor") -> Any:
        return augment(*read(index), seed)

    return vary


def _without(left_out: Collection[str], columns: Sequence[int], examples: Examples) -> Examples:
    """Return examples without some modalities.

    Args:
        left_out: names of modalities.
        columns: of `Examples.presence`, of those that stay.
        examples: of all modalities.
    """

    def drop(inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in inputs.items() if name not in left_out}

    def dropping(read: Callable[..., Any]) -> Callable[..., Any]:
        def read_rest(*arguments: "tf.Tensor") -> Any:
            inputs, label = read(*arguments)
            return drop(inputs), label

        return read_rest

    return replace(
        examples,
        read=dropping(examples.read),
        vary=examples.vary and dropping(examples.vary),
        presence=None if examples.presence is None else examples.presence[:, columns],
        inputs=None if examples.inputs is None else drop(examples.inputs),
    )
