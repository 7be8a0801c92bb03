"""Cuts a functional Keras model into stages at named layers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import keras

from mmbal import MmbalError
from mmbal.networks import scope_name


class CutError(MmbalError, ValueError):
    """A model that cannot be cut, or not where it was asked for."""


class Place(NamedTuple):
    """What one layer or operation of a model computes.

    Attributes:
        name: of the layer.
        tensor: what it returns, symbolic; None where that is more than one tensor.
        passing: a layer before it whose output is used after it, and the layer that uses it;
            None where everything goes through this layer.
    """

    name: str
    tensor: Any
    passing: tuple[str, str] | None

    @property
    def is_bottleneck(self) -> bool:
        """Whether the model can be cut here."""
        return self.passing is None and self.tensor is not None


class Parts(NamedTuple):
    """A model taken apart; the parts share its variables.

    Attributes:
        stages: one per cut, each ends in the layer that was named.
        tail: what comes after the last cut, None if nothing does.
    """

    stages: list[keras.Model]
    tail: keras.Model | None


def cut(model: keras.Model, names: Sequence[str], label: str = "") -> Parts:
    """Take a model apart after the layers of these names.

    Args:
        model: functional, with one input and one output.
        names: of layers through which everything goes, in the order of the model.
        label: what the parts are called, by default as the model.

    Raises:
        CutError: a layer is unknown or passed by, or the model is no such model.
    """
    label = label or model.name
    places = find_places(model)
    ends = [_place(places, name, model.name).tensor for name in names]
    order = [place.name for place in places if place.is_bottleneck and place.name in names]
    if order != list(names):
        raise CutError(
            f"the cuts of {model.name!r} must be in the order of the model and differ: "
            f"{', '.join(order)}; received {', '.join(names)}"
        )
    begins = [model.inputs[0], *ends]
    stages = [
        keras.Model(begin, end, name=f"{scope_name(label)}_stage_{index}")
        for index, (begin, end) in enumerate(zip(begins, ends, strict=False))
    ]
    last, output = begins[-1], model.outputs[0]
    tail = None if last is output else keras.Model(last, output, name=f"{scope_name(label)}_tail")
    return Parts(stages, tail)


def find_places(model: keras.Model) -> list[Place]:
    """Return the layers and operations of a functional model in the order of computation.

    Raises:
        CutError: the model is not functional, or has several inputs or outputs.
    """
    nodes = _sorted_nodes(only_output(model))
    used = [id(tensor) for node in nodes for tensor in node.input_tensors]
    left = Counter([*used, id(model.outputs[0])])
    waiting: dict[int, str] = {}  # tensors that are still to be used, with their layers
    places = []
    for number, node in enumerate(nodes):
        left.subtract(id(tensor) for tensor in node.input_tensors)
        name, outputs = node.operation.name, node.output_tensors
        waiting |= {id(tensor): name for tensor in outputs}
        waiting = {tensor: owner for tensor, owner in waiting.items() if left[tensor] > 0}
        own = {id(tensor) for tensor in outputs}
        passing = next(
            (
                (owner, _next_user(nodes[number + 1 :], tensor))
                for tensor, owner in waiting.items()
                if tensor not in own
            ),
            None,
        )
        if node.input_tensors:  # the input itself is no place
            places.append(Place(name, outputs[0] if len(outputs) == 1 else None, passing))
    return places


def _next_user(nodes: Sequence[Any], tensor: int) -> str:
    """Return the first operation that uses a tensor; one of the nodes does."""
    users = (node for node in nodes if any(id(each) == tensor for each in node.input_tensors))
    return str(next(users).operation.name)


def only_output(model: keras.Model) -> Any:
    """Return the output of a functional model with one input and one output.

    Raises:
        CutError: the model is no such model.
    """
    inputs, outputs = (getattr(model, side, None) for side in ("inputs", "outputs"))
    name = getattr(model, "name", type(model).__name__)
    if not inputs or not outputs:
        raise CutError(
            f"{name!r} is no functional model: one made by keras.Model(inputs, outputs), or a "
            f"keras.Sequential that knows its input; received {type(model).__name__}"
        )
    for side, tensors in (("input", inputs), ("output", outputs)):
        if len(tensors) != 1:
            raise CutError(
                f"a branch has one input and one output; {name!r} has {len(tensors)} {side}s: "
                f"{', '.join(tensor.name for tensor in tensors)}"
            )
    return outputs[0]


def _sorted_nodes(output: Any) -> list[Any]:
    """Return every call that `output` depends on, each after those that it needs."""
    done: dict[int, Any] = {}
    stack: list[tuple[Any, Iterator[Any]]] = []

    def enter(tensor: Any) -> None:
        operation, index, _ = tensor._keras_history  # noqa: SLF001  (Keras offers no public way)
        node = operation._inbound_nodes[index]  # noqa: SLF001
        if id(node) not in done:
            stack.append((node, iter(node.input_tensors)))

    enter(output)
    while stack:
        node, needed = stack[-1]
        if (tensor := next(needed, None)) is not None:
            enter(tensor)
        else:
            stack.pop()
            done.setdefault(id(node), node)
    return list(done.values())


def _place(places: Sequence[Place], name: str, model: str) -> Place:
    """Return the place to cut at."""
    found = [place for place in places if place.name == name]
    if len(found) == 1 and found[0].is_bottleneck:
        return found[0]
    if not found:
        problem = f"{model!r} has no layer {name!r}"
    elif len(found) > 1:
        problem = f"{model!r} uses layer {name!r} {len(found)} times"
    elif found[0].passing:
        owner, user = found[0].passing
        problem = f"{name!r} of {model!r} is passed by: {owner!r} before it also feeds {user!r}"
    else:
        problem = f"{name!r} of {model!r} returns more than one tensor"
    legal = [each.name for each in places if each.is_bottleneck]
    near = get_close_matches(name, legal)
    listing = [*near, *(each for each in legal if each not in near)]
    raise CutError(f"{problem}; it can be cut after: {', '.join(listing)}")
