"""Both strategies: worked examples, training, and what evaluation predicts by."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel, ConfigError, Examples
from mmbal.errors import RequirementError
from mmbal.networks import Outputs
from mmbal.strategies import Batch, Step, Surroundings
from mmbal_cosine import AdaptiveMargin, MMCosine, groups
from mmbal_cosine.margin import with_margin
from mmbal_cosine.plugin import mmbal_components
from mmbal_cosine.rules import JointCosine, ModalityCosine
from mmbal_late import LateConcat, LateSum

CE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
MARGIN = {"scale": 8, "clusters": 3, "min_count": 1}
BOTH = [lambda: MMCosine(scale=4), lambda: AdaptiveMargin(**MARGIN)]


def weights(model):
    return [v.numpy() for v in model.network.trainable_variables]


def step_of(logits, labels, inputs, features):
    outputs = Outputs(logits, {}, features, {})
    return Step(Batch.of(inputs, labels), outputs, CE)


class TestMMCosine:
    def test_worked_example(self):
        network = LateConcat({m: keras.layers.Identity() for m in "av"}, 2)
        inputs = {"a": tf.constant([[3.0, 4.0]]), "v": tf.constant([[0.0, 5.0]])}
        network(inputs)
        network.joint.kernel.assign([[1, 0], [0, 2], [1, 1], [1, -1]])
        network.joint.bias.assign([7, -7])  # has no say
        MMCosine(scale=10).adapt(network)
        np.testing.assert_allclose(network(inputs).logits, [[13.071068, 0.928932]], atol=1e-5)
        np.testing.assert_allclose(
            CE(tf.constant([0]), network(inputs).logits), 0.000005, atol=1e-6
        )

    def test_the_loss_is_that_of_the_cosines(self, train, make_network, make_data):
        _, losses = train(MMCosine(scale=4), optimizer=keras.optimizers.SGD(0.0))
        twin, (inputs, labels) = make_network(), make_data()
        twin.set_rule(ModalityCosine(4))
        np.testing.assert_allclose(losses, [CE(labels, twin(inputs).logits)] * 3, rtol=1e-5)

    def test_the_length_of_features_does_not_matter(self, make_network):
        network = make_network("abc")
        MMCosine(scale=4).adapt(network)
        features = {m: tf.random.stateless_normal([5, 4], [0, i]) for i, m in enumerate("abc")}
        logits = network.fuse(features)
        stretched = network.fuse({**features, "b": 100 * features["b"]})
        np.testing.assert_allclose(stretched, logits, rtol=0, atol=1e-5)
        assert np.abs(logits).max() <= 4 * 3


class TestAdaptiveMargin:
    COSINES = tf.constant([[0.5, 0.4, 0.1]])
    SHARES = tf.constant([[0.7, 0.2, 0.1]])

    def test_worked_example(self):
        logits = with_margin(8 * self.COSINES, self.SHARES, 8)
        np.testing.assert_allclose(CE(tf.constant([1]), logits), 4.808529, atol=1e-5)
        as_printed = 8 * (self.COSINES - (1 - self.SHARES))
        np.testing.assert_allclose(CE(tf.constant([1]), as_printed), 4.808529, atol=1e-5)
        np.testing.assert_allclose(CE(tf.constant([1]), 8 * self.COSINES), 1.198837, atol=1e-5)

    @pytest.fixture
    def built(self, make_model):
        """Return a function from options to a strategy that has read the examples."""

        def build(names="ab", **options):
            strategy = AdaptiveMargin(**(MARGIN | options))
            make_model(strategy, names).prepare(3)
            return strategy

        return build

    def test_tables_tell_how_often_a_class_occurs_in_a_cluster(self, built, make_data):
        strategy, (inputs, labels) = built(max_entropy=1), make_data()
        for m in "ab":
            centroids, table = strategy.centroids[m].numpy(), strategy.tables[m].numpy()
            assert table.shape == (1 + len(centroids), 3) == (4, 3)
            assert not table[0].any()
            distance = ((inputs[m][:, None] - centroids) ** 2).sum(axis=-1)
            for group in range(3):
                members = labels[distance.argmin(axis=1) == group]
                shares = np.bincount(members, minlength=3) / len(members)
                expected = shares if len(set(shares)) > 1 else np.zeros(3)
                np.testing.assert_allclose(table[1 + group], expected, rtol=1e-6)

    def test_clusters_of_the_biased_modality_show_the_bias(self, built):
        # Rows 0, 6, 12, 18 are of class 0 and look as class 1: groups of 4, 12 and 8.
        table = built().tables["b"].numpy()
        rows = np.array(sorted(table[1:].tolist()))
        np.testing.assert_allclose(rows, [[0, 0, 1], [1 / 3, 2 / 3, 0], [1, 0, 0]], atol=1e-6)

    @pytest.mark.parametrize(
        ("chosen", "clustered"), [((), "abc"), (("b",), "b"), (["c", "a"], "ca")]
    )
    def test_suspected_modalities_are_clustered(self, built, chosen, clustered):
        strategy = built("abc", modalities=chosen)
        assert list(strategy.tables) == list(strategy.centroids) == list(clustered)

    def test_equal_inputs_of_an_id_are_a_group_and_unseen_ones_have_no_margin(
        self, make_model, make_data
    ):
        inputs, _ = make_data()
        ids = np.repeat([[0, 0], [7, 0], [7, 1]], 8, axis=0).astype("float32")
        labels = np.array([0] * 8 + [1] * 4 + [2] * 4 + [2] * 6 + [0] * 2)
        strategy = AdaptiveMargin(groups="values", modalities=("b",), min_count=1, max_entropy=1)
        examples = Examples.from_arrays(inputs | {"b": ids}, labels)
        model = make_model(strategy, examples=examples)
        model.prepare(3)
        table = [[0, 0, 0], [1, 0, 0], [0, 0.5, 0.5], [0.25, 0, 0.75]]
        np.testing.assert_allclose(strategy.tables["b"], table, rtol=1e-6)
        shown = {"a": tf.zeros([3, 3]), "b": tf.constant([[7.0, 1], [7, 2], [0, 0]])}
        step = step_of(tf.ones([3, 3]), tf.constant([0, 1, 2]), shown, {"b": tf.ones([3, 4])})
        assert strategy._groups_of("b", step).numpy().tolist() == [3, 0, 1]

    def test_a_modality_with_too_many_values_is_no_id(self, built, monkeypatch):
        monkeypatch.setattr(groups, "MOST_VALUES", 5)
        with pytest.raises(ConfigError, match="groups=values: 'a' has 24 different inputs, an id"):
            built(groups="values")

    def test_the_class_prior_is_one_group(self, make_model, make_data):
        labels = np.array([0] * 14 + [1] * 6 + [2] * 4)
        examples = Examples.from_arrays(make_data()[0], labels)
        strategy = AdaptiveMargin(groups="class-prior", scale=8, min_count=5)
        model = make_model(strategy, examples=examples)
        model.prepare(3)
        strategy = model.strategy
        assert strategy.centroids == {}
        (table,) = strategy.tables.values()
        np.testing.assert_allclose(table, [[0, 0, 0], [0.7, 0.3, 0]], rtol=1e-6)
        logits, zeros = tf.ones([2, 3]), tf.zeros([2, 4])
        step = step_of(logits, tf.constant([0, 1]), {}, {"a": zeros, "b": zeros})
        (loss,) = strategy.losses(step, {}).values()
        expected = CE(tf.constant([0, 1]), tf.constant([[1 + 8 * 0.7, 1 + 8 * 0.3, 1]] * 2))
        np.testing.assert_allclose(loss, expected, rtol=1e-6)

    def test_margins_of_several_modalities_are_summed_and_the_absent_have_none(
        self, built, make_data
    ):
        strategy, (inputs, labels) = built(max_entropy=1), make_data()
        present = {m: tf.ones([24, 4]) for m in "ab"}
        tables = {
            m: strategy.tables[m].numpy()[
                1 + ((x[:, None] - strategy.centroids[m].numpy()) ** 2).sum(axis=-1).argmin(axis=1)
            ]
            for m, x in inputs.items()
        }
        assert tables["a"].any()
        for features, margin in (
            (present, tables["a"] + tables["b"]),
            ({**present, "a": tf.zeros([24, 4])}, tables["b"]),
        ):
            step = step_of(tf.zeros([24, 3]), labels, inputs, features)
            (loss,) = strategy.losses(step, {}).values()
            np.testing.assert_allclose(loss, CE(labels, 8 * margin), rtol=1e-5)

    def test_evaluation_has_no_margin(self, train, make_data):
        model, losses = train(AdaptiveMargin(**MARGIN), optimizer=keras.optimizers.SGD(0.0))
        inputs, labels = make_data()
        logits = model.network(inputs).logits
        plain = float(CE(labels, logits))
        assert isinstance(model.network.joint.rule, JointCosine)
        assert abs(losses[0] - plain) > 0.01
        found = model.evaluate(inputs, labels, verbose=0, return_dict=True)
        np.testing.assert_allclose(found["loss"], plain, rtol=1e-5)

    def test_its_state_is_in_variables(self, built):
        assert sorted(tuple(v.shape) for v in built().variables) == [(3, 2), (3, 3), (4, 3), (4, 3)]

    def test_a_run_without_any_margin_says_so(self, make_model):
        with pytest.warns(UserWarning, match="adds no margin: no group has a class with 50 exa"):
            make_model(AdaptiveMargin()).prepare(3)

    def test_an_unknown_modality_is_named(self, make_model):
        with pytest.raises(ConfigError, match="strategy.modalities: unknown modality 'd'"):
            make_model(AdaptiveMargin(modalities=("d",))).prepare(3)

    def test_it_needs_examples_that_come_to_an_end(self, make_network, make_data):
        model = BalancedModel(make_network(), AdaptiveMargin())
        model.compile()
        rows = tf.data.Dataset.from_tensor_slices(make_data()).batch(8).repeat()
        with pytest.raises(RequirementError, match="reads the training examples by itself"):
            model.fit(rows, steps_per_epoch=2, shuffle=False, verbose=0)


COMBINATIONS = [
    ("ab", "float32"), ("abc", "float32"),
    ("ab", "mixed_bfloat16"), ("ab", "mixed_float16"),
    *(
        pytest.param("abc", policy, marks=pytest.mark.deep)
        for policy in ("mixed_bfloat16", "mixed_float16")
    ),
]  # fmt: skip


@pytest.mark.parametrize("make", BOTH)
class TestBoth:
    @pytest.mark.parametrize(("modalities", "policy"), COMBINATIONS)
    def test_training_is_finite_and_moves_encoders_and_kernel(
        self, make, train, plain, precision, modalities, policy
    ):
        precision(policy)
        model, losses = train(make(), modalities, optimizer=keras.optimizers.Adam(0.01))
        assert np.isfinite(losses).all()
        assert losses[-1] < losses[0]
        network = model.network
        assert network.joint.kernel.dtype == "float32"
        assert not network.joint.bias.trainable
        assert not network.joint.bias.numpy().any()
        both = (network, plain(modalities, policy))
        for m in modalities:
            kernels = [each.encoders[m].kernel.numpy() for each in both]
            assert np.abs(kernels[0] - kernels[1]).max() > 1e-4
        heads = [each.joint.heads["a"].kernel.numpy() for each in both]
        np.testing.assert_array_equal(*heads)  # nobody trains them

    def test_a_vector_of_zeros_does_no_harm(self, make, make_model, make_data):
        model, (inputs, labels) = make_model(make(), run_eagerly=True), make_data()
        model.network.encoders["a"].kernel.assign(np.zeros((3, 4)))
        model.fit(inputs, labels, batch_size=12, verbose=0)
        assert all(np.isfinite(value).all() for value in weights(model))

    def test_loaded_weights_predict_by_the_cosines_that_were_saved(
        self, make, make_network, make_data, tmp_path
    ):
        inputs, network = make_data()[0], make_network()
        linear = network(inputs).logits
        make().adapt(network)
        network.save_weights(tmp_path / "cosine.weights.h5")
        other = make_network(seed=7)
        make().adapt(other)
        other.load_weights(tmp_path / "cosine.weights.h5")
        np.testing.assert_array_equal(other(inputs).logits, network(inputs).logits)
        assert np.abs(other(inputs).logits - linear).max() > 0.01

    def test_the_order_of_calls_does_not_matter(self, make, make_model, make_data, tmp_path):
        (inputs, labels), path = make_data(), tmp_path / "trained.weights.h5"
        model = make_model(make())
        before = model.predict(inputs, verbose=0)
        np.testing.assert_allclose(before, model.network(inputs).logits, atol=1e-6)
        model.evaluate(inputs, labels, verbose=0)
        model.fit(inputs, labels, verbose=0)
        expected = model.predict(inputs, verbose=0)
        np.testing.assert_allclose(expected, model.network(inputs).logits, atol=1e-6)
        assert np.abs(expected - before).max() > 1e-3
        model.network.save_weights(path)

        fresh = make_model(make())
        fresh.network.load_weights(path)
        np.testing.assert_allclose(fresh.predict(inputs, verbose=0), expected, atol=1e-6)
        linear = make_model()
        linear.predict(inputs, verbose=0)
        with pytest.raises(ValueError, match="these weights predict by .*Cosine.*by LinearRule"):
            linear.network.load_weights(path)

    def test_what_was_traced_before_is_traced_again(self, make, make_model, make_data):
        inputs, labels = make_data()
        linear = make_model()
        before = linear.predict(inputs, verbose=0)
        linear.evaluate(inputs, labels, verbose=0)
        make().adapt(linear.network)
        after = linear.predict(inputs, verbose=0)
        np.testing.assert_allclose(after, linear.network(inputs).logits, atol=1e-6)
        assert np.abs(after - before).max() > 0.01
        loss = linear.evaluate(inputs, labels, verbose=0, return_dict=True)["loss"]
        np.testing.assert_allclose(loss, CE(labels, after), rtol=1e-5)

    def test_a_network_is_adapted_before_it_is_built(self, make, make_data):
        encoders = {m: keras.layers.Dense(4) for m in "ab"}
        run = Surroundings(examples=Examples.from_arrays(*make_data()))
        model = BalancedModel(LateConcat(encoders, 3), make(), surroundings=run)
        logits = model.predict(make_data()[0], verbose=0)
        assert model.network.joint.bias.trainable is False
        scale = 4 * 2 if isinstance(model.strategy, MMCosine) else 8
        assert np.abs(logits).max() <= scale

    def test_networks_without_a_joint_classifier_are_refused(self, make):
        network = LateSum({m: keras.layers.Dense(2) for m in "ab"}, 3)
        with pytest.raises(RequirementError, match="joint classifier whose way of computing"):
            BalancedModel(network, make())

    def test_requirements_are_those_of_the_component(self, make):
        strategy = make()
        needed = strategy.requirements()
        name = "mmcosine" if isinstance(strategy, MMCosine) else "adaptive-margin"
        (component,) = (each for each in mmbal_components() if each.name == name)
        assert frozenset(component.requires) == needed.architecture
        assert "rule" in needed.owns
        assert ("loss" in needed.owns) == needed.examples == (name == "adaptive-margin")


@pytest.mark.parametrize(
    ("kind", "options", "where"),
    [
        (MMCosine, {"scale": 0}, "scale"),
        (MMCosine, {"mode": "paper"}, "mode"),
        (AdaptiveMargin, {"scale": -1}, "scale"),
        (AdaptiveMargin, {"groups": "colour"}, "groups"),
        (AdaptiveMargin, {"modalities": "gray"}, "modalities"),
        (AdaptiveMargin, {"clusters": 0}, "clusters"),
        (AdaptiveMargin, {"min_count": -1}, "min_count"),
        (AdaptiveMargin, {"max_entropy": 1.1}, "max_entropy"),
    ],
)
def test_options_are_checked(kind, options, where):
    with pytest.raises(ConfigError, match=rf"{kind.__name__}(\.{where} must be|: unknown option)"):
        kind(**options)
