"""Runs of mmbal in TensorBoard."""

from mmbal import lazy_names

__all__ = ["TensorBoard"]

__getattr__ = lazy_names(__name__, {"TensorBoard": "mmbal_tensorboard.callback"})
