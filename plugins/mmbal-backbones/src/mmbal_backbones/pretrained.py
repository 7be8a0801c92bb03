"""Weights of torchvision's ResNet-18, from a safetensors file, into its Keras twin.

The file is that of timm (`timm/resnet18.tv_in1k` on the Hugging Face hub: torchvision's
IMAGENET1K_V1 weights); its tensors have the names of torchvision's `state_dict`.
"""

from collections.abc import Mapping

import keras
import numpy as np

from mmbal import ConfigError, DataFormatError
from mmbal_backbones.weights import IMAGENET, RANDOM, check_weights

REPOSITORY, FILE = "timm/resnet18.tv_in1k", "model.safetensors"
EXTRA = "pip install 'mmbal-backbones[imagenet]'"

Tensors = Mapping[str, np.ndarray]


def open_tensors(weights: str) -> Tensors | None:
    """Read the tensors of a file, which "imagenet" downloads once.

    Args:
        weights: "imagenet", or the path of a safetensors file; "random" reads nothing.

    Raises:
        ConfigError: the extra `imagenet` is not installed, or there is no such file.
        DataFormatError: the file is damaged.
    """
    if weights == RANDOM:
        return None
    check_weights(weights)
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise ConfigError(_missing(weights, error)) from error
    path = _download(weights) if weights == IMAGENET else weights
    try:
        tensors: Tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataFormatError(f"{path}: no readable safetensors file: {error}") from error
    return tensors


def _download(weights: str) -> str:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise ConfigError(_missing(weights, error)) from error
    try:
        return hf_hub_download(REPOSITORY, FILE)
    except Exception as error:  # it has a dozen kinds, of several libraries
        first = (str(error).strip().splitlines() or [""])[0]
        raise ConfigError(
            f"cannot download {FILE} of {REPOSITORY}: {type(error).__name__}: {first}; give the "
            "file itself: --set architecture.weights=FILE"
        ) from error


def _missing(weights: str, error: ImportError) -> str:
    return (
        f"architecture.weights={weights!r} needs the package {error.name!r}, which is not "
        f"installed: {EXTRA}"
    )


def assign_tensors(backbone: keras.Model, head: keras.Model, tensors: Tensors, source: str) -> None:
    """Set the variables of a ResNet-18; the classifier keeps its own if its width differs.

    A first convolution of one channel gets the sum over the file's three, as timm does it:
    it then treats gray images as it would their three equal channels.

    Args:
        backbone: made by `resnet18`.
        head: with the layer "fc".
        tensors: by the names of torchvision's `state_dict`.
        source: names the tensors in messages.

    Raises:
        DataFormatError: tensors are missing, of other shapes or left over; lists them all.
    """
    wanted = _by_torch_name([*backbone.layers, *head.layers])
    given = {n: t for n, t in tensors.items() if not n.endswith(".num_batches_tracked")}
    if not _same_shape(wanted["fc.bias"], given.get("fc.bias")):
        for name in ("fc.weight", "fc.bias"):
            wanted.pop(name)
            given.pop(name, None)
    first = given.get("conv1.weight")
    if first is not None and first.ndim == 4 and wanted["conv1.weight"].shape[2] == 1:
        given["conv1.weight"] = first.sum(axis=1, keepdims=True)
    problems = [f"{name} is missing" for name in wanted if name not in given]
    problems += [f"{name} is not part of a ResNet-18" for name in given if name not in wanted]
    for name, variable in wanted.items():
        if name in given and not _same_shape(variable, _in_keras_order(given[name])):
            found = tuple(given[name].shape)
            problems.append(f"{name} must be {_torch_shape(variable)}, is {found}")
    if problems:
        raise DataFormatError(f"{source} does not fit ResNet-18: {'; '.join(problems)}")
    for name, variable in wanted.items():
        variable.assign(_in_keras_order(given[name]))


def _by_torch_name(layers: list[keras.layers.Layer]) -> dict[str, keras.Variable]:
    found: dict[str, keras.Variable] = {}
    for layer in layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            found[f"{layer.name}.weight"], found[f"{layer.name}.bias"] = layer.gamma, layer.beta
            found[f"{layer.name}.running_mean"] = layer.moving_mean
            found[f"{layer.name}.running_var"] = layer.moving_variance
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            found[f"{layer.name}.weight"] = layer.kernel
            if layer.bias is not None:
                found[f"{layer.name}.bias"] = layer.bias
    return found


def _in_keras_order(tensor: np.ndarray) -> np.ndarray:
    """Return (out, in, height, width) as (height, width, in, out), and (out, in) as (in, out)."""
    return np.transpose(tensor, (2, 3, 1, 0)) if tensor.ndim == 4 else np.transpose(tensor)


def _torch_shape(variable: keras.Variable) -> tuple[int, ...]:
    shape = tuple(variable.shape)
    return (shape[3], shape[2], shape[0], shape[1]) if len(shape) == 4 else shape[::-1]


def _same_shape(variable: keras.Variable, tensor: np.ndarray | None) -> bool:
    return tensor is not None and tuple(variable.shape) == tensor.shape
