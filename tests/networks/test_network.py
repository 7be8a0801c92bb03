"""Who owns which variable, and how logits fuse."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.errors import ContractError
from mmbal.networks.controls import NORMAL
from mmbal.networks.groups import VariableGroups
from mmbal.networks.network import FusionNetwork, Outputs, at_least_float32


def variable(name, value=1.0, trainable=True):
    return keras.Variable(value, name=name, trainable=trainable)


class TwoDense(FusionNetwork):
    """Two linear branches whose `variable_groups` the test chooses."""

    def __init__(self, modalities=("a", "b")):
        super().__init__(modalities)
        self.heads = [keras.layers.Dense(2, name=f"head_{m}") for m in modalities]
        self.owned = lambda: VariableGroups(
            {m: d.variables for m, d in zip(self.modalities, self.heads, strict=True)}, {}
        )

    def call(self, inputs, controls=NORMAL, training=False):
        unimodal = {m: head(inputs[m]) for m, head in zip(self.modalities, self.heads, strict=True)}
        return Outputs(self.fuse_logits(unimodal, controls.keep), unimodal, {}, {})

    def variable_groups(self):
        return self.owned()


@pytest.fixture
def network():
    network = TwoDense()
    network({"a": np.zeros((1, 3)), "b": np.zeros((1, 2))})
    return network


class TestPartition:
    def test_groups_follow_membership_not_names(self):
        encoder_a, encoder_b = variable("fusion_x"), variable("shared_y")
        gate_a, gate_b, squeeze, head = (variable(n) for n in ("branch", "b", "a", "b"))
        groups = VariableGroups(
            branch={"a": [encoder_a], "b": [encoder_b]},
            fusion={"a": [squeeze, gate_a], "b": [squeeze, gate_b]},
            shared=[head],
        ).partition()
        assert {name: [id(v) for v in members] for name, members in groups.items()} == {
            "branch/a": [id(encoder_a)],
            "branch/b": [id(encoder_b)],
            "fusion/a+b": [id(squeeze)],
            "fusion/a": [id(gate_a)],
            "fusion/b": [id(gate_b)],
            "shared": [id(head)],
        }

    def test_a_variable_of_two_out_of_three_branches_has_its_own_group(self):
        pair, every = variable("pair"), variable("every")
        groups = VariableGroups({}, {"a": [every], "b": [every, pair], "c": [pair, every]})
        assert set(groups.partition()) == {"fusion/a+b+c", "fusion/b+c"}

    def test_an_encoder_may_serve_several_branches(self):
        encoder = variable("siamese")
        groups = VariableGroups({"a": [encoder], "b": [encoder]}, {})
        assert list(groups.partition()) == ["branch/a+b"]

    def test_naming_a_variable_twice_changes_nothing(self):
        twice = variable("twice")
        groups = VariableGroups({"a": [twice, twice]}, {}, shared=()).partition()
        assert {name: len(members) for name, members in groups.items()} == {"branch/a": 1}

    @pytest.mark.parametrize("kinds", ["branch fusion", "branch shared", "fusion shared"])
    def test_a_variable_of_two_kinds_is_refused_by_name(self, kinds):
        both = variable("doubtful")
        lists = {"branch": {"a": [both]}, "fusion": {"b": [both]}, "shared": [both]}
        chosen = {"branch": {}, "fusion": {}} | {kind: lists[kind] for kind in kinds.split()}
        with pytest.raises(ContractError, match="doubtful") as caught:
            VariableGroups(**chosen).partition()
        assert str(kinds.split()) in str(caught.value)

    def test_an_orphan_is_named(self, network):
        network.owned = lambda: VariableGroups(
            {"a": network.heads[0].variables, "b": [network.heads[1].kernel]}, {}
        )
        with pytest.raises(ContractError, match="leaves out") as caught:
            network.partition()
        assert network.heads[1].bias.path in str(caught.value)
        assert network.heads[1].kernel.path not in str(caught.value)
        assert "TwoDense.variable_groups" in str(caught.value)

    def test_frozen_variables_and_empty_groups_are_left_out(self, network):
        network.heads[0].trainable = False
        groups = network.partition()
        assert list(groups) == ["branch/b"]
        assert groups["branch/b"] == network.heads[1].trainable_variables

    @pytest.mark.parametrize("names", [(), ("a", "a")])
    def test_modalities_are_distinct_names(self, names):
        with pytest.raises(ValueError, match="distinct names"):
            TwoDense(names)

    @pytest.mark.parametrize("name", ["a+b", "a/b", ""])
    def test_a_modality_whose_name_would_blur_the_groups_is_refused(self, name):
        with pytest.raises(ValueError, match="may not") as caught:
            TwoDense(("a", name))
        assert repr(name) in str(caught.value)


class TestOutputs:
    def test_by_default_every_branch_is_fitted_and_predicts(self):
        unimodal = {"a": tf.zeros([2, 3]), "b": tf.ones([2, 3])}
        outputs = Outputs(tf.zeros([2, 3]), unimodal, {}, {})
        assert outputs.supervised is unimodal
        assert outputs.predictions is unimodal

    def test_slices_and_further_tensors_may_be_left_out(self):
        outputs = Outputs(tf.zeros([2, 3]), {}, {}, {})
        assert outputs.slices is None
        assert outputs.extras == {}

    def test_a_network_says_what_is_fitted_and_what_predicts(self):
        joint, conditional = {"fused": tf.zeros([2, 3])}, {"a": tf.ones([2, 3])}
        outputs = Outputs(joint["fused"], {}, {}, {}, joint, conditional)
        assert outputs.supervised is joint
        assert outputs.predictions is conditional


LOGITS = {"a": [[1.0, 3.0], [2.0, 0.0]], "b": [[5.0, -1.0], [4.0, 8.0]]}


class TestFuseLogits:
    @pytest.fixture
    def fuse(self, network):
        logits = {m: tf.constant(rows) for m, rows in LOGITS.items()}
        return lambda keep=None: network.fuse_logits(logits, keep).numpy().tolist()

    def test_is_the_mean_of_the_branches(self, fuse):
        assert fuse() == [[3, 1], [3, 4]]

    def test_is_the_mean_of_the_modalities_present(self, fuse):
        assert fuse(tf.constant([[1, 0], [1, 1]])) == [[1, 3], [3, 4]]

    def test_is_zero_where_nothing_is_present(self, fuse):
        assert fuse(tf.zeros([2, 2])) == [[0, 0], [0, 0]]

    def test_is_the_mean_of_the_branches_that_hear_themselves(self, fuse):
        b_is_deaf_to_itself = tf.constant([[[1, 1]], [[1, 0]]])
        apart = tf.constant([[[1, 0], [0, 1]], [[1, 1], [1, 1]]])  # a in row 0 alone
        assert fuse(b_is_deaf_to_itself) == [[1, 3], [2, 0]]
        assert fuse(apart) == [[3, 1], [4, 8]]

    def test_takes_the_modalities_of_all_examples(self, fuse):
        assert fuse(tf.constant([0, 1])) == [[5, -1], [4, 8]]

    def test_takes_bools(self, fuse):
        assert fuse(tf.constant([[False, True], [True, False]])) == [[5, -1], [2, 0]]


@pytest.mark.parametrize(
    ("given", "wide"),
    [("float16", "float32"), ("bfloat16", "float32"), ("float32", "float32"),
     ("float64", "float64")],
)  # fmt: skip
def test_half_precision_is_widened_and_nothing_else(given, wide):
    assert at_least_float32(tf.constant(1.0, given)).dtype == wide
