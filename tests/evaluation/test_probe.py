"""One pass over data: accuracies, losses and means against numbers worked by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.evaluation.probe import Probe

NO, YES = [4.0, 0.0], [0.0, 4.0]
QUIET = [0.0, 0.0]
LABELS = [0, 0, 1, 1, 1]
A = [NO, NO, YES, NO, QUIET]
B = [QUIET, YES, QUIET, [0.0, 5.0], [1.0, 0.0]]
# Both branches see a + b: [4,0] [4,4] [0,4] [4,5] [1,0]; argmax of a tie is the first.
# Right for 0 0 1 1 1: yes, yes (tie), yes, yes, no.


def test_scores_of_normal_gates(scripted, batches):
    scores = Probe(scripted()).scores(batches(LABELS, a=A, b=B))
    assert scores.fused == pytest.approx(4 / 5)
    assert scores.unimodal == pytest.approx({"a": 4 / 5, "b": 4 / 5})
    # -ln softmax by the difference d = right - wrong: ln(1 + e^-d), for 4, 0, 4, 1, -1.
    each = np.log1p(np.exp(-np.array([4.0, 0, 4, 1, -1])))
    assert scores.loss == pytest.approx(2 * each.mean(), rel=1e-6)


def test_blocked_branches_see_constants_of_the_others(scripted, batches):
    # a sees a + (0, 1): [4,1] [4,1] [0,5] [4,1] [0,1] -> right: yes yes yes no yes.
    # b sees b + (0, 0.5): [0,.5] [0,4.5] [0,.5] [0,5.5] [1,.5] -> no no yes yes no.
    blocked = {"mix": (np.array([0, 0.5], "float32"), np.array([0, 1], "float32"))}
    scores = Probe(scripted()).scores(batches(LABELS, a=A, b=B), blocked)
    assert scores.unimodal == pytest.approx({"a": 4 / 5, "b": 2 / 5})


def test_the_size_of_batches_does_not_matter(scripted, batches):
    probe = Probe(scripted())
    one, other = (probe.scores(batches(LABELS, size, a=A, b=B)) for size in (2, 5))
    assert one.fused == other.fused
    assert one.loss == pytest.approx(other.loss, rel=1e-6)


def test_squeeze_means_are_over_examples_not_batches(scripted, batches):
    means = Probe(scripted()).squeeze_means(batches(LABELS, a=A, b=B))
    assert set(means) == {"mix"}
    np.testing.assert_allclose(means["mix"][0], [12 / 5, 4 / 5], rtol=1e-6)
    np.testing.assert_allclose(means["mix"][1], [1 / 5, 9 / 5], rtol=1e-6)
    assert {mean.dtype for mean in means["mix"]} == {np.dtype("float32")}


def test_a_joint_prediction_has_one_loss_and_speaks_for_every_modality(joint, batches):
    scores = Probe(joint).scores(batches(LABELS, a=A, b=B))
    # The sums are those of above; alone: a [0 0 1 0 0] and b [0 1 0 1 0] against 0 0 1 1 1.
    assert scores.fused == pytest.approx(4 / 5)
    assert scores.conditional == pytest.approx({"a": 4 / 5, "b": 4 / 5})
    assert scores.unimodal == pytest.approx({"a": 3 / 5, "b": 2 / 5})
    each = np.log1p(np.exp(-np.array([4.0, 0, 4, 1, -1])))
    assert scores.loss == pytest.approx(each.mean(), rel=1e-6)


@pytest.mark.parametrize("modalities", ["a", "abc"])
def test_any_number_of_modalities(scripted, batches, modalities):
    inputs = {m: [NO, YES, YES, NO] for m in modalities}
    scores = Probe(scripted(modalities)).scores(batches([0, 1, 0, 0], **inputs))
    assert scores.unimodal == pytest.approx(dict.fromkeys(modalities, 3 / 4))
    assert scores.fused == pytest.approx(3 / 4)


def test_a_network_without_fusion_modules_has_no_means(scripted, batches, monkeypatch):
    network = scripted("a")
    call = network.call
    monkeypatch.setattr(network, "call", lambda *a, **k: call(*a, **k)._replace(squeezed={}))
    assert Probe(network).squeeze_means(batches([0, 1], a=[NO, YES])) == {}


def test_half_precision_counts_exactly(scripted, batches):
    # 300 right answers: bfloat16 cannot count beyond 256.
    rows = batches([0] * 300, 300, a=[NO] * 300).map(
        lambda x, y: ({"a": tf.cast(x["a"], tf.bfloat16)}, y)
    )
    scores = Probe(scripted("a")).scores(rows)
    assert scores.fused == 1
    assert scores.loss == pytest.approx(np.log1p(np.exp(-4)), rel=1e-2)


def test_a_split_without_examples_is_named(scripted, batches):
    with pytest.raises(ValueError, match="no examples"):
        Probe(scripted("a")).scores(batches([0, 1], a=[NO, YES]).take(0))


def test_new_weights_are_seen_without_a_new_probe(batches):
    """Scoring last and then selected weights goes through the same compiled function."""
    from mmbal.laboratory.toys import GatedBranches

    keras.utils.set_random_seed(0)
    network = GatedBranches({"a": [keras.layers.Dense(2), keras.layers.Dense(2)]})
    data = batches([0, 1], a=[NO, YES])
    probe = Probe(network)
    probe.scores(data)
    for layer, bias in ((network.heads[0], [9.0, 0.0]), (network.heads[0], [0.0, 9.0])):
        layer.kernel.assign(np.zeros((2, 2)))
        layer.bias.assign(bias)
        expected = np.log1p(np.exp(9)) / 2 + np.log1p(np.exp(-9)) / 2
        assert probe.scores(data).loss == pytest.approx(expected, rel=1e-5)
