"""What an object holds in Python, where no checkpoint looks."""

from typing import Any

import numpy as np
import tensorflow as tf

DEPTH = 3
"""Of nested lists and dictionaries that are looked into."""


def plain_values(thing: Any) -> dict[str, str]:
    """Return an object's plain values as text by attribute, nested ones too."""
    texts = {name: _as_text(value, DEPTH) for name, value in vars(thing).items()}
    return {name: text for name, text in texts.items() if text is not None}


def _as_text(value: Any, depth: int) -> str | None:
    """Return a plain value as text; None for anything else."""
    if tf.is_tensor(value) and not isinstance(
        value, tf.Variable
    ):  # one that a step puts in its place is another one
        return f"tensor {id(value)}"
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return repr(value)
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tobytes()!r}"
    if depth and isinstance(value, list | tuple):
        return repr([_as_text(each, depth - 1) for each in value])
    if depth and isinstance(value, dict):
        return repr({str(key): _as_text(each, depth - 1) for key, each in value.items()})
    return None
