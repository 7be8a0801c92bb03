"""The rules for strategies, tried on toy networks that offer what each requires."""

import numpy as np
import tensorflow as tf

from mmbal.capabilities import CAPABILITIES
from mmbal.errors import MmbalError, RequirementError, first_line, unknown
from mmbal.laboratory.difference import below, difference
from mmbal.laboratory.layouts import Layout
from mmbal.laboratory.toys import NAMES, toy_data
from mmbal.laboratory.training import train_on
from mmbal.strategies.requirements import RUN_ONLY
from mmbal.testing import toy_run
from mmbal.testing.fixtures.strategy import StrategyBench
from mmbal.testing.python_state import plain_values
from mmbal.testing.rules import Broken, Inapplicable, Rulebook, require

SAME, ROUNDED = 1e-6, 1e-5
"""Largest relative difference of weights that the same sums in another order may make: in the
same operations, and in others (a graph's, or those of two replicas)."""
ON_THE_HOST = frozenset({
    "EagerPyFunc", "PyFunc", "PyFuncStateless", "Print", "PrintV2", "ReadFile", "WriteFile",
    "MatchingFiles", "SaveV2", "RestoreV2", "WriteSummary", "WriteScalarSummary",
    "WriteHistogramSummary", "WriteImageSummary", "WriteAudioSummary", "WriteRawProtoSummary",
    "WriteGraphSummary", "FlushSummaryWriter", "WholeFileReaderV2",
})  # fmt: skip
TWO_REPLICAS = Layout("2 replicas", "mirrored", 2)
OWNERS = ("loss", "presence", "rule", "sampler")

RULES = Rulebook("strategy")


@RULES.rule(
    why="what a strategy needs is told before training starts, and to `mmbal plugins` without "
    "loading it; what is used without being required fails in the middle of a run",
    fix="return from `requirements` all that is used, and give `Component.requires` the same names",
)
def requirements(bench: StrategyBench) -> None:
    """What is used is required, by legal names, and the component says the same."""
    needed = bench.requirements
    for name in needed.architecture:
        require(name in CAPABILITIES, unknown("capability", name, CAPABILITIES))
    for name in needed.owns:
        require(name in OWNERS, unknown("right to own", name, OWNERS))
    declared = set(bench.subject.component.requires)
    require(
        declared == needed.architecture,
        f"Component.requires says {sorted(declared)}, requirements() says "
        f"{sorted(needed.architecture)}",
    )
    try:
        _train_with_no_more(bench)
    except RequirementError as error:
        raise Broken(f"it uses what it does not require: {error}") from error
    except Exception as error:
        bench.trained()  # what fails in a run as well is the affair of another rule
        raise Broken(
            f"it trains in a run and not with `fit` alone, but requires none of "
            f"{', '.join(RUN_ONLY)}: {first_line(error)}"
        ) from error


@RULES.rule(
    why="anything else stops a run, or trains on something that nobody sees",
    fix="return one scalar per name from `losses`, and keep divisions and logarithms off zero "
    "(a last batch may have a single row)",
)
def training(bench: StrategyBench) -> None:
    """It trains: every loss is a scalar, and every weight stays finite."""
    run = bench.trained(owner=True)
    for name, loss in run.losses.items():
        require(loss.shape.rank == 0, f"loss {name!r} must be a scalar, it has shape {loss.shape}")
    require(all(np.isfinite(w).all() for w in run.weights), "weights became NaN or infinite")


@RULES.rule(
    why="a strategy that silently does nothing is reported as one that does not help",
    fix="look for a coefficient that is always 1, a term without gradient, or a window that never "
    "opens; `Component.conformance.options` may name options with which four steps show the effect",
)
def effect(bench: StrategyBench) -> None:
    """A few steps leave other weights than plain training."""
    if bench.subject.identity == bench.subject.options:
        raise Inapplicable("it promises plain training under these options")
    apart = difference(bench.eager().weights, bench.plain(2))
    require(apart > SAME, "after two epochs the weights are those of plain joint training")


@RULES.rule(
    why="a baseline or a warm-up that is not plain training makes comparisons unfair",
    fix="multiply by exactly 1, add nothing, and leave gradients alone outside of the window; "
    "decide by `tf.where` on a variable",
)
def identity(bench: StrategyBench) -> None:
    """Where plain training is promised, the weights are those of Keras's optimizer alone."""
    if bench.subject.identity is None:
        raise Inapplicable("it promises plain training nowhere (Component.conformance.identity)")
    run = toy_run.train(bench.parts(identity=True), toy_data(), eager=True)
    apart = difference(run.weights, bench.plain(2))
    require(apart <= SAME, f"the weights differ from those of plain training by {apart:.1e}")


@RULES.rule(
    why="what Python holds is set while a graph is traced, not while it runs, and no checkpoint "
    "has it: a resumed run goes on with something else",
    fix="keep what changes in `tf.Variable`s made in `build`, directly on the strategy, in a list, "
    "a dictionary or another tf.Module",
)
def state(bench: StrategyBench) -> None:
    """What changes while training is held in variables that `build` made."""
    run = bench.trained()
    before, after = run.attributes, plain_values(run.strategy)
    changed = sorted(k for k in {*before, *after} if before.get(k) != after.get(k))
    require(not changed, f"Python attributes changed in training: {', '.join(changed)}")
    late = [v.name for v in run.strategy.variables if id(v) not in run.made]
    require(not late, f"variables were made after `build`: {', '.join(late)}")


@RULES.rule(
    why="runs are interrupted, preempted and resumed; a resumed run must come to the same end",
    fix="make every `tf.Variable` reachable from the strategy (an attribute, a list, a dictionary, "
    "another tf.Module), and draw random numbers from the seed and a step counter",
)
def resume(bench: StrategyBench) -> None:
    """Resumed from a checkpoint in the middle, it ends with the very same weights."""
    run = bench.trained()
    resumed = toy_run.go_on(bench.parts(), toy_data(), run.store.before_the_last_step)
    apart = difference(resumed.weights, run.weights)
    require(apart == 0, f"the weights of a resumed training differ by {apart:.1e}")


@RULES.rule(
    why="how many devices share a batch must not change what is trained",
    fix="sum scores with `global_sum` before forming ratios, take means with `global_mean`, and "
    "draw random numbers for the global batch with `step.batch.rows.own`",
)
def replicas(bench: StrategyBench) -> None:
    """Two replicas train what one device trains."""
    bench.trained()
    description = bench.subject.describe()
    arrays = train_on(TWO_REPLICAS, "mmbal.testing.replicated:train", description)
    first, second = (list(below(arrays, replica).values()) for replica in "01")
    require(difference(first, second) == 0, "the replicas hold different weights or state")
    alone = toy_run.train(bench.parts(), toy_data(dtype="float64"), precision="float64", eager=True)
    apart = difference(first[: len(alone.weights)], alone.weights)
    require(apart <= ROUNDED, f"the weights differ from those of one device by {apart:.1e}")


@RULES.rule(
    why="what differs is decided by Python while the graph is traced, and frozen from then on",
    fix="use `tf.where` and tensors in the seams of a step; leave Python's `if` for what is known "
    "before training",
)
def eager(bench: StrategyBench) -> None:
    """The step does the same as a graph and without one."""
    apart = difference(bench.eager(owner=True).weights, bench.trained().weights)
    require(apart <= ROUNDED, f"the weights differ by {apart:.1e}")


@RULES.rule(
    why="a step that calls Python or writes files makes the accelerator wait for the host, and "
    "cannot be compiled or replicated",
    fix="write it with TensorFlow's operations; what needs the host belongs into `begin_epoch` or "
    "`end_epoch`",
)
def graph(bench: StrategyBench) -> None:
    """The graph of a step holds no operation that runs on the host."""
    found = toy_run.operations(bench.trained()) & ON_THE_HOST
    require(not found, f"the graph of a step holds {', '.join(sorted(found))}")


@RULES.rule(
    why="sums and ratios in 16 bits lose small differences and overflow, and state that is saved "
    "in 16 bits stops moving",
    fix="compute coefficients with `mmbal.networks.network.at_least_float32`, and make state "
    "float32",
)
def precision(bench: StrategyBench) -> None:
    """Under mixed precision losses and state are float32 or wider, and all stays finite."""
    bench.trained()
    run = toy_run.train(bench.parts(), toy_data(), precision="mixed_bfloat16", eager=True)
    for name, loss in run.losses.items():
        require(loss.dtype.size >= 4, f"loss {name!r} is {loss.dtype.name}")
    narrow = [v.name for v in run.strategy.variables if is_narrow(v)]
    require(not narrow, f"state in 16 bits: {', '.join(narrow)}")
    require(all(np.isfinite(w).all() for w in run.weights), "weights became NaN or infinite")


@RULES.rule(
    why="fusion networks have any number of branches; a method for two must say so",
    fix="loop over `context.modalities`, or raise an MmbalError in `build` that says how many "
    "modalities the method takes",
)
def three_modalities(bench: StrategyBench) -> None:
    """It trains three modalities, or refuses them in words."""
    bench.trained()
    try:
        run = toy_run.train(bench.parts(), toy_data(NAMES[:3]), eager=True)
    except MmbalError as refusal:
        raise Inapplicable(f"it refuses three modalities: {refusal}") from refusal
    require(all(np.isfinite(w).all() for w in run.weights), "weights became NaN or infinite")


def _train_with_no_more(bench: StrategyBench) -> None:
    """Train where nothing but what is required is offered, by the network and beside it."""
    parts = bench.bare_parts()
    if any(getattr(bench.requirements, each) for each in RUN_ONLY):
        toy_run.train(parts, toy_data(), eager=True)
    else:
        toy_run.fit_alone(parts, toy_data())


def is_narrow(variable: tf.Variable) -> bool:
    """Return whether it holds floating point numbers of fewer than 32 bits."""
    dtype = tf.as_dtype(variable.dtype)
    return bool(dtype.is_floating and dtype.size < 4)
