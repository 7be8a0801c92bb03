"""The rules for optimizers, tried on toys under plain training."""

import math

import keras
import numpy as np
import tensorflow as tf

from mmbal.laboratory.difference import difference
from mmbal.laboratory.toys import GatedToy, toy_data
from mmbal.records.checkpoint import Checkpoint
from mmbal.testing import toy_run
from mmbal.testing.rules import Rulebook, require
from mmbal.testing.subject import Subject, owned_by

RULES = Rulebook()


class OptimizerSubject(Subject):
    """An optimizer and what it trains."""

    def train(self, checkpoint: Checkpoint | None = None) -> toy_run.ToyRun:
        """Train, or go on from a checkpoint."""
        parts = toy_run.Parts(network=GatedToy, optimizer=self.build)
        return toy_run.train(parts, eager=True, checkpoint=checkpoint)

    @owned_by("training")
    def trained(self) -> toy_run.ToyRun:
        """Train once; other rules compare with it."""
        return self.train()


SUBJECT = OptimizerSubject


@RULES.rule(
    why="an optimizer that leaves weights where they are, or drives them off, trains nothing",
    fix="look at its rate and at what it divides by; `Component.conformance.options` may name "
    "options with which four steps move weights",
)
def training(subject: OptimizerSubject) -> None:
    """Four steps move the weights, and all stay finite."""
    network = subject.trained().model.network
    before = toy_run.build(GatedToy, toy_data())
    apart = difference(network.trainable_variables, before.trainable_variables)
    require(np.isfinite(apart), "weights became NaN or infinite")
    require(apart > 0, "all weights stay where they were")


@RULES.rule(
    why="the schedule of a run multiplies the rate of its optimizer, and takes its place",
    fix="hand `learning_rate` on to `keras.optimizers.Optimizer`, as a number",
)
def schedule(subject: OptimizerSubject) -> None:
    """Its learning rate is a positive number, whose place a schedule may take."""
    optimizer = subject.build()
    rate = float(optimizer.learning_rate)
    require(math.isfinite(rate) and rate > 0, f"its learning rate is {rate}")
    optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(rate, 1, 0.5)
    weight = keras.Variable([1.0, 2.0])
    rates = []
    for _ in range(2):
        rates.append(float(optimizer.learning_rate))
        optimizer.apply([tf.constant([0.5, -0.5])], [weight])
    require(np.allclose(rates, [rate, rate / 2]), f"halved in every step, its rates are {rates}")


@RULES.rule(
    why="runs are interrupted, preempted and resumed; a resumed run must come to the same end",
    fix="make what changes by `add_variable` or `add_variable_from_reference` in `build`, and hold "
    "nothing of it in Python",
)
def resume(subject: OptimizerSubject) -> None:
    """Resumed from a checkpoint in the middle, it ends with the very same weights."""
    run = subject.trained()
    resumed = subject.train(run.checkpoint)
    apart = difference(resumed.weights, run.weights)
    require(apart == 0, f"the weights of a resumed training differ by {apart:.1e}")
