"""Late fusion: what is fused, what one modality says alone, and who owns which variable."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.data import Examples
from mmbal.errors import RequirementError
from mmbal.evaluation import EvaluationContext, Predictor, Utilization
from mmbal.networks import Controls, LinearRule, blocked
from mmbal_guided import Guided, Random
from mmbal_late import LateConcat, LateSum


class Unbiased(LinearRule):
    """Three times what the modalities contribute, without a bias."""

    biased = False

    def contributions(self, features, kernels, bias):
        return {m: 3 * z @ kernels[m] for m, z in features.items()}


RULES = [None, Unbiased()]


def total(parts):
    return sum(part.numpy() for part in parts.values())


class TestOutputs:
    @pytest.mark.parametrize("modalities", ["a", "ba", "cab"])
    def test_shapes_and_sums(self, kind, make_network, make_data, modalities):
        network, (inputs, _) = make_network(kind, modalities), make_data(modalities)
        outputs = network(inputs)
        assert outputs.logits.shape == (12, 3)
        assert list(outputs.unimodal) == list(outputs.features) == list(modalities)
        np.testing.assert_allclose(total(outputs.unimodal), outputs.logits, rtol=0, atol=1e-6)
        assert list(outputs.joint) == list(outputs.supervised) == ["fused"]
        assert outputs.joint["fused"] is outputs.logits
        assert all(outputs.predictions[m] is outputs.logits for m in modalities)
        assert list(outputs.squeezed) == ["fusion"]
        assert all(
            z is outputs.features[m]
            for m, z in zip(modalities, outputs.squeezed["fusion"], strict=True)
        )

    def test_concat_is_a_dense_layer_on_the_joined_features(self, make_network, make_data):
        network, (inputs, _) = make_network(modalities="ba"), make_data("ba")
        outputs = network(inputs)
        joined = np.concatenate([outputs.features[m] for m in "ba"], axis=1)
        dense = joined @ network.joint.kernel.numpy() + network.joint.bias.numpy()
        np.testing.assert_allclose(outputs.logits, dense, rtol=0, atol=1e-5)
        rows = outputs.features["b"].numpy() @ network.joint.kernel.numpy()[:2]
        slice_b = rows + network.joint.bias.numpy() / 2
        np.testing.assert_allclose(outputs.unimodal["b"], slice_b, rtol=0, atol=1e-5)

    def test_sum_adds_the_classifiers(self, make_network, make_data):
        network, (inputs, _) = make_network(LateSum), make_data()
        outputs = network(inputs)
        for m in "ab":
            own = network.heads[m](outputs.features[m])
            np.testing.assert_array_equal(outputs.unimodal[m], own)

    def test_the_joint_kernel_starts_as_that_of_a_dense_layer(self, make_network):
        kernel = make_network().joint.kernel.numpy()
        bound = np.sqrt(6 / (6 + 3))
        assert kernel.shape == (6, 3)
        assert bound / 2 < np.abs(kernel).max() <= bound

    def test_a_gate_is_not_there_to_be_held(self, kind, make_network, make_data):
        with pytest.raises(ValueError, match="no gates that could isolate"):
            make_network(kind)(make_data()[0], Controls(tf.constant([True, False])))

    @pytest.mark.filterwarnings("ignore::UserWarning")  # Keras tries to build what cannot be built
    def test_encoders_return_vectors(self, kind):
        network = kind({"a": keras.layers.Conv1D(2, 1)}, 3)
        with pytest.raises(ValueError, match=r"encoder of 'a' must return \(batch, channels\)"):
            network({"a": np.zeros((1, 4, 2), "float32")})

    def test_logits_are_at_least_float32(self, kind, make_network, make_data, precision):
        precision("mixed_bfloat16")
        network, (inputs, _) = make_network(kind), make_data()
        outputs = network(inputs)
        assert outputs.features["a"].dtype == tf.bfloat16
        found = [outputs.logits, *outputs.unimodal.values(), network.fuse(outputs.features)]
        for what in ("slice", "head", "mask"):
            found += network.logits_of(outputs.features, what).values()
        assert {x.dtype for x in found} == {tf.float32}
        np.testing.assert_allclose(total(outputs.unimodal), outputs.logits, rtol=0, atol=1e-6)


class TestFlags:
    def test_absent_features_are_zeros_example_by_example(self, kind, make_network, make_data):
        network, (inputs, _) = make_network(kind), make_data(examples=2)
        keep = tf.constant([[1.0, 0.0], [1.0, 1.0]])
        full, kept = network(inputs), network(inputs, Controls(keep=keep))
        assert kept.features["b"].numpy()[0].tolist() == [0, 0]
        np.testing.assert_array_equal(kept.logits[1], full.logits[1])
        alone = network.logits_of(full.features, "mask")["a"]
        np.testing.assert_allclose(kept.logits[0], alone[0], rtol=0, atol=1e-6)
        np.testing.assert_allclose(total(kept.unimodal), kept.logits, rtol=0, atol=1e-6)

    def test_absent_features_are_filled_with_means(self, kind, make_network, make_data):
        network, (inputs, _) = make_network(kind), make_data(examples=2)
        means = {"fusion": (tf.fill([4], 0.5), tf.constant([1.0, 2.0]))}
        outputs = network(inputs, Controls(keep=tf.constant([[1, 0], [1, 1]]), fill=means))
        full = network(inputs)
        np.testing.assert_array_equal(outputs.features["b"][0], [1, 2])
        np.testing.assert_array_equal(outputs.logits[1], full.logits[1])
        filled = {"a": full.features["a"], "b": tf.constant([[1.0, 2.0]] * 2)}
        np.testing.assert_allclose(outputs.logits[0], network.fuse(filled)[0], atol=1e-6)
        np.testing.assert_array_equal(outputs.squeezed["fusion"][1], full.features["b"])

    def test_branches_may_hear_pairs(self, kind, make_network, make_data):
        network, (inputs, _) = make_network(kind, "abc"), make_data("abc")
        keep = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 0]], "float32")  # c does not hear itself
        outputs = network(inputs, Controls(keep=tf.constant(keep[:, None])))
        features = network(inputs).features
        for row, m in zip(keep, "abc", strict=True):
            np.testing.assert_allclose(
                outputs.predictions[m], network.fuse(features, tf.constant(row)), atol=1e-6
            )
        mean = (outputs.predictions["a"].numpy() + outputs.predictions["b"].numpy()) / 2
        np.testing.assert_allclose(outputs.logits, mean, atol=1e-6)

    def test_transform_comes_before_the_classifier_and_cannot_bring_back_the_absent(
        self, kind, make_network, make_data
    ):
        network, (inputs, _) = make_network(kind), make_data()
        keep = tf.constant([[0.0, 1.0]] * 12)
        ones = lambda features: {m: tf.ones_like(z) for m, z in features.items()}  # noqa: E731
        outputs = network(inputs, Controls(keep=keep, transform=ones))
        assert set(outputs.features["b"].numpy().ravel()) == {1}
        assert not outputs.features["a"].numpy().any()

    @pytest.mark.parametrize("rule", RULES)
    def test_blocked_predictions_hold_the_others_at_their_means(
        self, make_network, make_data, rule
    ):
        network, (inputs, _) = make_network(modalities="abc"), make_data("abc")
        if rule is not None:
            network.set_rule(rule)
        means = {"fusion": tuple(tf.fill([n], 0.1 * n) for n in (4, 2, 3))}
        outputs = network(inputs, blocked(3, means))
        for index, m in enumerate("abc"):
            held = {
                o: outputs.features[o] if o == m else tf.tile(means["fusion"][i][None], [12, 1])
                for i, o in enumerate("abc")
            }
            expected = network.fuse(held)
            np.testing.assert_allclose(outputs.predictions[m], expected, rtol=0, atol=1e-6)
            assert (outputs.predictions[m] != outputs.logits).numpy().any(), index
        mean = sum(logits.numpy() for logits in outputs.predictions.values()) / 3
        np.testing.assert_allclose(outputs.logits, mean, rtol=0, atol=1e-6)
        assert outputs.slices is None

    def test_training_reaches_the_encoders(self, kind):
        network = kind({"a": keras.layers.Dropout(0.5, seed=0)}, 3)
        inputs = {"a": tf.ones([4, 50])}
        assert (network(inputs).features["a"].numpy() == 1).all()
        assert (network(inputs, training=True).features["a"].numpy() == 0).any()


class TestLogitsOf:
    @pytest.mark.parametrize("rule", RULES)
    def test_kinds(self, make_network, make_data, rule):
        network, (inputs, _) = make_network(modalities="abc"), make_data("abc")
        if rule is not None:
            network.set_rule(rule)
        outputs = network(inputs)
        slices = network.logits_of(outputs.features, "slice")
        np.testing.assert_allclose(total(slices), outputs.logits, rtol=0, atol=1e-5)
        masked = network.logits_of(outputs.features, "mask")
        zeros = {m: tf.zeros_like(z) for m, z in outputs.features.items()}
        for m in "abc":
            alone = {**zeros, m: outputs.features[m]}
            np.testing.assert_allclose(masked[m], network.fuse(alone), rtol=0, atol=1e-6)
            own = network.joint.heads[m](outputs.features[m])
            np.testing.assert_array_equal(network.logits_of(outputs.features, "head")[m], own)

    def test_a_mask_of_concat_has_the_whole_bias(self, make_network, make_data):
        network, (inputs, _) = make_network(), make_data()
        features = network(inputs).features
        half = network.joint.bias.numpy() / 2
        slices, masks = (network.logits_of(features, what) for what in ("slice", "mask"))
        np.testing.assert_allclose(masks["a"] - slices["a"], np.tile(half, (12, 1)), atol=1e-5)

    def test_slice_and_head_of_sum_are_its_classifiers(self, make_network, make_data):
        network, (inputs, _) = make_network(LateSum), make_data()
        outputs = network(inputs)
        for what in ("slice", "head"):
            for m, logits in network.logits_of(outputs.features, what).items():
                np.testing.assert_array_equal(logits, outputs.unimodal[m])

    def test_keep_may_be_of_modalities_or_of_examples(self, kind, make_network, make_data):
        network, (inputs, _) = make_network(kind), make_data()
        features = network(inputs).features
        one, all_rows = tf.constant([0.0, 1.0]), tf.constant([[False, True]] * 12)
        np.testing.assert_array_equal(network.fuse(features, one), network.fuse(features, all_rows))

    def test_an_unknown_kind_is_refused(self, kind, make_network, make_data):
        network, (inputs, _) = make_network(kind), make_data()
        with pytest.raises(ValueError, match="no 'gate' logits"):
            network.logits_of(network(inputs).features, "gate")


class TestRules:
    def test_the_bias_is_not_trained_by_a_rule_that_has_none(self, make_network):
        network = make_network()
        assert [v.name for v in network.partition()["shared"]] == ["kernel", "bias"]
        network.set_rule(Unbiased())
        assert [v.name for v in network.partition()["shared"]] == ["kernel"]

    def test_another_rule_is_how_the_network_predicts(self, make_network, make_data):
        network, (inputs, _) = make_network(), make_data()
        network.set_rule(Unbiased())
        outputs = network(inputs)
        joined = np.concatenate([outputs.features[m] for m in "ab"], axis=1)
        expected = 3 * joined @ network.joint.kernel.numpy()
        np.testing.assert_allclose(outputs.logits, expected, rtol=0, atol=1e-5)
        assert outputs.slices is outputs.unimodal

    def test_sum_has_no_joint_classifier_to_change(self, make_network):
        with pytest.raises(RequirementError, match="LateSum offers no other rule"):
            make_network(LateSum).set_rule(Unbiased())


class TestGroups:
    def test_concat(self, make_network):
        network = make_network(modalities="abc")
        sizes = {name: len(variables) for name, variables in network.partition().items()}
        kinds = [f"{kind}/{m}" for kind in ("branch", "head") for m in "abc"]
        assert sizes == dict.fromkeys([*kinds, "shared"], 2)
        encoders = network.variable_groups().encoders()
        assert encoders["b"] == network.encoders["b"].trainable_variables

    def test_sum(self, make_network):
        network = make_network(LateSum)
        sizes = {name: len(variables) for name, variables in network.partition().items()}
        assert sizes == {"branch/a": 4, "branch/b": 4}
        encoders = network.variable_groups().encoders()
        assert encoders["b"] == network.encoders["b"].trainable_variables

    def test_components_offer_what_the_networks_do(self):
        from mmbal_late.plugin import mmbal_components

        told = {each.name: frozenset(each.offers) for each in mmbal_components()}
        assert told["late-concat"] == LateConcat.offers
        assert told["late-sum"] == LateSum.offers


COMBINATIONS = [
    ("a", "float32"), ("ab", "float32"), ("abc", "float32"),
    ("ab", "mixed_bfloat16"), ("ab", "mixed_float16"), ("ab", "float64"),
    *(
        pytest.param(modalities, policy, marks=pytest.mark.deep)
        for policy in ("mixed_bfloat16", "mixed_float16", "float64")
        for modalities in ("a", "abc")
    ),
]  # fmt: skip


class TestTraining:
    @pytest.mark.parametrize(("modalities", "policy"), COMBINATIONS)
    def test_joint_training_learns_without_a_warning(
        self, kind, make_network, make_data, precision, modalities, policy
    ):
        if policy == "float64":
            keras.config.set_floatx(policy)
        precision(policy)
        network = make_network(kind, modalities)
        before = {n: [v.numpy() for v in vs] for n, vs in network.partition().items()}
        model = BalancedModel(network)
        model.compile(keras.optimizers.AdamW(0.02, weight_decay=0.1))
        logs = model.fit(*make_data(modalities), epochs=15, batch_size=4, verbose=0).history
        assert logs["loss"][-1] < 0.8 * logs["loss"][0]
        assert np.isnan(logs[f"learning_speed/{modalities[0]}"]).all()
        after = {n: [v.numpy() for v in vs] for n, vs in network.partition().items()}
        moved = {n for n in before if not np.array_equal(before[n][0], after[n][0])}
        assert moved == {n for n in before if not n.startswith("head/")}

    def test_the_loss_is_that_of_the_fused_logits(self, kind, make_network, make_data):
        network, (inputs, labels) = make_network(kind), make_data()
        model = BalancedModel(network)
        model.compile("sgd")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        found = model.evaluate(inputs, labels, verbose=0, return_dict=True)
        np.testing.assert_allclose(found["loss"], loss(labels, network(inputs).logits), rtol=1e-5)

    @pytest.mark.parametrize("strategy", [Guided, Random])
    def test_isolation_is_refused_with_the_reason(self, kind, make_network, strategy):
        with pytest.raises(RequirementError, match="gates between its branches") as caught:
            BalancedModel(make_network(kind), strategy())
        assert kind.__name__ in str(caught.value)

    def test_weights_are_saved_and_loaded(self, kind, make_network, make_data, tmp_path):
        network, other = make_network(kind), make_network(kind, seed=7)
        inputs, _ = make_data()
        network.save_weights(tmp_path / "late.weights.h5")
        other.load_weights(tmp_path / "late.weights.h5")
        for what in ("slice", "head", "mask"):
            for m in "ab":
                one, two = (
                    n.logits_of(n(inputs).features, what)[m].numpy() for n in (network, other)
                )
                np.testing.assert_array_equal(one, two)


def test_utilization_is_how_much_the_fused_prediction_relies_on_the_others():
    network = LateSum({m: keras.layers.Identity() for m in "ab"}, 2)
    network({m: np.zeros((1, 2), "float32") for m in "ab"})
    for head in network.heads.values():
        head.kernel.assign(np.eye(2))
    # a decides the first two examples, b the last two; both means are (0.5, 0.5).
    inputs = {
        "a": np.array([[2, 0], [0, 2], [0, 0], [0, 0]], "float32"),
        "b": np.array([[0, 0], [0, 0], [0, 2], [2, 0]], "float32"),
    }
    rows = Examples.from_arrays(inputs, [0, 1, 1, 1])
    context = EvaluationContext(Predictor(network), {"test": rows, "train": rows})
    scores = {score.name: score.value for score in Utilization()(context)}
    # Together right on 3 of 4. a alone is right on two (a tie says 0), b alone on examples
    # 1 (a tie says 0) and 3.
    assert scores == pytest.approx(
        {
            "blocked_accuracy/a": 0.5,
            "blocked_accuracy/b": 0.5,
            "utilization/a": 1 / 3,
            "utilization/b": 1 / 3,
            "d_util": 0,
        }
    )
