"""Strategies that break one rule each, and one that breaks none."""

import os

import tensorflow as tf

from mmbal import Component, Conformance, MmbalError
from mmbal.options import Options
from mmbal.strategies.step import Forward
from mmbal.strategies.strategy import Requirements, Strategy


class Scaled(Strategy):
    """Multiplies the loss: correct in every way."""

    def build(self, context):
        self.steps = tf.Variable(0.0, trainable=False)

    def losses(self, step, joint):
        factor = self.factor(step)
        return {name: loss * tf.cast(factor, loss.dtype) for name, loss in joint.items()}

    def factor(self, step):
        return 1.2

    def after_step(self, signals):
        self.steps.assign_add(1)


class Undeclared(Scaled):
    """Reads the examples without requiring them."""

    def build(self, context):
        super().build(context)
        self.count = len(context.examples)


class Borrowing(Scaled):
    """Reads the heads of the network without requiring them."""

    def build(self, context):
        super().build(context)
        self.network = context.network

    def factor(self, step):
        heads = self.network.logits_of(step.outputs.features, "head")
        return 1.2 + 0 * tf.add_n(list(map(tf.reduce_mean, heads.values())))


class Vector(Scaled):
    """Returns two losses under one name."""

    def losses(self, step, joint):
        # Not in double precision: on replicas TensorFlow itself refuses it.
        if step.outputs.logits.dtype == tf.float64:
            return super().losses(step, joint)
        return {name: tf.stack([loss, 0.2 * loss]) for name, loss in joint.items()}


class Silent(Scaled):
    """Has a coefficient that is always 1."""

    def factor(self, step):
        return 1.0


class Window(Options):
    """Of `Eternal`."""

    starts: int = 0


class Eternal(Scaled):
    """Does not heed its window."""

    options: Window


class Counting(Scaled):
    """Counts its steps in Python, which only counts tracings."""

    def build(self, context):
        super().build(context)
        self.calls = 0

    def after_step(self, signals):
        super().after_step(signals)
        self.calls += 1


class Box:
    """Not a module: TensorFlow does not look into it."""


class Hidden(Scaled):
    """Holds the number of steps where no checkpoint finds it."""

    def build(self, context):
        super().build(context)
        self.box = Box()
        self.box.seen = tf.Variable(0.0, trainable=False)

    def factor(self, step):
        return 1 + 0.1 * tf.convert_to_tensor(self.box.seen)

    def after_step(self, signals):
        super().after_step(signals)
        self.box.seen.assign_add(1)


class Local(Scaled):
    """Takes the rows of a replica for the batch."""

    def factor(self, step):
        logits = tf.stop_gradient(step.outputs.logits)
        return 1 + tf.sigmoid(tf.reduce_sum(logits))


class Frozen(Scaled):
    """Decides in Python what is then frozen into the graph."""

    def factor(self, step):
        # In double precision (on replicas) it does not, so that one rule is broken alone.
        double = step.outputs.logits.dtype == tf.float64
        return 1.2 if double or tf.executing_eagerly() else 1.3


class Talking(Scaled):
    """Asks Python in every step."""

    def factor(self, step):
        return tf.ensure_shape(tf.numpy_function(lambda: 1.2, [], tf.double), [])


class Narrow(Scaled):
    """Computes losses in the dtype of the features."""

    def losses(self, step, joint):  # Narrow
        dtype = next(iter(step.outputs.features.values())).dtype
        return {name: tf.cast(loss, dtype) for name, loss in super().losses(step, joint).items()}


class Pair(Scaled):
    """Knows two modalities only, and does not say so."""

    def factor(self, step):
        first, second = step.outputs.unimodal.values()
        return 1.2 + 0.0 * tf.reduce_mean(first - second)


class Refusing(Pair):
    """Knows two modalities only, and says so."""

    def build(self, context):
        super().build(context)
        if len(context.modalities) > 2:
            raise MmbalError("refusing takes one or two modalities")


class Single(Scaled):
    """Computes in single precision, whatever the policy."""

    def losses(self, step, joint):
        return {name: loss * tf.constant(1.2) for name, loss in joint.items()}  # the line


class Mixing(Scaled):
    """Computes with NumPy's double precision."""

    def factor(self, step):
        return 1.2

    def losses(self, step, joint):
        share = tf.constant(1.2, tf.float64)
        return {name: loss * share for name, loss in joint.items()}  # the line of Mixing


class Failing(Scaled):
    """Cannot take a step."""

    def losses(self, step, joint):
        raise RuntimeError("out of ideas")


class Unreplicated(Scaled):
    """Fails on replicas alone."""

    def losses(self, step, joint):
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            self.fail()
        return super().losses(step, joint)

    def fail(self):
        raise RuntimeError("out of ideas")


class Ending(Unreplicated):
    """Ends the process of the replicas."""

    def fail(self):
        os._exit(3)


class Isolating(Scaled):
    """Requires isolation, which its component does not say."""

    def requirements(self):
        return Requirements(frozenset({"isolation"}))

    def forward(self, batch, phase):
        return Forward()


def offer(factory, conformance=None, options="mmbal.options:NoOptions"):
    name = factory.__name__.lower()
    return Component(
        "strategy", name, factory.__doc__, f"{__name__}:{factory.__name__}", options,
        conformance=conformance or Conformance(),
    )  # fmt: skip


OFFERS = {
    each.name: each
    for each in (
        *map(offer, (Scaled, Undeclared, Borrowing, Vector, Silent, Counting, Hidden, Local)),
        *map(offer, (Frozen, Talking, Narrow, Single, Mixing, Pair, Refusing, Failing, Isolating)),
        offer(Eternal, Conformance(identity={"starts": 1000}), f"{__name__}:Window"),
    )
}
BREAKS = {
    "undeclared": "requirements",
    "borrowing": "requirements",
    "isolating": "requirements",
    "vector": "training",
    "failing": "training",
    "silent": "effect",
    "eternal": "identity",
    "counting": "state",
    "hidden": "resume",
    "local": "replicas",
    "frozen": "eager",
    "talking": "graph",
    "narrow": "precision",
    "single": "precision",
    "mixing": "training",
    "pair": "three-modalities",
}
