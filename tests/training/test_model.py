"""A balanced model beside the stock Keras model, and as Keras users know a model."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel, Strategy
from mmbal.errors import ContractError
from mmbal.laboratory.toys import GatedBranches
from mmbal.replicas.rows import Annotated
from mmbal.strategies.step import Forward
from mmbal.strategies.surroundings import Surroundings
from mmbal_guided import Guided, Random

CLASSES = 3
CrossEntropy = functools.partial(keras.losses.SparseCategoricalCrossentropy, from_logits=True)


class Stock(keras.Model):
    """The same network as plain Keras would train it: one output and one loss per branch."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def call(self, inputs, training=False):
        return self.network(inputs, training=training).unimodal


def fit_stock(network, inputs, labels, optimizer, **options):
    model = Stock(network)
    model.compile(optimizer, loss={m: CrossEntropy() for m in network.modalities})
    model.fit(inputs, dict.fromkeys(network.modalities, labels), **options)


@pytest.fixture
def balanced(make_network):
    """Return a function that builds and compiles a balanced model."""

    def make(strategy=None, modalities="ab", optimizer="sgd", network=None, **options):
        network = network or make_network(modalities)
        seen = {key: options.pop(key) for key in KEPT if key in options}
        model = BalancedModel(network, strategy, **seen)
        model.compile(optimizer, **options)
        return model

    return make


KEPT = ("seed", "trace_capacity", "surroundings")
TWENTY_STEPS = {"batch_size": 8, "epochs": 4, "shuffle": False, "verbose": 0}
"""Of 40 examples."""
FIVE_STEPS = TWENTY_STEPS | {"epochs": 1}
"""So few cost less than a graph of them."""


@pytest.mark.parametrize(
    ("modalities", "optimizer"),
    [
        ("ab", functools.partial(keras.optimizers.SGD, 0.1, momentum=0.9)),
        ("abc", functools.partial(keras.optimizers.Adam, 0.01)),
    ],
    ids=["momentum", "three modalities under adam"],
)
def test_vanilla_trains_as_stock_keras_does(
    make_network, make_data, balanced, precision, optimizer, modalities
):
    precision("float64")
    inputs, labels = make_data(modalities)
    stock, network = make_network(modalities), make_network(modalities)
    start = stock.get_weights()
    for one, other in zip(start, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)

    fit_stock(stock, inputs, labels, optimizer(), **TWENTY_STEPS)
    model = balanced(network=network, optimizer=optimizer())
    model.fit(inputs, labels, **TWENTY_STEPS)

    assert int(model.trace.steps) == int(model.optimizer.iterations) == 20
    for variable, before, expected in zip(
        network.variables, start, stock.get_weights(), strict=True
    ):
        got = variable.numpy()
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12, err_msg=variable.path)
        assert (got != before).any(), variable.path


def test_weight_regularizers_count_as_in_stock_keras(make_data, balanced):
    def build():
        keras.utils.set_random_seed(3)
        penalty = keras.regularizers.L2(0.1)
        dense = functools.partial(keras.layers.Dense, kernel_regularizer=penalty)
        network = GatedBranches({m: [dense(4), dense(CLASSES)] for m in "ab"})
        network({m: x[:1] for m, x in inputs.items()})
        return network

    inputs, labels = make_data()
    stock, network = build(), build()
    model = balanced(network=network)
    reference = Stock(stock)
    reference.compile("sgd", loss={m: CrossEntropy() for m in "ab"})
    expected = reference.evaluate(inputs, dict.fromkeys("ab", labels), verbose=0)[0]
    np.testing.assert_allclose(
        model.evaluate(inputs, labels, verbose=0, return_dict=True)["loss"], expected, rtol=1e-5
    )
    fit_stock(stock, inputs, labels, "sgd", **FIVE_STEPS)
    model.fit(inputs, labels, **FIVE_STEPS)
    for expected, got in zip(stock.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-7)


STRATEGIES = {
    "vanilla": lambda: None,
    "guided": lambda: Guided(tolerance=0.0, warmup_steps=1, window=2),
    "random": lambda: Random(warmup_steps=0),
}


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("modalities", ["a", "ab", "abc", "abcd"])
def test_any_number_of_modalities_trains(make_data, balanced, modalities, name):
    model = balanced(STRATEGIES[name](), modalities, run_eagerly=True)
    inputs, labels = make_data(modalities, examples=12)
    logs = model.fit(inputs, labels, batch_size=5, verbose=0).history
    expected = {"loss", "accuracy", "d_speed"}
    expected |= {f"branch_accuracy/{m}" for m in modalities} | {
        f"learning_speed/{m}" for m in modalities
    }
    assert set(logs) == expected
    assert all(np.isfinite(values).all() for values in logs.values())
    steps = model.trace.read()
    assert len(steps.loss) == 3
    assert steps.speeds.shape == (3, len(modalities))
    isolated = set(steps.isolated.tolist())
    assert isolated <= {-1, *range(len(modalities))}
    # One modality has nobody to be isolated from.
    assert (isolated == {-1}) == (name == "vanilla" or modalities == "a")


def test_numbers_of_one_step_by_hand(make_network, make_data, balanced):
    network, twin = make_network(), make_network()
    inputs, labels = make_data(examples=8)
    model = balanced(network=network)
    logs = model.fit(inputs, labels, batch_size=8, verbose=0).history
    outputs = twin(inputs, training=True)
    losses = {m: CrossEntropy()(labels, logits) for m, logits in outputs.unimodal.items()}
    np.testing.assert_allclose(logs["loss"], [sum(map(float, losses.values()))], rtol=1e-6)
    own = {f"branch_accuracy/{m}": outputs.unimodal[m] for m in "ab"}
    for name, logits in {"accuracy": outputs.logits, **own}.items():
        expected = np.mean(np.argmax(logits, axis=-1) == labels)
        np.testing.assert_allclose(logs[name], [expected], rtol=1e-6, err_msg=name)
    speeds = [logs[f"learning_speed/{m}"][0] for m in "ab"]
    np.testing.assert_allclose(logs["d_speed"], [speeds[0] - speeds[1]], rtol=1e-6)


def effective(gradients, variables):
    gradient = sum(float(tf.reduce_sum(g**2)) for g in gradients)
    return gradient / sum(float(tf.reduce_sum(v.value**2)) for v in variables)


def test_speeds_are_those_of_the_gradients(make_network, make_data, balanced):
    network, twin = make_network(), make_network()
    inputs, labels = make_data(examples=8)
    model = balanced(network=network)
    model.fit(inputs, labels, batch_size=8, verbose=0)
    groups = twin.variable_groups()
    with tf.GradientTape(persistent=True) as tape:
        unimodal = twin(inputs, training=True).unimodal
        loss = tf.add_n([CrossEntropy()(labels, logits) for logits in unimodal.values()])
    expected = []
    for m in "ab":
        updates = [
            effective(tape.gradient(loss, kind[m]), kind[m])
            for kind in (groups.fusion, groups.branch)
        ]
        expected.append(np.log(updates[0] / updates[1]))
    np.testing.assert_allclose(model.trace.read().speeds, [expected], rtol=1e-5)


def test_epochs_may_have_any_length_where_the_run_says_so(make_data, balanced):
    """Keras would hold the second to the length of the first, and warn that data ran out."""
    rows = tf.data.Dataset.from_tensor_slices(make_data(examples=9))
    lengths, run = iter([4, 9]), Surroundings(open_ended=True)
    model = balanced(run_eagerly=True, surroundings=run)
    seen = tf.data.Dataset.range(1).flat_map(lambda _: rows.take(next_of(lengths))).batch(2)
    model.fit(seen, epochs=2, shuffle=False, verbose=0)
    assert len(model.trace.read().loss) == 2 + 5


def next_of(numbers):
    """Return the next number whenever the data begin anew."""
    number = tf.numpy_function(lambda: np.int64(next(numbers)), [], tf.int64)
    return tf.ensure_shape(number, [])


def test_keep_masks_beside_the_data_reach_the_network(
    make_network, make_data, balanced, monkeypatch
):
    network, seen = make_network(), []
    call = network.call
    monkeypatch.setattr(
        network, "call", lambda inputs, **given: seen.append(given) or call(inputs, **given)
    )
    inputs, labels = make_data(examples=4)
    keep = np.array([[1, 0], [1, 1], [0, 1], [1, 1]], "float32")
    model = balanced(network=network, run_eagerly=True)
    model.fit(Annotated(inputs, {"keep": keep}), labels, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_array_equal(seen[-1]["controls"].keep, keep)
    model.fit(inputs, labels, batch_size=4, shuffle=False, verbose=0)
    assert seen[-1]["controls"].keep is None


def test_keep_masks_of_a_sampler_and_of_a_strategy_are_multiplied(
    make_network, make_data, balanced, monkeypatch
):
    class Hides(Strategy):
        def forward(self, batch, phase):
            return Forward(keep=tf.constant([[0.0, 1], [1, 1], [1, 1], [1, 0]]))

        def losses(self, step, joint):
            seen.append(step.controls.keep)
            return joint

    seen = []
    network = make_network()
    inputs, labels = make_data(examples=4)
    shown = np.array([[1, 1], [1, 0], [0, 1], [1, 1]], "float32")
    model = balanced(Hides(), network=network, run_eagerly=True)
    model.fit(Annotated(inputs, {"keep": shown}), labels, shuffle=False, verbose=0)
    np.testing.assert_array_equal(seen[-1], [[0, 1], [1, 0], [0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("network", "strategy", "said"),
    [
        (keras.Sequential(), None, "must be a FusionNetwork, received Sequential: BranchNetwork"),
        (None, Guided, r"an instance such as Guided\(.*received the class Guided"),
        (None, "guided", "received 'guided'; several make one by mmbal.strategies.Composite"),
        (None, [Guided(), Random()], r"received \[.*mmbal.strategies.Composite"),
    ],
)
def test_what_is_no_network_or_no_strategy_is_told(make_network, network, strategy, said):
    with pytest.raises(ContractError, match=said):
        BalancedModel(network or make_network(), strategy)


@pytest.mark.parametrize(("policy", "holds"), [("float32", False), ("mixed_float16", True)])
def test_only_a_loss_scale_lets_a_model_that_warns_hold_anything(
    make_network, precision, policy, holds
):
    precision(policy)
    model = BalancedModel(make_network(), on_nonfinite="warn")
    model.compile()
    model.prepare()
    assert model.learner.guard.holds is holds


class TestEvaluateAndPredict:
    def test_predict_gives_fused_logits(self, make_data, balanced):
        model = balanced(modalities="abc")
        inputs, _ = make_data("abc", examples=11)
        logits = model.predict(inputs, batch_size=4, verbose=0)
        assert logits.shape == (11, CLASSES)
        np.testing.assert_allclose(logits, model.network(inputs).logits, rtol=0, atol=1e-6)

    def test_evaluate_before_any_fit(self, make_data, balanced):
        model = balanced()
        inputs, labels = make_data()
        scores = model.evaluate(inputs, labels, batch_size=16, verbose=0, return_dict=True)
        outputs = model.network(inputs)
        assert set(scores) == {"loss", "accuracy", "branch_accuracy/a", "branch_accuracy/b"}
        right = np.mean(np.argmax(outputs.logits, axis=-1) == labels)
        np.testing.assert_allclose(scores["accuracy"], right, rtol=1e-6)
        # Batches of 16, 16 and 8: the mean over examples, not over batches.
        loss = sum(float(CrossEntropy()(labels, logits)) for logits in outputs.unimodal.values())
        np.testing.assert_allclose(scores["loss"], loss, rtol=1e-5)

    def test_evaluation_runs_with_normal_gates(self, make_data, balanced):
        model = balanced(Random(warmup_steps=0, update="isolated"))
        inputs, labels = make_data()
        model.fit(inputs, labels, batch_size=8, epochs=2, verbose=0)
        means = [mean.numpy() for mean in model.network.fusion[0].held_mean.means]
        model.strategy.target.assign(0)  # whatever the last training step left
        logits = model.predict(inputs, verbose=0)
        model.evaluate(inputs, labels, verbose=0)
        np.testing.assert_allclose(logits, model.network(inputs).logits, rtol=0, atol=1e-6)
        for before, mean in zip(means, model.network.fusion[0].held_mean.means, strict=True):
            np.testing.assert_array_equal(mean.numpy(), before)


class TestCallbacks:
    def test_early_stopping_on_validation_accuracy(self, make_data, balanced):
        model = balanced(optimizer=keras.optimizers.SGD(0.0))
        inputs, labels = make_data()
        stop = keras.callbacks.EarlyStopping("val_accuracy", patience=2, start_from_epoch=0)
        history = model.fit(
            inputs, labels, validation_data=(inputs, labels), epochs=9, callbacks=[stop], verbose=0
        )
        assert len(history.history["val_accuracy"]) == 3  # the first and two without gain
        assert {"val_loss", "val_branch_accuracy/a", "val_branch_accuracy/b"} <= set(
            history.history
        )
        assert not {"val_d_speed", "val_learning_speed/a"} & set(history.history)

    def test_checkpoints_restore_weights_and_gate_means(
        self, make_data, make_network, balanced, tmp_path
    ):
        inputs, labels = make_data()
        path = tmp_path / "best.weights.h5"
        save = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
        model = balanced()
        model.fit(inputs, labels, epochs=2, callbacks=[save], verbose=0)
        other = balanced(network=make_network(seed=9))
        other.evaluate(inputs, labels, verbose=0)
        with pytest.warns(UserWarning, match="optimizer"):  # its state is that of another fit
            other.load_weights(path)
        for expected, got in zip(
            model.network.get_weights(), other.network.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(got, expected)
        assert int(other.network.fusion[0].held_mean.batches) == 4

    def test_a_lower_learning_rate_reaches_every_group(self, make_data, balanced):
        model = balanced(optimizer=keras.optimizers.Adam(0.5))
        inputs, labels = make_data()
        # Nothing counts as better than this: every epoch lowers the rate.
        lower = keras.callbacks.ReduceLROnPlateau("loss", factor=0.0, patience=1, min_delta=1e9)
        model.fit(inputs, labels, epochs=2, callbacks=[lower], verbose=0)
        np.testing.assert_allclose(model.optimizer.learning_rate, 0.0)
        before = [v.numpy() for v in model.network.trainable_variables]
        model.fit(inputs, labels, epochs=1, verbose=0)
        for old, variable in zip(before, model.network.trainable_variables, strict=True):
            np.testing.assert_array_equal(variable.numpy(), old)

    def test_user_callbacks_see_the_strategys_epoch(self, make_data, balanced):
        model = balanced(Random(warmup=0))
        targets = []
        look = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: targets.append(int(model.strategy.epoch))
        )
        model.fit(*make_data(), epochs=3, callbacks=[look], verbose=0)
        assert targets == [0, 1, 2]

    def test_undefined_speeds_are_warned_of_once(self, make_data, balanced):
        model = balanced(optimizer=keras.optimizers.SGD(0.1))
        for module in model.network.fusion:
            module.excite[0].trainable = module.squeeze.trainable = False
        model.compile("sgd")
        with pytest.warns(UserWarning, match="learning speed of a is undefined") as caught:
            model.fit(*make_data(), epochs=3, verbose=0)
        # Some versions of TensorFlow warn of their own affairs beside it.
        assert len([each for each in caught if "undefined" in str(each.message)]) == 1

    def test_one_modality_without_fusion_is_no_cause_for_a_warning(self, make_data, balanced):
        network = GatedBranches({"a": [keras.layers.Dense(2), keras.layers.Dense(CLASSES)]})
        network({"a": np.zeros((1, 3), "float32")})
        network.fusion[0].trainable = False
        logs = balanced(network=network).fit(*make_data("a"), verbose=0).history
        assert np.isnan(logs["learning_speed/a"]).all()


class TestLabelsAndWeights:
    def test_one_hot_labels_train_the_same(self, make_data, make_network, balanced):
        inputs, labels = make_data()
        sparse, hot = make_network(), make_network()
        model = balanced(network=sparse, run_eagerly=True)
        logs = model.fit(inputs, labels, **FIVE_STEPS).history
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model = balanced(network=hot, loss=loss, run_eagerly=True)
        hot_logs = model.fit(inputs, keras.utils.to_categorical(labels), **FIVE_STEPS).history
        assert set(hot_logs) == set(logs)
        for name in logs:
            np.testing.assert_allclose(hot_logs[name], logs[name], rtol=1e-4, err_msg=name)

    def test_weights_of_zero_hide_examples_from_the_loss_not_from_accuracy(
        self, make_data, make_network, balanced
    ):
        inputs, labels = make_data(examples=8)
        half = {m: x[:4] for m, x in inputs.items()}
        whole, part = make_network(), make_network()
        frozen = functools.partial(keras.optimizers.SGD, 0.0)
        logs = balanced(network=whole, optimizer=frozen()).evaluate(
            inputs, labels, sample_weight=np.repeat([1.0, 0.0], 4), verbose=0, return_dict=True
        )
        shown = balanced(network=part).evaluate(half, labels[:4], verbose=0, return_dict=True)
        # Keras divides by the number of examples, hidden ones included.
        np.testing.assert_allclose(logs["loss"], shown["loss"] / 2, rtol=1e-5)
        outputs = whole(inputs)
        for m in "ab":
            expected = np.mean(np.argmax(outputs.unimodal[m], axis=-1) == labels)
            np.testing.assert_allclose(logs[f"branch_accuracy/{m}"], expected, rtol=1e-6)

    def test_class_weights_equal_sample_weights(self, make_data, make_network, balanced):
        inputs, labels = make_data()
        one, other = make_network(), make_network()
        weight = {0: 1.0, 1: 0.0, 2: 3.0}
        models = [balanced(network=network, run_eagerly=True) for network in (one, other)]
        models[0].fit(inputs, labels, class_weight=weight, **FIVE_STEPS)
        each = np.array([weight[label] for label in labels])
        models[1].fit(inputs, labels, sample_weight=each, **FIVE_STEPS)
        for expected, got in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-7)

    def test_a_loss_of_probabilities_is_refused(self, balanced):
        with pytest.raises(ValueError, match="from_logits"):
            balanced(loss="sparse_categorical_crossentropy")


class TestFitAgain:
    def test_two_fits_are_one_longer_fit(self, make_data, make_network, balanced):
        inputs, labels = make_data()
        options = TWENTY_STEPS | {"epochs": 2}
        adam = functools.partial(keras.optimizers.Adam, 0.01)
        once = balanced(network=make_network(), optimizer=adam())
        once.fit(inputs, labels, **TWENTY_STEPS)
        twice = balanced(network=make_network(), optimizer=adam())
        twice.fit(inputs, labels, **options)
        optimizer = twice.optimizer
        logs = twice.fit(inputs, labels, **options).history
        assert twice.optimizer is optimizer
        for expected, got in zip(
            once.network.get_weights(), twice.network.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(twice.trace.read().speeds, once.trace.read().speeds)
        assert len(logs["d_speed"]) == 2

    def test_compile_again_changes_optimizer_and_keeps_speeds_and_metrics(
        self, make_data, balanced
    ):
        inputs, labels = make_data()
        model = balanced()
        model.fit(inputs, labels, **TWENTY_STEPS)
        model.compile(keras.optimizers.Adam(0.25))
        logs = model.fit(inputs, labels, **TWENTY_STEPS).history
        np.testing.assert_allclose(model.optimizer.learning_rate, 0.25)
        steps = model.trace.read()
        assert len(steps.loss) == 40
        np.testing.assert_allclose(logs["loss"][-1], steps.loss[-5:].mean(), rtol=1e-5)
        assert 0 < logs["branch_accuracy/a"][-1] <= 1
        assert len({metric.name for metric in model.metrics}) == len(model.metrics)
        # Accumulated over both fits: one step cannot undo what twenty added up.
        assert abs(steps.speeds[20] - steps.speeds[19]).max() < 0.5

    def test_frozen_and_thawed_layers(self, make_data, balanced):
        inputs, labels = make_data()
        model = balanced()
        head = model.network.heads[0]
        moved = []
        for trainable in (True, False, True):
            head.trainable = trainable
            model.compile("sgd", run_eagerly=True)
            before = head.kernel.numpy()
            logs = model.fit(inputs, labels, **FIVE_STEPS).history
            moved.append(bool((head.kernel.numpy() != before).any()))
            assert np.isfinite(logs["d_speed"]).all()
        assert moved == [True, False, True]

    def test_layers_thawed_after_the_first_fit_train(self, make_data, balanced):
        inputs, labels = make_data()
        model = balanced()
        head = model.network.heads[0]
        head.trainable = False
        model.fit(inputs, labels, **TWENTY_STEPS)
        head.trainable = True
        model.compile("sgd")
        before = head.kernel.numpy()
        model.fit(inputs, labels, **TWENTY_STEPS)
        assert (head.kernel.numpy() != before).any()


class TestPrecision:
    def test_float16_trains_with_a_loss_scale(self, make_network, make_data, precision):
        precision("mixed_float16")
        model = BalancedModel(make_network())
        model.compile(keras.optimizers.SGD(0.1))
        precision("float32")
        losses = model.fit(*make_data(), epochs=3, batch_size=8, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        assert float(model.learner.loss_scale.factor) >= 1

    def test_bfloat16_speeds_are_those_of_float32(
        self, make_network, make_data, balanced, precision
    ):
        inputs, labels = make_data()
        speeds = {}
        for policy in ("float32", "mixed_bfloat16"):
            precision(policy)
            model = balanced(network=make_network(), optimizer=keras.optimizers.SGD(0.05))
            logs = model.fit(inputs, labels, **TWENTY_STEPS).history
            assert np.isfinite(logs["loss"]).all()
            assert {v.dtype for v in model.network.trainable_variables} == {"float32"}
            speeds[policy] = model.trace.read().speeds
        assert (speeds["mixed_bfloat16"] != speeds["float32"]).any()
        np.testing.assert_allclose(
            np.exp(speeds["mixed_bfloat16"]), np.exp(speeds["float32"]), rtol=0.05
        )


class TestGraph:
    def test_trace_holds_every_step(self, make_data, balanced):
        model = balanced(Random(warmup_steps=3))
        inputs, labels = make_data()
        logs = model.fit(inputs, labels, **TWENTY_STEPS).history
        steps = model.trace.read()
        assert (steps.first, len(steps.loss)) == (0, 20)
        by_epoch = steps.loss.reshape(4, 5).mean(axis=1)
        np.testing.assert_allclose(logs["loss"], by_epoch, rtol=1e-5)
        np.testing.assert_allclose(logs["d_speed"], steps.imbalance[4::5], rtol=1e-6)
        np.testing.assert_array_equal(steps.imbalance, steps.speeds[:, 0] - steps.speeds[:, 1])
        assert (steps.isolated[:3] == -1).all()
        # Speeds stand still exactly while a branch is isolated.
        moved = (np.diff(steps.speeds, axis=0) != 0).all(axis=1)
        np.testing.assert_array_equal(moved, steps.isolated[1:] == -1)
        assert 0 < moved.sum() < 19

    def test_the_step_is_traced_once(self, make_data, balanced, monkeypatch):
        traces = []
        model = balanced()
        step = model.train_step
        monkeypatch.setattr(model, "train_step", lambda data: traces.append(data) or step(data))
        model.fit(*make_data(), **TWENTY_STEPS)
        assert len(traces) == 1

    def test_eager_steps_equal_those_of_the_graph(self, make_data, make_network, balanced):
        inputs, labels = make_data(examples=16)
        networks = [make_network(), make_network()]
        for network, eager in zip(networks, (False, True), strict=True):
            strategy = Guided(tolerance=0.0, warmup_steps=0, window=1)
            model = balanced(strategy, network=network, run_eagerly=eager)
            model.fit(inputs, labels, batch_size=4, shuffle=False, verbose=0)
        for expected, got in zip(*(network.get_weights() for network in networks), strict=True):
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)

    def test_several_steps_per_execution_trace_every_step(self, make_data, balanced):
        model = balanced(steps_per_execution=5)
        model.fit(*make_data(), **TWENTY_STEPS)
        assert len(model.trace.read().loss) == 20


def test_fit_builds_the_network_from_the_data(make_data):
    dense = keras.layers.Dense
    network = GatedBranches({m: [dense(4), dense(CLASSES)] for m in "ab"})
    model = BalancedModel(network)
    model.compile()
    inputs, labels = make_data()
    model.fit(
        tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(8), verbose=0, shuffle=False
    )
    assert network.heads[0].kernel.shape == (4, CLASSES)


def test_fit_without_compile_says_so(make_network, make_data):
    with pytest.raises(ValueError, match="compile"):
        BalancedModel(make_network()).fit(*make_data(), verbose=0)
