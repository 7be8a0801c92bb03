"""Several strategies in one step: what they share out, put together and refuse."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel, Strategy
from mmbal.errors import RequirementError
from mmbal.strategies.composite import Composite, decisions
from mmbal.strategies.context import SamplerPlan
from mmbal.strategies.step import Batch, Forward, Phase, Step
from mmbal.strategies.strategy import EpochPlan, Requirements
from mmbal_guided import Guided

BATCH = Batch.of({}, tf.zeros([2]))
STEP = Step(BATCH, None, None)
SAMPLER = Requirements(sampler=True)
LOSS, PRESENCE, RULE = (
    Requirements(owns=frozenset({what})) for what in ("loss", "presence", "rule")
)


class Telling(Strategy):
    """Says what it is told to say."""

    def __init__(self, plan=None, epoch=None, needs=None, factor=1.0):
        super().__init__()
        self.plan, self.epoch = plan or Forward(), epoch
        self.needs = needs or Requirements()
        self.factor = factor
        self.heard = []

    def requirements(self):
        return self.needs

    def adapt(self, network):
        self.heard.append("adapt")

    def build(self, context):
        self.own = tf.Variable(0.0)
        self.heard.append("build" if self.context is context else "build without a context")

    def begin_epoch(self, epoch, context):
        return self.epoch

    def end_epoch(self, epoch, logs, context):
        return self.epoch

    def forward(self, batch, phase):
        return self.plan

    def losses(self, step, joint):
        return {name: self.factor * value for name, value in joint.items()} | {
            f"of {self.factor}": tf.constant(self.factor)
        }

    def after_step(self, signals):
        self.own.assign_add(1)


class Combining(Strategy):
    def combine_gradients(self, tape, losses, variables, step):
        return [tf.ones_like(v) for v in variables]


class Phased(Strategy):
    def phases(self):
        return (Phase("one"), Phase("two"))


def both(one, other):
    return Composite({"one": one, "other": other})


def test_requirements_are_those_of_all():
    one = Telling(needs=Requirements(frozenset({"slice"}), examples=True, extra_passes=0.5))
    other = Telling(
        needs=Requirements(
            frozenset({"head"}), single_label=True, extra_passes=2, passes_per_subset=1
        )
    )

    needed = both(one, other).requirements()
    assert needed == Requirements(
        frozenset({"slice", "head"}),
        examples=True,
        single_label=True,
        extra_passes=2.5,
        passes_per_subset=1,
    )
    assert [needed.passes_beside(modalities) for modalities in (2, 3)] == [4.5, 8.5]


def test_forward_plans_are_put_together():
    isolate = tf.constant([True, False])
    one = Forward(
        isolate=isolate,
        keep=tf.constant([[1.0, 0.0], [1.0, 1.0]]),
        transform=lambda features: {"a": features["a"] + 1},
        active={"branch/a": tf.constant(False)},
        regular=tf.constant(True),
    )
    other = Forward(
        keep=tf.constant([[1, 1], [0, 1]]),
        transform=lambda features: {"a": features["a"] * 10},
        active={"branch/a": tf.constant(True), "branch/b": tf.constant(True)},
        regular=tf.constant(False),
    )

    plan = both(Telling(one), Telling(other)).forward(BATCH, Phase())

    assert plan.isolate is isolate
    assert plan.keep.numpy().tolist() == [[1, 0], [0, 1]]
    assert plan.transform({"a": 1}) == {"a": 20}
    assert {k: bool(v) for k, v in plan.active.items()} == {"branch/a": False, "branch/b": True}
    assert not plan.regular


def test_nothing_said_is_the_identity():
    plan = both(Telling(), Telling()).forward(BATCH, Phase())

    assert (plan.isolate, plan.keep, plan.transform, plan.active) == (None, None, None, {})
    assert plan.regular
    assert both(Telling(), Telling()).phases() == (Phase(),)
    assert both(Telling(), Telling()).begin_epoch(0, None) is None


def test_losses_go_from_part_to_part():
    losses = both(Telling(factor=2.0), Telling(factor=3.0)).losses(STEP, {"a": tf.constant(1.0)})

    assert {k: float(v) for k, v in losses.items()} == {"a": 6, "of 2.0": 6, "of 3.0": 3}


class Replacing(Telling):
    """Has a loss of its own in place of the joint one."""

    def losses(self, step, joint):
        return {"whole": tf.constant(5.0)}


@pytest.mark.parametrize("first", [True, False])
def test_terms_are_added_to_a_loss_that_replaces_the_joint_one(first):
    parts = [Replacing(needs=LOSS), Telling(factor=2.0)]

    losses = both(*(parts if first else parts[::-1])).losses(STEP, {"a": tf.constant(1.0)})

    assert {k: float(v) for k, v in losses.items()} == {"whole": 10, "of 2.0": 2}


def test_plans_of_an_epoch_are_merged():
    plan = SamplerPlan(np.array([0]))
    one = Telling(epoch=EpochPlan({"branch/a": 0.5}, [("v", 1)]))
    other = Telling(epoch=EpochPlan({"branch/a": 0.5, "shared": 2.0}, [("w", 2)], plan))

    for merged in (both(one, other).begin_epoch(0, None), both(one, other).end_epoch(0, {}, None)):
        assert merged.learning_rates == {"branch/a": 0.25, "shared": 2.0}
        assert merged.weights == [("v", 1), ("w", 2)]
        assert merged.sampler is plan
    assert both(one, Telling()).begin_epoch(0, None).sampler is None


def test_the_owner_of_gradients_and_phases_is_asked():
    strategy = both(Telling(), Combining())
    ones = strategy.combine_gradients(None, {}, [tf.Variable([2.0, 3.0])], STEP)
    assert ones[0].numpy().tolist() == [1, 1]
    assert [phase.name for phase in both(Phased(), Telling()).phases()] == ["one", "two"]


def test_every_part_is_built_told_and_saved(make_network, make_data):
    parts = [Telling(), Telling(factor=0.5)]
    model = BalancedModel(make_network(), both(*parts))
    model.compile("sgd")
    model.fit(*make_data(examples=8), batch_size=4, verbose=0)

    assert [part.heard for part in parts] == [["adapt", "build"]] * 2
    assert [float(part.own) for part in parts] == [2, 2]
    assert len(model.strategy.variables) == 2


def test_trains_as_its_only_active_part_does(make_network, make_data):
    """Guided with an idle part is guided, step for step."""
    traces = []
    for strategy in (
        Guided(tolerance=0.0, window=2, warmup=0),
        both(Guided(tolerance=0.0, window=2, warmup=0), Strategy()),
    ):
        model = BalancedModel(make_network(), strategy)
        model.compile("sgd")
        model.fit(*make_data(examples=32), batch_size=4, shuffle=False, verbose=0)
        traces.append(model.trace.read())
    np.testing.assert_array_equal(traces[0].isolated, traces[1].isolated)
    np.testing.assert_array_equal(traces[0].loss, traces[1].loss)
    assert (traces[0].isolated >= 0).any()


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (Combining(), Combining(), "combine the gradients"),
        (Phased(), Phased(), "say which updates a step has"),
        (Guided(), Guided(), "isolate branches"),
        (Telling(needs=SAMPLER), Telling(needs=SAMPLER), "choose the training examples"),
        (Telling(needs=LOSS), Telling(needs=LOSS), "replace the joint loss"),
        (Telling(needs=PRESENCE), Telling(needs=PRESENCE), "leave out modalities"),
        (Telling(needs=RULE), Telling(needs=RULE), "how the classifier computes its logits"),
    ],
)
def test_two_that_decide_the_same_are_refused(one, other, words):
    with pytest.raises(
        RequirementError, match="strategies one and other cannot be combined: both"
    ) as error:
        both(one, other)
    assert words in str(error.value)


def test_decisions_of_a_plain_strategy_are_none():
    assert decisions(Strategy()) == set()
