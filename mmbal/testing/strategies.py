"""The rules for strategies, tried on toy networks that offer what each requires."""

import re
from functools import partial

import numpy as np
import tensorflow as tf

from mmbal.capabilities import CAPABILITIES
from mmbal.errors import MmbalError, RequirementError, first_line, unknown
from mmbal.laboratory.difference import difference
from mmbal.laboratory.toys import NAMES, GatedToy, toy_data
from mmbal.strategies.requirements import RUN_ONLY
from mmbal.testing import toy_run
from mmbal.testing.faults import dtype_fault
from mmbal.testing.fixtures.strategy import StrategySubject
from mmbal.testing.rules import Broken, Inapplicable, Rulebook, require
from mmbal.training.model import BalancedModel

SAME, ROUNDED = 1e-6, 1e-5
"""Largest relative difference of weights that the same sums in another order may make: in the
same operations, and in others (a graph's, or those of two replicas)."""
ON_THE_HOST = re.compile(
    r".*PyFunc.*|Print.*|.*Summary.*|(Read|Write|Matching)Files?|(Save|Restore)V2|WholeFileReader.*"
)
"""Types of operations that make a step wait for the host."""
OWNERS = ("loss", "presence", "rule", "sampler")

RULES = Rulebook()
SUBJECT = StrategySubject


@RULES.rule(
    why="what a strategy needs is told before training starts, and to `mmbal plugins` without "
    "loading it; what is used without being required fails in the middle of a run",
    fix="return from `requirements` all that is used, and give `Component.requires` the same names",
)
def requirements(subject: StrategySubject) -> None:
    """What is used is required, by legal names, and the component says the same."""
    needed = subject.requirements
    for name in needed.architecture:
        require(name in CAPABILITIES, unknown("capability", name, CAPABILITIES))
    for name in needed.owns:
        require(name in OWNERS, unknown("right to own", name, OWNERS))
    declared = set(subject.component.requires)
    require(
        declared == needed.architecture,
        f"Component.requires says {sorted(declared)}, requirements() says "
        f"{sorted(needed.architecture)}",
    )
    try:
        _train_with_no_more(subject)
    except RequirementError as error:
        raise Broken(f"it uses what it does not require: {error}") from error
    except Exception as error:
        subject.trained()  # what fails in a run as well is the affair of another rule
        raise Broken(
            f"it trains in a run and not with `fit` alone, but requires none of "
            f"{', '.join(RUN_ONLY)}: {first_line(error)}"
        ) from error


@RULES.rule(
    why="anything else stops a run, or trains on something that nobody sees",
    fix="return one scalar per name from `losses`, and keep divisions and logarithms off zero "
    "(a last batch may have a single row)",
)
def training(subject: StrategySubject) -> None:
    """It trains: every loss is a scalar, and every weight stays finite."""
    run = subject.trained()
    for name, loss in run.losses.items():
        require(loss.shape.rank == 0, f"loss {name!r} must be a scalar, it has shape {loss.shape}")
    require(all(np.isfinite(w).all() for w in run.weights), "weights became NaN or infinite")


@RULES.rule(
    why="a strategy that silently does nothing is reported as one that does not help",
    fix="look for a coefficient that is always 1, a term without gradient, or a window that never "
    "opens; `Component.conformance.options` may name options with which four steps show the effect",
)
def effect(subject: StrategySubject) -> None:
    """A few steps leave other weights than plain training."""
    if subject.identity == subject.options:
        raise Inapplicable("it promises plain training under these options")
    apart = difference(subject.trained().weights, toy_run.plain(subject.network))
    require(apart > ROUNDED, "after two epochs the weights are those of plain joint training")


@RULES.rule(
    why="a baseline or a warm-up that is not plain training makes comparisons unfair",
    fix="multiply by exactly 1, add nothing, and leave gradients alone outside of the window; "
    "decide by `tf.where` on a variable",
)
def identity(subject: StrategySubject) -> None:
    """Where plain training is promised, the weights are those of joint training."""
    if subject.identity is None:
        raise Inapplicable("it promises plain training nowhere (Component.conformance.identity)")
    run = subject.train(subject.identity, eager=True)
    apart = difference(run.weights, toy_run.plain(subject.network))
    require(apart <= SAME, f"the weights differ from those of plain training by {apart:.1e}")


@RULES.rule(
    why="what Python holds is set while a graph is traced, not while it runs, and no checkpoint "
    "has it: a resumed run goes on with something else",
    fix="keep what changes in `tf.Variable`s made in `build`, directly on the strategy, in a list, "
    "a dictionary or another tf.Module",
)
def state(subject: StrategySubject) -> None:
    """What changes while training is held in variables that `build` made."""
    run = subject.trained()
    before, after = run.attributes, toy_run.plain_values(run.model.strategy)
    changed = sorted(k for k in {*before, *after} if before.get(k) != after.get(k))
    require(not changed, f"Python attributes changed in training: {', '.join(changed)}")
    late = [v.name for v in run.model.strategy.variables if id(v) not in run.made]
    require(not late, f"variables were made after `build`: {', '.join(late)}")


@RULES.rule(
    why="runs are interrupted, preempted and resumed; a resumed run must come to the same end",
    fix="make every `tf.Variable` reachable from the strategy (an attribute, a list, a dictionary, "
    "another tf.Module), and draw random numbers from the seed and a step counter",
)
def resume(subject: StrategySubject) -> None:
    """Resumed from a checkpoint in the middle, it ends with the very same weights."""
    run = subject.trained()
    resumed = subject.train(checkpoint=run.checkpoint)
    apart = difference(resumed.weights, run.weights)
    require(apart == 0, f"the weights of a resumed training differ by {apart:.1e}")


@RULES.rule(
    why="how many devices share a batch must not change what is trained",
    fix="sum scores with `global_sum` before forming ratios, take means with `global_mean`, and "
    "draw random numbers for the global batch with `step.batch.rows.own`",
)
def replicas(subject: StrategySubject) -> None:
    """Two replicas train what one device trains."""
    subject.sent()  # asked before anything is trained
    subject.trained()
    alone = subject.double()
    first, second = subject.replicated()
    require(difference(first, second) == 0, "the replicas hold different weights or state")
    apart = difference(first[: len(alone.weights)], alone.weights)
    require(apart <= ROUNDED, f"the weights differ from those of one device by {apart:.1e}")


@RULES.rule(
    why="what differs is decided by Python while the graph is traced, and frozen from then on",
    fix="use `tf.where` and tensors in the seams of a step; leave Python's `if` for what is known "
    "before training",
)
def eager(subject: StrategySubject) -> None:
    """The step does the same as a graph and without one."""
    trained = subject.trained()
    run = subject.train(eager=True)
    apart = difference(run.weights, trained.weights)
    require(apart <= ROUNDED, f"the weights differ by {apart:.1e}")


@RULES.rule(
    why="a step that calls Python or writes files makes the accelerator wait for the host, and "
    "cannot be compiled or replicated",
    fix="write it with TensorFlow's operations; what needs the host belongs into `begin_epoch` or "
    "`end_epoch`",
)
def graph(subject: StrategySubject) -> None:
    """The graph of a step holds no operation that runs on the host."""
    found = filter(ON_THE_HOST.fullmatch, toy_run.operations(subject.trained()))
    told = ", ".join(sorted(found))
    require(not told, f"the graph of a step holds {told}")


@RULES.rule(
    why="sums and ratios in 16 bits lose small differences and overflow, and state that is saved "
    "in 16 bits stops moving",
    fix="make state float32, compute with `mmbal.networks.network.at_least_float32`, and cast what "
    "losses are multiplied by to their dtype",
)
def precision(subject: StrategySubject) -> None:
    """In mixed and double precision it trains: losses and state are float32 or wider."""
    subject.trained()
    subject.double()
    run = subject.train(precision="mixed_bfloat16", eager=True)
    kind = type(run.model.strategy)
    for name, loss in run.losses.items():
        told = f"loss {name!r} is {loss.dtype.name}, expected float32 or wider"
        require(loss.dtype.size >= 4, dtype_fault(told, subject.line_of(kind.losses)))
    for v in run.model.strategy.variables:
        told = f"state {v.name!r} is {tf.as_dtype(v.dtype).name}, expected float32 or wider"
        wide = tf.as_dtype(v.dtype) not in (tf.bfloat16, tf.half)
        require(wide, dtype_fault(told, subject.line_of(kind.build)))
    require(all(np.isfinite(w).all() for w in run.weights), "weights became NaN or infinite")


@RULES.rule(
    why="fusion networks have any number of branches; a method for two must say so",
    fix="loop over `context.modalities`, or raise an MmbalError in `build` that says how many "
    "modalities the method takes",
)
def three_modalities(subject: StrategySubject) -> None:
    """It trains three modalities, or refuses them in words."""
    subject.trained()
    try:
        run = subject.train(modalities=NAMES[:3], eager=True)
    except MmbalError as refusal:
        raise Inapplicable(f"it refuses three modalities: {refusal}") from refusal
    require(all(np.isfinite(w).all() for w in run.weights), "weights became NaN or infinite")


def _train_with_no_more(subject: StrategySubject) -> None:
    """Train where nothing but what is required is offered, by the network and beside it."""
    parts, needed, data = subject.parts(), subject.requirements, toy_data()
    if parts.network is GatedToy:
        parts.network = partial(GatedToy, offers=needed.architecture)
    if any(getattr(needed, name) for name in RUN_ONLY):
        toy_run.train(parts, eager=True)
    else:
        model = BalancedModel(toy_run.build(parts.network, data), parts.strategy())
        model.compile(toy_run.sgd(), run_eagerly=True)
        model.fit(data.train.dataset().batch(toy_run.BATCH), verbose=0)
