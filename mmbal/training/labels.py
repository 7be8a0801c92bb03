"""The form of labels, looked at before anything is trained or scored by them."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.errors import ContractError, RequirementError

CLOSE = 1e-3
"""Largest deviation from 1 of what is taken for a sum of shares."""
ONE_LOGIT, SEVERAL = "a single logit", "several labels of each example"


def fault_of(x: Any, y: Any, classes: int) -> str:
    """Say what keeps labels from naming one class of each example; nothing for nothing.

    Args:
        x: what `fit` was given; of data in batches, the first one is looked at.
        y: the labels, where they are apart from it.
        classes: logits of a prediction.
    """
    if classes == 1:
        return ONE_LOGIT
    if isinstance(x, tf.data.Dataset):
        y = _second(x.element_spec)
        if _by_class(y):
            y = next(iter(x.take(1).map(lambda *parts: parts[1])), None)
    elif isinstance(x, keras.utils.PyDataset):
        y = _second(x[0])
    if y is None or not _by_class(y):
        return ""
    rows = np.asarray(y)
    if rows.shape[1:] != (classes,):
        return f"labels of shape {rows.shape}"
    if (abs(rows.sum(axis=1) - 1) > CLOSE).any():
        return SEVERAL
    return "" if ((rows == 0) | (rows == 1)).all() else "soft labels"


def refuse_labels(fault: str, strategy: Any, *, compared: bool) -> None:
    """Refuse labels that a strategy or the accuracy would misread.

    Args:
        fault: as `fault_of` says.
        strategy: to train with; None where nothing is trained.
        compared: whether "accuracy" was asked for.

    Raises:
        RequirementError: the strategy reads one class of each example.
        ContractError: the accuracy would.
    """
    if fault and strategy is not None and strategy.requirements().single_label:
        raise RequirementError(
            f"strategy {type(strategy).__name__} needs one class of each example, as an index or a "
            f"one-hot row; received {fault}"
        )
    if compared and not comparable(fault):
        raise ContractError(
            'metrics=["accuracy"] compares the largest of several logits with one class of each '
            f"example; received {fault}: name another metric, such as "
            "keras.metrics.BinaryAccuracy(threshold=0.0)"
        )


def comparable(fault: str) -> bool:
    """Return whether the largest logit can be right or wrong: also where labels are soft."""
    return fault not in (ONE_LOGIT, SEVERAL)


def _second(batch: Any) -> Any:
    return batch[1] if isinstance(batch, tuple | list) and len(batch) > 1 else None


def _by_class(labels: Any) -> bool:
    """Return whether labels, or their specification, have a value for every class."""
    shape = tf.TensorShape(getattr(labels, "shape", np.shape(labels)))
    return labels is not None and (shape.rank or 0) > 1 and shape[-1] != 1
