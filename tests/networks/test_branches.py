"""Networks of branches around a fusion module that adds up, by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.laboratory.toys import GatedBranches
from mmbal.networks import BranchNetwork, Controls, Fusion, blocked

INPUTS = {"a": tf.constant([[1.0], [2.0]]), "b": tf.constant([[10.0], [20.0]])}
THREE = {**INPUTS, "c": tf.constant([[100.0], [200.0]])}
MEANS = {"adder": (tf.constant([3.0]), tf.constant([30.0]), tf.constant([300.0]))}


class Adder(Fusion):
    """Adds to every branch what it hears, times a factor of the branch, 1 at first."""

    def build(self, shapes):
        self.factors = [self.add_weight(shape=(), initializer="ones") for _ in shapes]

    def combine(self, heard):
        return tf.add_n(heard)

    def message(self, branch, combined):
        return combined * tf.convert_to_tensor(self.factors[branch])

    def receive(self, feature, message):
        return feature + message

    def fusion_variables(self, branch):
        return [self.factors[branch]]


def identities(modalities):
    return {m: keras.layers.Identity() for m in modalities}


def adding(modalities="ab"):
    """Return a network whose branch predicts its input plus the sum of what it hears."""
    names = tuple(modalities)
    return BranchNetwork(identities(names), Adder(name="adder"), identities(names))


def column(logits):
    return logits.numpy().ravel().tolist()


def columns(logits):
    return {m: column(x) for m, x in logits.items()}


class TestCall:
    def test_every_branch_hears_all_and_their_mean_is_the_prediction(self):
        outputs = adding()(INPUTS)
        assert columns(outputs.unimodal) == {"a": [12, 24], "b": [21, 42]}
        assert columns(outputs.features) == columns(outputs.unimodal)
        assert column(outputs.logits) == [16.5, 33]
        assert [column(z) for z in outputs.squeezed["adder"]] == [[1, 2], [10, 20]]
        assert outputs.predictions is outputs.supervised is outputs.unimodal

    def test_the_absent_is_not_heard_and_does_not_predict(self):
        outputs = adding()(INPUTS, Controls(keep=tf.constant([[1, 0], [1, 1]])))
        assert columns(outputs.unimodal) == {"a": [2, 24], "b": [11, 42]}
        assert column(outputs.logits) == [2, 33]
        assert [column(z) for z in outputs.squeezed["adder"]] == [[1, 2], [10, 20]]

    def test_a_mean_may_stand_for_the_absent(self):
        keep = tf.constant([[1, 0, 1], [1, 1, 1]])
        outputs = adding("abc")(THREE, Controls(keep=keep, fill=MEANS))
        assert columns(outputs.unimodal)["a"] == [1 + 1 + 30 + 100, 2 + 222]
        assert column(outputs.logits)[0] == (132 + 231) / 2

    def test_blocked_branches_hear_themselves_and_means(self):
        outputs = adding("abc")(THREE, blocked(3, MEANS))
        assert columns(outputs.unimodal) == {
            "a": [2 + 330, 4 + 330], "b": [20 + 303, 40 + 303], "c": [200 + 33, 400 + 33],
        }  # fmt: skip
        assert column(outputs.logits) == pytest.approx(
            [(332 + 323 + 233) / 3, (334 + 343 + 433) / 3]
        )

    def test_pairs_of_three_at_once(self):
        """a and b hear each other, c hears b and is no part of the prediction."""
        keep = tf.constant([[[1, 1, 0]], [[1, 1, 0]], [[0, 1, 0]]])
        outputs = adding("abc")(THREE, Controls(keep=keep, fill=MEANS))
        together = adding("abc")(THREE, Controls(keep=tf.constant([[1, 1, 0]]), fill=MEANS))
        assert columns(outputs.unimodal) == {
            "a": [1 + 11 + 300, 2 + 22 + 300], "b": [10 + 11 + 300, 20 + 22 + 300],
            "c": [100 + 3 + 10 + 300, 200 + 3 + 20 + 300],
        }  # fmt: skip
        assert (
            column(outputs.logits) == column(together.logits) == [(312 + 321) / 2, (324 + 342) / 2]
        )

    def test_branches_may_hear_the_same_one_by_one(self):
        keep = tf.constant([[1, 0], [0, 1]])
        one = adding()(INPUTS, Controls(keep=keep))
        apart = adding()(INPUTS, Controls(keep=tf.stack([keep, keep])))
        assert columns(apart.unimodal) == columns(one.unimodal)
        assert column(apart.logits) == column(one.logits)

    def test_an_isolated_branch_hears_the_mean_message(self):
        network = adding()
        network(INPUTS, training=True)  # messages of 11 and 22
        outputs = network(
            {m: 2 * x for m, x in INPUTS.items()}, Controls(tf.constant([True, False]))
        )
        assert columns(outputs.unimodal) == {"a": [2 + 16.5, 4 + 16.5], "b": [42, 84]}

    def test_transform_comes_before_the_heads(self):
        outputs = adding()(INPUTS, Controls(transform=lambda f: {**f, "a": 0 * f["a"]}))
        assert columns(outputs.unimodal) == {"a": [0, 0], "b": [21, 42]}
        assert column(outputs.features["a"]) == [0, 0]

    def test_may_be_called_with_controls_at_first(self):
        keep = tf.constant([[1, 0], [1, 1]])
        network = GatedBranches({m: [keras.layers.Dense(2), keras.layers.Dense(3)] for m in "ab"})
        first = network(INPUTS, Controls(keep=keep), training=True)
        assert first.logits.shape == (2, 3)
        assert len(network.variables) == 2 * 2 + 2 * 2 + 2 + 2 * 2 + 3

    @pytest.mark.parametrize(
        "keep",
        [None, [[1, 1], [1, 0]], [[0, 0], [0, 1]], [[[1, 0]], [[0, 1]]], [[[0, 1]], [[0, 1]]]],
    )
    def test_slices_sum_to_the_logits(self, keep):
        controls = Controls(keep=None if keep is None else tf.constant(keep))
        outputs = adding()(INPUTS, controls)
        assert column(tf.add_n(list(outputs.slices.values()))) == column(outputs.logits)


class TestStages:
    def test_a_module_follows_each_but_those_behind_the_last(self):
        double = keras.layers.Lambda(lambda x: 2 * x)
        network = BranchNetwork(
            {"a": [keras.layers.Identity(), double], "b": [keras.layers.Identity()]},
            Adder(name="adder"),
            identities("ab"),
        )
        outputs = network(INPUTS)
        assert columns(outputs.features) == {"a": [24, 48], "b": [21, 42]}

    def test_several_modules_have_their_own_summaries(self):
        stages = {m: [keras.layers.Identity(), keras.layers.Identity()] for m in "ab"}
        network = BranchNetwork(stages, [Adder(name="one"), Adder(name="two")], identities("ab"))
        outputs = network(INPUTS)
        assert [column(z) for z in outputs.squeezed["two"]] == [[12, 24], [21, 42]]
        assert columns(outputs.unimodal)["a"] == [12 + 33, 24 + 66]

    def test_without_a_module_branches_are_alone_and_cannot_be_isolated(self):
        network = BranchNetwork(identities("ab"), (), identities("ab"))
        outputs = network(INPUTS)
        assert columns(outputs.unimodal) == columns(INPUTS)
        assert outputs.squeezed == {}
        assert network.offers == {"slice", "head", "mask"}
        assert "isolation" in BranchNetwork.offers

    def test_training_reaches_stages_and_heads(self):
        drop = keras.layers.Dropout
        network = BranchNetwork({"a": drop(0.5, seed=0)}, (), {"a": drop(0.5, seed=1)})
        inputs = {"a": tf.ones([4, 50])}
        assert (network(inputs, training=True).features["a"].numpy() == 0).any()
        assert (network(inputs, training=True).unimodal["a"].numpy() == 0).mean() > 0.6
        assert (network(inputs).unimodal["a"].numpy() != 0).all()

    @pytest.mark.parametrize("counts", [(0, 1), (1, 3), (3, 3)])
    def test_too_few_or_too_many_are_told(self, counts):
        stages = {m: [keras.layers.Identity()] * n for m, n in zip("ab", counts, strict=True)}
        with pytest.raises(ValueError, match="before each of 1 fusion modules, and may") as caught:
            BranchNetwork(stages, Adder(), identities("ab"))
        assert str(dict(zip("ab", counts, strict=True))) in str(caught.value)

    def test_every_branch_needs_a_head(self):
        with pytest.raises(
            ValueError, match=r"heads must be of \['a', 'b'\], received \['b', 'c'\]"
        ):
            BranchNetwork(identities("ab"), Adder(), identities("bc"))

    def test_modules_of_one_name_are_told(self):
        stages = {"a": [keras.layers.Identity(), keras.layers.Identity()]}
        with pytest.raises(ValueError, match=r"distinct names, received \['x', 'x'\]"):
            BranchNetwork(stages, [Adder(name="x"), Adder(name="x")], identities("a"))


FEATURES = {"a": tf.constant([[2.0]]), "b": tf.constant([[4.0]])}


class TestLogits:
    def test_of_single_modalities(self):
        network = adding()
        assert columns(network.logits_of(FEATURES, "slice")) == {"a": [1], "b": [2]}
        assert columns(network.logits_of(FEATURES, "head")) == {"a": [2], "b": [4]}
        assert columns(network.logits_of(FEATURES, "mask")) == {"a": [2], "b": [4]}

    @pytest.mark.parametrize(
        ("keep", "fused"), [(None, 3), ([0.0, 1.0], 4), ([[True, False]], 2), ([[0, 0]], 0)]
    )
    def test_fused(self, keep, fused):
        keep = None if keep is None else tf.constant(keep)
        assert column(adding().fuse(FEATURES, keep)) == [fused]

    def test_are_at_least_float32(self, precision):
        precision("mixed_bfloat16")
        network = GatedBranches({m: [keras.layers.Dense(2), keras.layers.Dense(3)] for m in "ab"})
        keep = tf.constant([[1.0, 0.0], [1.0, 1.0]])
        outputs = network(INPUTS, Controls(tf.constant([True, False]), keep), training=True)
        assert outputs.features["a"].dtype == tf.bfloat16
        found = [outputs.logits, *outputs.unimodal.values(), *outputs.slices.values()]
        assert {x.dtype for x in found} == {tf.float32}


class TestGroups:
    def test_are_those_of_stages_heads_and_modules(self):
        dense = keras.layers.Dense
        network = GatedBranches({m: [dense(2), dense(2), dense(3)] for m in "ab"})
        network(INPUTS)
        sizes = {name: len(variables) for name, variables in network.partition().items()}
        # Kernel and bias of two stages and a head; of two gates; of their two common layers.
        assert sizes == {
            "branch/a": 6, "branch/b": 6, "fusion/a+b": 4, "fusion/a": 4, "fusion/b": 4,
        }  # fmt: skip
        encoders = network.variable_groups().encoders()
        assert encoders["b"] == [v for stage in network.stages[1] for v in stage.variables]

    def test_of_a_module_that_shares_nothing(self):
        network = adding()
        network(INPUTS)
        assert list(network.partition()) == ["fusion/a", "fusion/b"]


def test_saved_weights_bring_the_running_means(tmp_path):
    one, other = adding(), adding()
    one(INPUTS, training=True)
    one.save_weights(tmp_path / "n.weights.h5")
    other(INPUTS)
    other.load_weights(tmp_path / "n.weights.h5")
    isolated = Controls(tf.constant([True, False]))
    assert columns(other(INPUTS, isolated).unimodal) == columns(one(INPUTS, isolated).unimodal)
    np.testing.assert_array_equal(other.fusion[0].held_mean.means[0], [16.5])
