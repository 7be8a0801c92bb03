"""The rules for architectures, tried on noise of the smallest inputs that they take."""

import warnings
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from mmbal.capabilities import CAPABILITIES
from mmbal.errors import unknown
from mmbal.laboratory.difference import difference
from mmbal.laboratory.toys import CLASSES
from mmbal.networks import controls
from mmbal.networks.controls import Controls
from mmbal.testing.faults import dtype_fault
from mmbal.testing.fixtures.architecture import (
    ROWS,
    SEED,
    SHAPES,
    ArchitectureSubject,
    check_outputs,
)
from mmbal.testing.rules import Broken, Inapplicable, Rulebook, require

SAME = 1e-5
"""Largest relative difference that is still rounding."""
RULES = Rulebook()
SUBJECT = ArchitectureSubject


def agree(one: tf.Tensor, other: tf.Tensor) -> bool:
    """Return whether two tensors are the same but for rounding."""
    return difference([one], [other]) <= SAME


@RULES.rule(
    why="the trainer reads every one of these, whichever strategy or score is used; a single "
    "modality is the ablation of all",
    fix="loop over the modalities that the factory is given, and return `Outputs` with one entry "
    "for each, by the names in `network.modalities`, and logits through `at_least_float32`",
)
def outputs(subject: ArchitectureSubject) -> None:
    """Of one, two and three modalities it gives logits, and logits and features of each."""
    subject.network()
    for count in (1, 3):
        check_outputs(subject.make(count), subject.inputs(count))


@RULES.rule(
    why="what belongs to no group is never trained, and learning speeds compare groups",
    fix="list every trainable variable in `variable_groups`: with a branch, with the fusion that "
    "feeds a branch, or as shared",
)
def groups(subject: ArchitectureSubject) -> None:
    """Every trainable variable is in one kind of group, and every modality has a branch."""
    network = subject.network()
    network.partition()
    found = network.variable_groups()
    lacking = [m for m in network.modalities if not found.branch.get(m)]
    require(not lacking, f"no variables in the branch of {', '.join(lacking)}")
    outside = [
        m
        for m, own in found.encoders().items()
        if not {*map(id, own)} <= {*map(id, found.branch[m])}
    ]
    require(not outside, f"encoder variables outside of the branch of {', '.join(outside)}")


@RULES.rule(
    why="an isolated branch must learn from its own modality alone; a leak balances nothing",
    fix="let `HeldMean` stand for every gate that feeds the branch where `isolate` holds, also in "
    "training",
)
def isolation(subject: ArchitectureSubject) -> None:
    """Isolating a branch stops the gradient from the other modalities, and only that."""
    network = subject.network()
    if "isolation" not in network.offers:
        raise Inapplicable("it does not offer isolation")
    for place, modality in enumerate(network.modalities):
        isolate = tf.one_hot(place, len(network.modalities), on_value=True, off_value=False)
        alone, free = (
            subject.influence(Controls(each), "unimodal", modality, training=True)
            for each in (isolate, tf.zeros_like(isolate))
        )
        require_alone(alone, modality, "isolated")
        deaf = [m for m, rows in free.items() if not rows.any()]
        require(not deaf, f"not isolated, the branch of {modality} does not depend on {deaf}")


def require_alone(influence: Mapping[str, np.ndarray], modality: str, how: str) -> None:
    """Raise `Broken` unless a branch reads its own modality, and no other."""
    own = influence[modality].any()
    require(own, f"{how}, the branch of {modality} does not see its own inputs")
    leaks = [m for m, rows in influence.items() if rows.any() and m != modality]
    require(not leaks, f"{how}, the branch of {modality} still depends on {leaks}")


@RULES.rule(
    why="samplers hide modalities of single examples; a hidden one that is still read makes scores "
    "of missing modalities meaningless",
    fix="let modalities meet as `Controls.heard` gives them, and leave the hidden one out of the "
    "fusion (`fuse_logits`)",
)
def keep(subject: ArchitectureSubject) -> None:
    """A row's hidden modality is not read, and rows that show all are as without a mask."""
    network, given = subject.network(), subject.inputs()
    free = network(given).logits
    shown = network(given, Controls(keep=tf.ones([ROWS, len(given)]))).logits
    require(agree(shown, free), "a mask that shows everything changes the logits")
    for place, modality in enumerate(network.modalities):
        mask = np.ones((ROWS, len(given)), "float32")
        mask[0, place] = 0  # the first row hides it
        hiding = Controls(keep=tf.constant(mask))
        masked = network(given, hiding).logits
        same = agree(masked[1:], free[1:])
        require(same, f"hiding {modality} in one row changes the logits of others")
        apart = network(given, Controls(keep=tf.constant([mask] * len(given)))).logits
        same = agree(apart, masked)
        require(same, f"hiding {modality} from every branch apart is not the same as from all")
        hidden, *others = subject.influence(hiding, "logits")[modality]
        require(not hidden, f"the logits depend on {modality} where it is hidden")
        require(all(others), f"the logits do not depend on {modality} where shown")


@RULES.rule(
    why="utilization is what a prediction loses without the other modalities; read all the same, "
    "they make it too small",
    fix="let every branch hear what `Controls.heard` gives it of the summaries",
)
def blocked(subject: ArchitectureSubject) -> None:
    """With means in place of the others' summaries, a prediction reads its own modality alone."""
    network = subject.network()
    squeezed = network(subject.inputs()).squeezed
    if not squeezed:
        raise Inapplicable("its fusion has no summaries to block")
    means: dict[str, tuple[tf.Tensor, ...]] = {}
    for name, summaries in squeezed.items():
        require(
            len(summaries) == len(network.modalities) and {len(s.shape) for s in summaries} == {2},
            f"squeezed[{name!r}] must be one (batch, channels) tensor per modality",
        )
        means[name] = tuple(tf.reduce_mean(summary, axis=0) for summary in summaries)
    blocking = controls.blocked(len(network.modalities), means)
    for modality in network.modalities:
        alone = subject.influence(blocking, "predictions", modality)
        require_alone(alone, modality, "blocked")
    filled, empty = (
        network(subject.inputs(), each).predictions
        for each in (blocking, Controls(keep=blocking.keep))
    )
    deaf = [m for m in filled if agree(filled[m], empty[m])]
    require(not deaf, f"blocked, zeros and means are the same to {deaf}")


@RULES.rule(
    why="users whose data another architecture refuses are told to take this one",
    fix="give `Component.takes` the numbers of axes that the factory builds branches for, and "
    "raise `mmbal.errors.ShapeError` for other shapes",
)
def takes(subject: ArchitectureSubject) -> None:
    """It takes inputs of as many axes as the component says, and no others."""
    subject.network()
    said = subject.component.takes
    if not said:
        raise Inapplicable("its component names no shapes (Component.takes)")
    built = {len(shape) for shape in SHAPES if subject.takes(shape)}
    require(built == {*said}, f"Component.takes says {sorted(said)}, it takes {sorted(built)}")


@RULES.rule(
    why="strategies change what the classifiers see, such as by masking or perturbing features",
    fix="call `transform` on the dictionary of features, use and return what it gives",
)
def transform(subject: ArchitectureSubject) -> None:
    """`transform` is given the features, and what it returns is classified."""
    network, given = subject.network(), subject.inputs()
    free = network(given)
    same = network(given, Controls(transform=lambda features: features))
    require(agree(same.logits, free.logits), "the identity changes the logits")
    to_zero = Controls(transform=lambda features: tf.nest.map_structure(tf.zeros_like, features))
    zeros = network(given, to_zero)
    require(not agree(zeros.logits, free.logits), "zeros as features change nothing")
    left = [m for m, feature in zeros.features.items() if np.any(feature)]
    require(not left, f"`Outputs.features` of {', '.join(left)} are not what `transform` returned")


@RULES.rule(
    why="strategies rely on what is offered, and `mmbal plugins` shows it without loading anything",
    fix="set `offers` to what `fuse`, `logits_of` and `set_rule` really do, and `Component.offers` "
    "to the same",
)
def offers(subject: ArchitectureSubject) -> None:
    """What it offers is what it does, and the component says the same."""
    network = subject.network()
    for name in network.offers:
        require(name in CAPABILITIES, unknown("capability", name, CAPABILITIES))
    declared = subject.component.offers  # None leaves it to the network
    require(
        declared is None or set(declared) == network.offers,
        f"Component.offers says {sorted(declared or ())}, the network {sorted(network.offers)}",
    )
    said = network(subject.inputs())
    if said.slices is not None:
        total = tf.add_n(list(said.slices.values()))
        require(agree(total, said.logits), "`Outputs.slices` are not the logits")
    for kind in ("slice", "head", "mask"):
        if kind not in network.offers:
            continue
        parts = network.logits_of(said.features, kind)
        require(tuple(parts) == network.modalities, f"{kind!r} logits must be one per modality")
        shapes = {tuple(part.shape) for part in parts.values()}
        require(shapes == {(ROWS, CLASSES)}, f"{kind!r} logits have shapes {sorted(shapes)}")
        if kind == "slice":
            total = tf.add_n(list(parts.values()))
            require(agree(total, said.logits), "the slices do not sum to the logits")
        if kind == "mask":
            fused = network.fuse(said.features)
            require(agree(fused, said.logits), "`fuse` gives other logits than a call")


@RULES.rule(
    why="selected weights are loaded again to be scored, and runs are evaluated later",
    fix="make every layer an attribute (or in a list or dictionary of one) before the first call",
)
def saving(subject: ArchitectureSubject) -> None:
    """Weights that are saved and loaded into a new network give the very same outputs."""
    network, path = subject.network(), subject.folder / "toy.weights.h5"
    network(subject.inputs(), training=True)  # running means move
    network.save_weights(path)
    other = subject.make(seed=SEED + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras merely warns of what it left
            other.load_weights(path)
    except (ValueError, UserWarning) as error:
        raise Broken(f"the weights cannot be loaded: {error}") from error
    same = np.array_equal(other(subject.inputs()).logits, network(subject.inputs()).logits)
    require(same, "a new network with the loaded weights predicts something else")


@RULES.rule(
    why="half precision is how accelerators are fast; logits in 16 bits make losses coarse",
    fix="cast inputs of your own operations to the layer's compute dtype, variables that are read "
    "too, and logits with `at_least_float32`",
)
def precision(subject: ArchitectureSubject) -> None:
    """In mixed and double precision it trains: 32 bits or more in variables and logits."""
    subject.network()
    subject.double()
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = subject.make()
    with tf.GradientTape() as tape:
        said = network(subject.inputs(), training=True)
        total = tf.add_n([tf.reduce_sum(tf.nn.softmax(t)[:, 0]) for t in said.supervised.values()])
    dtypes = {f"variable {v.path}": v.dtype for v in network.variables}
    dtypes |= {f"logits {m}": t.dtype for m, t in {"": said.logits, **said.supervised}.items()}
    where = subject.line_of(type(network).call)
    for what, dtype in dtypes.items():
        told = f"{what.strip()} in {tf.as_dtype(dtype).name}, expected float32 or wider"
        require(tf.as_dtype(dtype) not in (tf.bfloat16, tf.half), dtype_fault(told, where))
    found = tape.gradient(total, [v.value for v in network.trainable_variables])
    finite = all(np.isfinite(tf.cast(g, tf.float32)).all() for g in found if g is not None)
    require(finite, "gradients are not finite")


@RULES.rule(
    why="a part of the data may hold no example, such as a filtered split",
    fix="avoid reshaping with -1 and dividing by the number of rows",
)
def empty_batch(subject: ArchitectureSubject) -> None:
    """A batch without rows gives outputs without rows."""
    subject.network()
    # oneDNN's convolutions, which take single precision, give wrong shapes for no rows.
    said = subject.double()(subject.inputs(rows=0))
    shapes = {tuple(t.shape) for t in (said.logits, *said.unimodal.values())}
    require(shapes == {(0, CLASSES)}, f"shapes are {sorted(shapes)}, expected {(0, CLASSES)}")


@RULES.rule(
    why="a score must not depend on what was scored before it",
    fix="move running means under `if training:` alone, and draw random numbers there only",
)
def evaluation(subject: ArchitectureSubject) -> None:
    """Evaluation changes no variable, and gives the same outputs again."""
    network = subject.network()
    before = [v.numpy() for v in network.variables]
    first, second = network(subject.inputs()).logits, network(subject.inputs()).logits
    moved = [
        v.path for v, old in zip(network.variables, before, strict=True)
        if not np.array_equal(v.numpy(), old)
    ]  # fmt: skip
    require(not moved, f"moved outside of training: {', '.join(moved)}")
    require(np.array_equal(first, second), "two evaluations of one batch differ")
