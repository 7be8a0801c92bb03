"""The rules for architectures, tried on noise of the smallest inputs that they take."""

import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.capabilities import CAPABILITIES
from mmbal.data import Modality
from mmbal.errors import MmbalError, unknown
from mmbal.testing.bench import Bench as Base
from mmbal.testing.bench import distance
from mmbal.testing.rules import Broken, Inapplicable, Rulebook, require
from mmbal.testing.toys import CLASSES, NAMES, WIDTH
from mmbal.training.network import FusionNetwork, Outputs, build_from

SHAPES = ((WIDTH,), (8, WIDTH), (16, 16, 3), (32, 32, 3), (8, 16, 16, 3))
"""Inputs that are tried until an architecture takes one: vectors, series, images, videos."""
ROWS, SEED, SAME = 4, 5, 1e-5
CONVOLUTIONS = (
    keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D, keras.layers.SeparableConv1D, keras.layers.SeparableConv2D,
)  # fmt: skip
Inputs = dict[str, tf.Tensor]

RULES = Rulebook("architecture")


class Bench(Base):
    """An architecture and what its networks say."""

    @cached_property
    def first(self) -> tuple[FusionNetwork, tuple[int, ...]]:
        """Return a network for the first shape of inputs that it takes, and the shape."""
        refusals = []
        for shape in self.subject.shapes or SHAPES:
            try:
                return self._build(2, shape), tuple(shape)
            except (ValueError, MmbalError) as error:  # as Keras and plugins refuse shapes
                refusals.append(error)
        raise refusals[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of every modality."""
        return self.first[1]

    def make(self, count: int = 2, seed: int = SEED) -> FusionNetwork:
        """Return a new network of so many modalities with variables."""
        return self._build(count, self.shape, seed)

    def _build(self, count: int, shape: tuple[int, ...], seed: int = SEED) -> FusionNetwork:
        keras.utils.set_random_seed(seed)
        modalities = {name: Modality(shape) for name in NAMES[:count]}
        network: FusionNetwork = self.subject.build(modalities, CLASSES)
        build_from(network, {name: each.empty() for name, each in modalities.items()})
        return network

    def network(self, *, owner: bool = False) -> FusionNetwork:
        """Return a network of two modalities, whose running means may have moved."""
        return self.once("outputs", lambda: self.first[0], owner=owner)  # type: ignore[no-any-return]

    def inputs(self, count: int = 2, rows: int = ROWS) -> Inputs:
        """Return noise."""
        draw = np.random.default_rng(SEED)
        return {
            name: tf.constant(draw.normal(size=(rows, *self.shape)), tf.float32)
            for name in NAMES[:count]
        }


def gradients(
    inputs: Inputs, told: Callable[[Inputs], tf.Tensor | None]
) -> dict[str, np.ndarray | None]:
    """Return how a tensor depends on every modality's rows: the size of the gradient, (rows,).

    Args:
        inputs: modality to (rows, ...).
        told: from the inputs to any tensor; its entries count with unequal weights.
    """
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        tensor = tf.cast(told(inputs), tf.float32)
        weights = tf.reshape(tf.range(1.0, tf.cast(tf.size(tensor), tf.float32) + 1), tensor.shape)
        total = tf.reduce_sum(tf.sin(weights) * tensor)
    found = tape.gradient(total, inputs, unconnected_gradients="zero")
    return {
        name: np.abs(gradient.numpy()).reshape(len(gradient), -1).sum(axis=1)
        for name, gradient in found.items()
    }


@RULES.rule(
    why="the trainer reads every one of these, whichever strategy or score is used",
    fix="return `Outputs` with one entry per modality, by the names in `network.modalities`, and "
    "logits through `at_least_float32`",
)
def outputs(bench: Bench) -> None:
    """A forward pass gives logits, and logits and features of every modality."""
    network = bench.network(owner=True)
    given, said = bench.inputs(), network(bench.inputs())
    require(isinstance(said, Outputs), f"a call must give Outputs, received {type(said).__name__}")
    expected = (ROWS, CLASSES)
    named = {"unimodal": said.unimodal, "predictions": said.predictions}
    require(
        network.modalities == tuple(given), f"modalities must be {list(given)}, received "
        f"{list(network.modalities)}",
    )  # fmt: skip
    for what, each in (*named.items(), ("features", said.features)):
        require(tuple(each) == network.modalities, f"{what} must be of {list(given)}")
    tensors = {"logits": said.logits, **said.supervised}
    tensors |= {f"{what} of {m}": t for what, each in named.items() for m, t in each.items()}
    for what, tensor in tensors.items():
        shape, dtype = tuple(tensor.shape), tensor.dtype.name
        require(shape == expected, f"{what} must have shape {expected}, received {shape}")
        require(tensor.dtype.size >= 4, f"{what} must be float32 or wider, received {dtype}")
        require(np.isfinite(tensor).all(), f"{what} are not finite")


@RULES.rule(
    why="what belongs to no group is never trained, and learning speeds compare groups",
    fix="list every trainable variable in `variable_groups`: with a branch, with the fusion that "
    "feeds a branch, or as shared",
)
def groups(bench: Bench) -> None:
    """Every trainable variable is in one kind of group, and every modality has a branch."""
    network = bench.network()
    try:
        network.partition()
    except ValueError as error:
        raise Broken(str(error)) from error
    found = network.variable_groups()
    lacking = [m for m in network.modalities if not found.branch.get(m)]
    require(not lacking, f"no variables in the branch of {', '.join(lacking)}")
    outside = [m for m, own in found.encoders().items() if not is_within(own, found.branch[m])]
    require(not outside, f"encoder variables outside of the branch of {', '.join(outside)}")


@RULES.rule(
    why="an isolated branch must learn from its own modality alone; a leak balances nothing",
    fix="replace every gate that feeds the branch by its running mean where `isolate` holds, also "
    "in training",
)
def isolation(bench: Bench) -> None:
    """Isolating a branch stops the gradient from the other modalities, and only that."""
    network = bench.network()
    if "isolation" not in network.offers:
        raise Inapplicable("it does not offer isolation")
    for place, modality in enumerate(network.modalities):
        chosen = tf.one_hot(place, len(network.modalities), on_value=True, off_value=False)
        leaks = influence(bench, modality, isolate=chosen, training=True)
        own = leaks.pop(modality)
        require(own > 0, f"isolated, the branch of {modality} does not see its own inputs")
        told = [other for other, size in leaks.items() if size > 0]
        require(not told, f"isolated, the branch of {modality} still depends on {told}")
        free = influence(bench, modality, isolate=tf.zeros_like(chosen), training=True)
        deaf = [other for other in leaks if free[other] == 0]
        require(not deaf, f"not isolated, the branch of {modality} does not depend on {deaf}")


@RULES.rule(
    why="samplers hide modalities of single examples; a hidden one that is still read makes scores "
    "of missing modalities meaningless",
    fix="multiply the modality's features by its column of `keep` before they meet others, and "
    "leave it out of the fusion",
)
def keep(bench: Bench) -> None:
    """A row's hidden modality is not read, and rows that show all are as without a mask."""
    network, given = bench.network(), bench.inputs()
    free = network(given).logits
    shown = network(given, keep=tf.ones([ROWS, len(given)])).logits
    require(distance([shown], [free]) <= SAME, "a mask that shows everything changes the logits")
    for place, modality in enumerate(network.modalities):
        mask = np.ones((ROWS, len(given)), "float32")
        mask[0, place] = 0  # the first row hides it
        masked = network(given, keep=tf.constant(mask)).logits
        require(
            distance([masked[1:]], [free[1:]]) <= SAME,
            f"hiding {modality} in one row changes the logits of others",
        )
        read = gradients(given, lambda x, m=mask: network(x, keep=tf.constant(m)).logits)
        require(read[modality][0] == 0, f"the logits depend on {modality} where it is hidden")
        require(read[modality][1:].all(), f"the logits do not depend on {modality} where shown")


@RULES.rule(
    why="utilization is what a prediction loses without the other modalities; read all the same, "
    "they make it too small",
    fix="let every branch see its own summaries and the given means in place of the others'",
)
def blocked(bench: Bench) -> None:
    """With means in place of the others' summaries, a prediction reads its own modality alone."""
    network = bench.network()
    squeezed = network(bench.inputs()).squeezed
    if not squeezed:
        raise Inapplicable("its fusion has no summaries to block")
    means: dict[str, tuple[tf.Tensor, ...]] = {}
    for name, summaries in squeezed.items():
        require(
            len(summaries) == len(network.modalities) and {len(s.shape) for s in summaries} == {2},
            f"squeezed[{name!r}] must be one (batch, channels) tensor per modality",
        )
        means[name] = tuple(tf.reduce_mean(summary, axis=0) for summary in summaries)
    for modality in network.modalities:
        read = influence(bench, modality, predictions=True, blocked=means)
        require(read.pop(modality) > 0, f"blocked, {modality} does not see its own inputs")
        told = [other for other, size in read.items() if size > 0]
        require(not told, f"blocked, the prediction of {modality} still depends on {told}")


@RULES.rule(
    why="strategies change what the classifiers see, such as by masking or perturbing features",
    fix="call `transform` on the dictionary of features, use and return what it gives",
)
def transform(bench: Bench) -> None:
    """`transform` is given the features, and what it returns is classified."""
    network, given = bench.network(), bench.inputs()
    free = network(given)
    same = network(given, transform=lambda features: features)
    require(distance([same.logits], [free.logits]) <= SAME, "the identity changes the logits")
    zeros = network(given, transform=zeroed)
    require(distance([zeros.logits], [free.logits]) > SAME, "zeros as features change nothing")
    left = [m for m, feature in zeros.features.items() if np.any(feature)]
    require(not left, f"`Outputs.features` of {', '.join(left)} are not what `transform` returned")


@RULES.rule(
    why="strategies rely on what is offered, and `mmbal plugins` shows it without loading anything",
    fix="set `offers` to what `fuse`, `logits_of` and `set_rule` really do, and `Component.offers` "
    "to the same",
)
def offers(bench: Bench) -> None:
    """What it offers is what it does, and the component says the same."""
    network = bench.network()
    for name in network.offers:
        require(name in CAPABILITIES, unknown("capability", name, CAPABILITIES))
    declared = set(bench.subject.component.offers)
    require(
        declared == network.offers,
        f"Component.offers says {sorted(declared)}, the network {sorted(network.offers)}",
    )
    said = network(bench.inputs())
    for kind in ("slice", "head", "mask"):
        if kind not in network.offers:
            continue
        parts = network.logits_of(said.features, kind)
        require(tuple(parts) == network.modalities, f"{kind!r} logits must be one per modality")
        shapes = {tuple(part.shape) for part in parts.values()}
        require(shapes == {(ROWS, CLASSES)}, f"{kind!r} logits have shapes {sorted(shapes)}")
        if kind == "slice":
            total = tf.add_n(list(parts.values()))
            require(distance([total], [said.logits]) <= SAME, "the slices do not sum to the logits")
        if kind == "mask":
            fused = network.fuse(said.features)
            require(
                distance([fused], [said.logits]) <= SAME, "`fuse` gives other logits than a call"
            )


@RULES.rule(
    why="mmbal is for any number of modalities, and a single one is the ablation of all",
    fix="loop over the modalities that the factory is given",
)
def modalities(bench: Bench) -> None:
    """It takes one modality and three as well as two."""
    for count in (1, 3):
        network = bench.make(count)
        said = network(bench.inputs(count))
        names = NAMES[:count]
        require(tuple(said.unimodal) == names, f"logits of {list(said.unimodal)} for {list(names)}")
        require(np.isfinite(said.logits).all(), f"logits of {count} modalities are not finite")
        network.partition()


@RULES.rule(
    why="selected weights are loaded again to be scored, and runs are evaluated later",
    fix="make every layer an attribute (or in a list or dictionary of one) before the first call",
)
def saving(bench: Bench) -> None:
    """Weights that are saved and loaded into a new network give the very same outputs."""
    network, path = bench.network(), bench.folder / "toy.weights.h5"
    network(bench.inputs(), training=True)  # running means move
    network.save_weights(path)
    other = bench.make(seed=SEED + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras merely warns of what it left
            other.load_weights(path)
    except (ValueError, UserWarning) as error:
        raise Broken(f"the weights cannot be loaded: {error}") from error
    same = np.array_equal(other(bench.inputs()).logits, network(bench.inputs()).logits)
    require(same, "a new network with the loaded weights predicts something else")


@RULES.rule(
    why="half precision is how accelerators are fast; logits in 16 bits make losses coarse",
    fix="cast inputs of your own operations to the layer's compute dtype, variables that are read "
    "too, and logits with `at_least_float32`",
)
def precision(bench: Bench) -> None:
    """Under mixed precision it trains: float32 variables and logits, finite gradients."""
    bench.network()
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = bench.make()
    with tf.GradientTape() as tape:
        said = network(bench.inputs(), training=True)
        total = tf.add_n([tf.reduce_sum(tf.nn.softmax(t)[:, 0]) for t in said.supervised.values()])
    narrow = [v.path for v in network.variables if tf.as_dtype(v.dtype) in (tf.bfloat16, tf.half)]
    require(not narrow, f"variables in 16 bits: {', '.join(narrow)}")
    half = [
        name for name, t in {"logits": said.logits, **said.supervised}.items() if t.dtype.size < 4
    ]
    require(not half, f"in 16 bits: {', '.join(half)}")
    found = tape.gradient(total, [v.value for v in network.trainable_variables])
    finite = all(np.isfinite(tf.cast(g, tf.float32)).all() for g in found if g is not None)
    require(finite, "gradients are not finite")


@RULES.rule(
    why="a part of the data may hold no example, such as a filtered split",
    fix="avoid reshaping with -1 and dividing by the number of rows",
)
def empty_batch(bench: Bench) -> None:
    """A batch without rows gives outputs without rows."""
    network = bench.network()
    if takes_no_empty_batch(network):
        raise Inapplicable("TensorFlow's convolutions give wrong shapes for no rows here (oneDNN)")
    said = network(bench.inputs(rows=0))
    shapes = {tuple(t.shape) for t in (said.logits, *said.unimodal.values())}
    require(shapes == {(0, CLASSES)}, f"shapes are {sorted(shapes)}, expected {(0, CLASSES)}")


@RULES.rule(
    why="a score must not depend on what was scored before it",
    fix="move running means under `if training:` alone, and draw random numbers there only",
)
def evaluation(bench: Bench) -> None:
    """Evaluation changes no variable, and gives the same outputs again."""
    network = bench.network()
    before = [v.numpy() for v in network.variables]
    first, second = network(bench.inputs()).logits, network(bench.inputs()).logits
    moved = [
        v.path for v, old in zip(network.variables, before, strict=True)
        if not np.array_equal(v.numpy(), old)
    ]  # fmt: skip
    require(not moved, f"moved outside of training: {', '.join(moved)}")
    require(np.array_equal(first, second), "two evaluations of one batch differ")


def takes_no_empty_batch(network: FusionNetwork) -> bool:
    """Return whether it convolves, and TensorFlow cannot do that to a batch without rows.

    With oneDNN, on a CPU, the result has the shape of the input (TensorFlow 2.21).
    """
    layers = network._flatten_layers()  # noqa: SLF001  (Keras offers no public way down)
    if not any(isinstance(layer, CONVOLUTIONS) for layer in layers):
        return False
    found = tf.nn.conv2d(tf.zeros([0, 4, 4, 1]), tf.ones([1, 1, 1, 2]), 1, "SAME")
    return tuple(found.shape) != (0, 4, 4, 2)


def influence(
    bench: Bench, modality: str, *, predictions: bool = False, **how: Any
) -> dict[str, float]:
    """Return how much a modality's logits depend on the inputs of every modality."""
    network = bench.network()

    def told(inputs: Inputs) -> tf.Tensor:
        said = network(inputs, **how)
        return (said.predictions if predictions else said.unimodal)[modality]

    return {name: float(size.sum()) for name, size in gradients(bench.inputs(), told).items()}


def is_within(variables: Any, others: Any) -> bool:
    """Return whether all variables are among the others."""
    return {id(v) for v in variables} <= {id(v) for v in others}


def zeroed(features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return zeros in place of features."""
    return {name: tf.zeros_like(feature) for name, feature in features.items()}
