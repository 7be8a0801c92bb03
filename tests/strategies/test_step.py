"""What a step says of itself, worked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal.networks.network import Outputs
from mmbal.replicas.rows import ALL_ROWS, Annotated
from mmbal.strategies.step import Batch, Forward, Phase, Step
from mmbal.training.losses import branch_loss

LOGITS = tf.constant([[0.0, 0.0], [np.log(3.0).item(), 0.0]])
LABELS = tf.constant([0, 1])
# -ln of the probability of the right class: ln 2 for the first row, ln 4 for the second.
MEAN = np.log([2.0, 4.0]).mean()


def step(weight=None, outputs=None):
    return Step(Batch.of({}, LABELS, weight), outputs, branch_loss(None))


def test_the_loss_of_logits_is_that_of_the_labels_and_weights():
    np.testing.assert_allclose(step().loss_of(LOGITS), MEAN, rtol=1e-6)
    weighted = step(weight=tf.constant([0.0, 1.0])).loss_of(LOGITS)
    np.testing.assert_allclose(weighted, np.log(4.0) / 2, rtol=1e-6)


def test_the_joint_loss_has_one_term_for_each_branch():
    branches = {"a": LOGITS, "b": tf.zeros([2, 2])}
    losses = step(outputs=Outputs(LOGITS, branches, {}, {})).joint_losses()
    assert list(losses) == ["a", "b"]
    np.testing.assert_allclose(losses["a"], MEAN, rtol=1e-6)
    np.testing.assert_allclose(losses["b"], np.log(2.0), rtol=1e-6)


def test_the_joint_loss_is_one_where_a_network_fits_one_classifier():
    outputs = Outputs(LOGITS, {"a": tf.zeros([2, 2])}, {}, {}, {"fused": LOGITS})
    losses = step(outputs=outputs).joint_losses()
    assert list(losses) == ["fused"]
    np.testing.assert_allclose(losses["fused"], MEAN, rtol=1e-6)


@pytest.mark.parametrize(
    ("isolate", "index"),
    [
        (None, -1),
        ([False, False, False], -1),
        ([True, False, False], 0),
        ([False, False, True], 2),
        ([False, True, True], 1),
    ],
)
def test_the_isolated_modality_is_the_first_and_minus_one_is_none(isolate, index):
    plan = Forward(isolate=None if isolate is None else tf.constant(isolate))
    assert plan.isolated == index


def test_a_plan_is_a_regular_step_of_the_whole_network_unless_told():
    plan = Forward()
    assert plan.regular is True
    assert (plan.isolate, plan.keep, plan.transform, dict(plan.active)) == (None, None, None, {})
    assert (Phase().name, Phase().groups) == ("joint", None)


def test_a_batch_has_every_modality_unless_the_data_tell_otherwise():
    batch = Batch.of({"a": LOGITS, "b": LOGITS}, LABELS)
    assert batch.presence.numpy().tolist() == [[True, True], [True, True]]
    assert (batch.weight, batch.keep, batch.ids) == (None, None, None)
    assert batch.rows is ALL_ROWS


def test_notes_of_the_data_are_no_modalities():
    notes = {"keep": 1, "ids": 2, "whole": 4}
    batch = Batch.of(Annotated({"a": LOGITS}, notes), LABELS, weight=5)
    assert set(batch.inputs) == {"a"}
    assert (batch.keep, batch.ids, batch.weight) == (1, 2, 5)


def test_phases_that_say_the_same_are_the_same():
    late = Phase("late", ("branch/a",))
    assert late == Phase(groups=("branch/a",), name="late")
    assert late != Phase("late")
    assert len({late, Phase("late", ("branch/a",)), Phase()}) == 2
