"""Every seam of a strategy: when it is called, with what, and what comes of its answer."""

import functools
import itertools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel, Strategy
from mmbal.errors import RequirementError
from mmbal.experiment.batches import TrainingBatches
from mmbal.experiment.sampler import Sampler
from mmbal.laboratory.toys import GatedBranches
from mmbal.networks.controls import Controls
from mmbal.networks.network import FusionNetwork
from mmbal.replicas.rows import Annotated
from mmbal.replicas.sums import ALL_ROWS
from mmbal.strategies.context import Context, SamplerPlan
from mmbal.strategies.step import Batch, Forward, Phase
from mmbal.strategies.strategy import EpochPlan, Requirements
from mmbal.strategies.surroundings import Surroundings
from mmbal.strategies.tape import GlobalTape
from mmbal.training.guard import NonFiniteError
from mmbal_guided import Random

GROUPS = ["branch/a", "branch/b", "fusion/a+b", "fusion/a", "fusion/b"]


class Recorder(Strategy):
    """Notes every call; what it returns is set from outside."""

    needs = Requirements()
    plan = Forward()
    steps = (Phase(),)
    begins = ends = None
    combines = None

    def __init__(self):
        super().__init__()
        self.calls = []

    def names(self):
        names = [name for name, *_ in self.calls]
        # TensorFlow may trace a step twice, to make variables and to use them.
        first = names.index("phases") if "phases" in names else 0
        traced = [name for name in names[first:] if not name.endswith("epoch")]
        half = len(traced) // 2
        if half and traced[:half] == traced[half:]:
            del names[first : first + half]
        return names

    def note(self, name, *arguments):
        self.calls.append((name, *arguments))

    def last(self, name):
        return [arguments for called, *arguments in self.calls if called == name][-1]

    def requirements(self):
        return self.needs

    def adapt(self, network):
        self.note("adapt", network)

    def build(self, context):
        self.note("build", context)

    def begin_epoch(self, epoch, context):
        self.note("begin_epoch", epoch, context)
        return self.begins(epoch, context) if self.begins else None

    def end_epoch(self, epoch, logs, context):
        self.note("end_epoch", epoch, dict(logs), context)
        return self.ends(epoch, logs) if self.ends else None

    def phases(self):
        self.note("phases")
        return self.steps

    def forward(self, batch, phase):
        self.note("forward", batch, phase)
        return self.plan

    def losses(self, step, joint):
        self.note("losses", step, joint)
        return super().losses(step, joint)

    def combine_gradients(self, tape, losses, variables, step):
        self.note("combine_gradients", tape, losses, variables, step)
        if self.combines:
            return self.combines(tape, losses, variables)
        return super().combine_gradients(tape, losses, variables, step)

    def after_step(self, signals):
        self.note("after_step", signals)


@pytest.fixture
def train(make_network, make_data):
    """Return a function that trains two epochs of two steps under a strategy.

    Step by step, since so few cost less than a graph of them.
    """

    def make(strategy, network=None, optimizer="sgd", examples=8, eager=True, **options):
        network = network or make_network()
        model = BalancedModel(network, strategy, seed=5)
        model.compile(optimizer, run_eagerly=eager)
        inputs, labels = make_data(examples=examples)
        defaults = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
        model.fit(inputs, labels, **(defaults | options))
        return model

    return make


@pytest.fixture
def snapshot():
    """Return a function from a network to its variable groups' values."""

    def make(network):
        return {
            name: np.concatenate([v.numpy().ravel() for v in variables])
            for name, variables in network.partition().items()
        }

    return make


def changed(before, after):
    return [name for name in before if not np.array_equal(before[name], after[name])]


class TestCalls:
    def test_order(self, train):
        strategy = Recorder()
        train(strategy, eager=False)
        seams = ["phases", "forward", "losses", "combine_gradients", "after_step"]
        # The step's seams are traced into one graph, the epoch's run on the host.
        assert strategy.names() == [
            "adapt", "build", "begin_epoch", *seams, "end_epoch", "begin_epoch", "end_epoch"
        ]  # fmt: skip

    def test_build_gets_a_built_network_and_what_is_known_of_the_run(self, train):
        strategy = Recorder()
        model = train(strategy)
        (context,) = strategy.last("build")
        assert context.network is model.network
        assert context.network.built
        assert list(context.groups) == GROUPS
        assert context.modalities == ("a", "b")
        assert (context.seed, context.steps_per_epoch) == (5, 2)

    def test_the_network_is_adapted_once_when_the_model_is_made(self, make_data, make_network):
        strategy = Recorder()
        model = BalancedModel(make_network(), strategy)
        assert strategy.names() == ["adapt"]
        model.compile()
        for _ in range(2):
            model.fit(*make_data(), verbose=0)
        assert strategy.names().count("adapt") == 1

    def test_epoch_hooks_get_number_logs_and_context(self, train, make_data):
        strategy = Recorder()
        train(strategy, validation_data=make_data(examples=4))
        calls = [call for call in strategy.calls if call[0].endswith("epoch")]
        assert [call[1] for call in calls] == [0, 0, 1, 1]
        assert all(isinstance(call[-1], Context) for call in calls)
        logs = calls[-1][2]
        wanted = {
            "loss",
            "accuracy",
            "branch_accuracy/a",
            "val_loss",
            "val_branch_accuracy/b",
            "d_speed",
        }
        assert wanted <= set(logs)

    def test_steps_per_epoch_is_unknown_where_the_data_have_no_length(self, train, make_data):
        strategy = Recorder()
        rows = tf.data.Dataset.from_tensor_slices(make_data(examples=4))
        endless = rows.filter(lambda *_: True).batch(4)
        model = BalancedModel(train(Recorder()).network, strategy)
        model.compile()
        with pytest.warns(UserWarning, match="ran out of data"):
            model.fit(endless, shuffle=False, verbose=0)
        assert strategy.last("build")[0].steps_per_epoch is None

    def test_step_seams_get_what_the_contract_says(self, train):
        strategy = Recorder()
        model = train(strategy, sample_weight=np.ones(8))
        phase = Phase()
        batch, given = strategy.last("forward")
        assert {m: x.shape[-1] for m, x in batch.inputs.items()} == {"a": 3, "b": 5}
        assert batch.labels.shape.rank == 1
        assert batch.presence.shape[1] == 2
        assert given == phase
        assert batch.rows == ALL_ROWS
        step, joint = strategy.last("losses")
        assert set(step.outputs.unimodal) == set(joint) == {"a", "b"}
        assert step.batch.weight is not None
        assert isinstance(step.loss, keras.losses.SparseCategoricalCrossentropy)
        assert step.phase == phase
        tape, losses, variables, got = strategy.last("combine_gradients")
        assert got.outputs.logits is step.outputs.logits
        assert isinstance(tape, GlobalTape)
        assert list(losses) == ["a", "b"]
        expected = [id(v) for v in model.network.trainable_variables]
        assert [id(v) for v in variables] == expected
        (signals,) = strategy.last("after_step")
        assert signals.speeds.shape == (2,)
        assert signals.speeds.dtype == tf.float64
        assert list(signals.losses) == ["a", "b"]
        assert signals.regular.dtype == tf.bool

    def test_keep_masks_of_a_sampler_are_no_modality(self, make_network, make_data):
        strategy = Recorder()
        model = BalancedModel(make_network(), strategy)
        model.compile()
        inputs, labels = make_data(examples=4)
        x = Annotated(inputs, {"keep": np.ones((4, 2))})
        rows = tf.data.Dataset.from_tensor_slices((x, labels))
        model.fit(rows.batch(4), shuffle=False, verbose=0)
        assert set(strategy.last("forward")[0].inputs) == {"a", "b"}
        assert model.evaluate(rows.batch(4), verbose=0, return_dict=True)["loss"] > 0


def test_the_end_of_data_of_unknown_length_moves_no_counter(make_network, make_data):
    rows = tf.data.Dataset.from_tensor_slices(make_data(examples=8))
    strategy = Random(warmup_steps=1)
    model = BalancedModel(make_network(), strategy)
    model.compile("adam")
    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(rows.filter(lambda *_: True).batch(4), epochs=3, shuffle=False, verbose=0)
    counters = [model.trace.steps, model.optimizer.iterations, strategy.steps]
    assert [int(counter) for counter in counters] == [6, 6, 6]
    assert int(model.network.fusion[0].held_mean.batches) == 6


class TestRequirements:
    def test_a_sampler_needs_a_run_or_data_that_end(self, make_network, make_data):
        strategy = Recorder()
        strategy.needs = Requirements(sampler=True)
        model = BalancedModel(make_network(), strategy)
        model.compile()
        rows = tf.data.Dataset.from_tensor_slices(make_data(examples=8)).batch(4).repeat()
        with pytest.raises(RequirementError, match="Recorder chooses its training examples") as e:
            model.fit(rows, steps_per_epoch=2, shuffle=False, verbose=0)
        assert "mmbal run" in str(e.value)
        assert strategy.names() == ["adapt"]

    def test_isolation_needs_gates(self, make_network):
        class Gateless(type(make_network())):
            offers = frozenset({"head"})

        network = Gateless({m: [keras.layers.Dense(2), keras.layers.Dense(3)] for m in "ab"})
        strategy = Recorder()
        strategy.needs = Requirements(frozenset({"isolation"}))
        with pytest.raises(
            RequirementError, match="gates between its branches .*isolation.*network Gateless"
        ):
            BalancedModel(network, strategy)
        assert "isolation" in FusionNetwork.offers

    def test_isolating_without_requiring_it_is_told(self, make_network, make_data):
        class Gateless(type(make_network())):
            offers = frozenset({"head"})

        class Isolates(Strategy):
            def forward(self, batch, phase):
                return Forward(isolate=tf.constant([True, False]))

        network = Gateless({m: [keras.layers.Dense(2), keras.layers.Dense(3)] for m in "ab"})
        model = BalancedModel(network, Isolates())
        model.compile()
        with pytest.raises(RequirementError, match="isolates a branch, which network Gate"):
            model.fit(*make_data(), verbose=0)

    def test_the_tape_may_be_asked_again(self, train):
        strategy = Recorder()

        def combine(tape, losses, variables):
            each = [tape.gradient(loss, variables) for loss in losses.values()]
            return [
                g if h is None else h if g is None else g + h for g, h in zip(*each, strict=True)
            ]

        strategy.combines = combine
        got, expected = train(strategy), train(None)
        for one, other in zip(
            got.network.get_weights(), expected.network.get_weights(), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)

    @pytest.mark.filterwarnings("ignore:the learning speed of")
    def test_penalties_of_layers_are_added_to_what_a_strategy_combines(self, train, snapshot):
        """As the weight decay of an optimizer: nothing scales them."""
        dense = functools.partial(keras.layers.Dense, kernel_regularizer=keras.regularizers.L2(0.1))
        network = GatedBranches({m: [dense(4), dense(3)] for m in "ab"})
        inputs = {"a": np.zeros((1, 3)), "b": np.zeros((1, 5))}
        network(inputs)
        layers = [*network.heads, *itertools.chain.from_iterable(network.stages)]
        kernels = {id(layer.kernel) for layer in layers}
        strategy, before = Recorder(), snapshot(network)
        strategy.combines = lambda tape, losses, variables: [tf.zeros_like(v) for v in variables]
        train(strategy, network, optimizer=keras.optimizers.SGD(1.0), epochs=1, examples=4)
        assert list(strategy.last("combine_gradients")[1]) == ["a", "b"]
        for name, variables in network.partition().items():
            # An L2 penalty of 0.1 has the gradient 0.2 w.
            shares = [np.full(v.shape, 0.8 if id(v) in kernels else 1).ravel() for v in variables]
            expected = before[name] * np.concatenate(shares)
            np.testing.assert_allclose(snapshot(network)[name], expected, rtol=1e-5, atol=1e-7)


class TestPlans:
    def test_learning_rates_hold_until_changed(self, train, make_network, snapshot):
        strategy, network = Recorder(), make_network()
        seen = [snapshot(network)]

        def begin(epoch, context):
            return EpochPlan(learning_rates={"branch/a": 0.0}) if epoch == 0 else None

        def end(epoch, logs):
            seen.append(snapshot(network))
            return EpochPlan(learning_rates={"branch/a": 1.0}) if epoch == 1 else None

        strategy.begins, strategy.ends = begin, end
        train(strategy, network, optimizer="adam", epochs=3)
        moved = [changed(*pair) for pair in itertools.pairwise(seen)]
        assert moved == [GROUPS[1:], GROUPS[1:], GROUPS]

    def test_an_unknown_group_is_named(self, train):
        strategy = Recorder()
        strategy.begins = lambda *_: EpochPlan(learning_rates={"branch/z": 0.5})
        with pytest.raises(ValueError, match="'branch/z'"):
            train(strategy)

    def test_weights_are_assigned(self, train, make_network):
        strategy, network = Recorder(), make_network()
        kernel = network.heads[0].kernel
        value = np.full(kernel.shape, 7.0)
        strategy.begins = lambda *_: EpochPlan(learning_rates=dict.fromkeys(GROUPS, 0.0))
        strategy.ends = lambda epoch, logs: EpochPlan(weights=[(kernel, value)])
        train(strategy, network, epochs=1)
        np.testing.assert_array_equal(kernel.numpy(), value)

    def test_samplers_follow_the_plan_of_each_epoch(self, make_network, make_data, toy_dataset):
        """Epochs may grow and shrink; every row is trained on, with its keep mask."""
        data = toy_dataset(*make_data(examples=6))
        ids = [[0, 1], [2, 3, 3, 5, 5, 5], [4]]
        seen = []

        class Choosing(Strategy):
            def requirements(self):
                return Requirements(sampler=True)

            def begin_epoch(self, epoch, context):
                return EpochPlan(sampler=SamplerPlan(np.array(ids[epoch])))

            def forward(self, batch, phase):
                tf.py_function(lambda a: seen.append(a.numpy()), [batch.inputs["a"]], [])
                return Forward()

        sampler = Sampler(6, 2)
        run = Surroundings(sampler=sampler, open_ended=True)
        model = BalancedModel(make_network(), Choosing(), surroundings=run)
        model.compile()
        batches = TrainingBatches(data, 1, seed=0, sampler=sampler)
        model.fit(batches.dataset, epochs=3, shuffle=False, verbose=0)
        inputs, _ = make_data(examples=6)
        trained = [int(np.argmin(abs(inputs["a"] - row).sum(axis=1))) for row in seen]
        cuts = np.cumsum([0, *map(len, ids)])
        got = [sorted(trained[i:j]) for i, j in itertools.pairwise(cuts)]
        assert got == ids


class TestPhases:
    STEPS = (Phase("first", ("branch/a",)), Phase("second", ("branch/b", "fusion/b")))

    def test_update_only_their_groups(self, train, make_network, snapshot):
        strategy, network = Recorder(), make_network()
        strategy.steps = self.STEPS
        before = snapshot(network)
        train(strategy, network)
        assert changed(before, snapshot(network)) == ["branch/a", "branch/b", "fusion/b"]

    def test_run_in_order_with_their_phase(self, train):
        strategy = Recorder()
        strategy.steps = self.STEPS
        train(strategy, epochs=1)
        seams = ["forward", "losses", "combine_gradients", "after_step"]
        assert strategy.names() == [
            "adapt", "build", "begin_epoch", "phases", *seams, *seams, "end_epoch"
        ]  # fmt: skip
        phases = [
            call[2]
            if call[0] == "forward"
            else call[{"losses": 1, "combine_gradients": 4}[call[0]]].phase
            for call in strategy.calls
            if call[0] in ("forward", "losses", "combine_gradients")
        ]
        assert [phase.name for phase in phases[:6]] == ["first"] * 3 + ["second"] * 3

    def test_the_second_sees_what_the_first_did(self, make_network, make_data):
        """One step of two phases equals two plain steps of half the variables each."""

        def model(network, phases):
            strategy = Recorder()
            strategy.steps = phases
            model = BalancedModel(network, strategy)
            model.compile(keras.optimizers.SGD(0.5))
            return model

        inputs, labels = make_data(examples=4)
        both, apart = make_network(), make_network()
        model(both, self.STEPS).fit(inputs, labels, verbose=0)
        for phase in self.STEPS:
            model(apart, (phase,)).fit(inputs, labels, verbose=0)
        for m in (0, 1):
            np.testing.assert_allclose(
                both.heads[m].kernel.numpy(), apart.heads[m].kernel.numpy(), rtol=0, atol=1e-7
            )

    def test_count_as_one_step(self, train):
        strategy = Recorder()
        strategy.steps = self.STEPS
        model = train(strategy)
        assert int(model.optimizer.iterations) == 4
        assert int(model.trace.steps) == 4


class TestForward:
    def test_without_a_plan_the_network_runs_normally(self, train, make_network):
        given = []
        network = make_network()
        call = network.call

        def spy(inputs, **flags):
            given.append(flags)
            return call(inputs, **flags)

        network.call = spy
        train(Recorder(), network)
        assert given
        assert all(flags["training"] for flags in given)
        assert {x for flags in given for x in vars(flags["controls"]).values()} == {None}

    def test_a_plan_reaches_the_network(self, train, make_network):
        given = []
        network = make_network()
        call = network.call

        def spy(inputs, **flags):
            given.append(flags)
            return call(inputs, **flags)

        network.call = spy
        strategy = Recorder()
        isolate, keep = tf.constant([True, False]), tf.constant([[1.0, 0.0]] * 4)
        strategy.plan = Forward(isolate, keep, lambda features: features)
        model = train(strategy, network)
        controls = given[-1]["controls"]
        assert controls.isolate is isolate
        assert controls.keep is keep
        assert controls.fill is None
        assert controls.transform is strategy.plan.transform
        assert model.trace.read().isolated.tolist() == [0, 0, 0, 0]

    def test_keep_of_the_plan_and_that_of_the_sampler_are_multiplied(self, make_network, make_data):
        inputs, labels = make_data(examples=4)
        shown, kept = np.ones((4, 2), "float32"), np.ones((4, 2), "float32")
        shown[:2, 0], kept[1:3, 1] = 0, 0
        x = Annotated(inputs, {"keep": shown})
        rows = tf.data.Dataset.from_tensor_slices((x, labels))
        strategy, twin = Recorder(), make_network()
        strategy.plan = Forward(keep=tf.constant(kept))
        model = BalancedModel(make_network(), strategy)
        model.compile()
        logs = model.fit(rows.batch(4), shuffle=False, verbose=0).history
        logits = twin(inputs, Controls(keep=shown * kept), training=True).logits
        expected = np.mean(np.argmax(logits, axis=-1) == labels)
        np.testing.assert_allclose(logs["accuracy"], [expected])
        np.testing.assert_allclose(logs["loss"], model.trace.read().loss, rtol=1e-6)

    def test_transform_comes_before_the_classifiers(self, train, make_network):
        network = make_network()
        strategy = Recorder()
        strategy.plan = Forward(transform=lambda features: features | {"a": 0 * features["a"]})
        kernel = network.heads[0].kernel.numpy()
        train(strategy, network)
        # Nothing enters the classifier of a: its kernel has no gradient, its bias has.
        np.testing.assert_array_equal(network.heads[0].kernel.numpy(), kernel)
        assert network.heads[0].bias.numpy().any()

    def test_inactive_groups_stand_still(self, train, make_network, snapshot):
        network, strategy = make_network(), Recorder()
        strategy.plan = Forward(active={"branch/b": tf.constant(False)})
        before = snapshot(network)
        train(strategy, network, optimizer=keras.optimizers.AdamW(0.1, weight_decay=0.5))
        assert changed(before, snapshot(network)) == [g for g in GROUPS if g != "branch/b"]

    def test_irregular_steps_do_not_count(self, train):
        strategy = Recorder()
        strategy.plan = Forward(regular=tf.constant(False))
        with pytest.warns(UserWarning, match="learning speed of a, b is undefined"):
            model = train(strategy)
        assert np.isnan(model.trace.read().speeds).all()
        assert strategy.last("after_step")[0].regular.dtype == tf.bool


class TestLossesAndGradients:
    def test_losses_of_any_name_are_summed(self, train, make_network):
        class Halved(Strategy):
            def losses(self, step, joint):
                fused = step.loss_of(step.outputs.logits)
                return {"first": fused / 2, "second": fused / 2}

        class Fused(Strategy):
            def losses(self, step, joint):
                return {"fused": step.loss_of(step.outputs.logits)}

        one, other = train(Halved()), train(Fused())
        np.testing.assert_allclose(one.trace.read().loss, other.trace.read().loss, rtol=1e-6)
        for got, expected in zip(
            one.network.get_weights(), other.network.get_weights(), strict=True
        ):
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)

    def test_evaluation_keeps_to_the_joint_loss(self, train, make_data):
        class Nothing(Strategy):
            def losses(self, step, joint):
                return {"none": 0 * tf.reduce_sum(step.outputs.logits)}

        with pytest.warns(UserWarning, match="undefined"):
            model = train(Nothing())
        inputs, labels = make_data(examples=8)
        assert model.evaluate(inputs, labels, verbose=0, return_dict=True)["loss"] > 1
        assert model.trace.read().loss.tolist() == [0, 0, 0, 0]

    def test_combined_gradients_are_what_is_applied_and_measured(self, train, make_network):
        network, strategy = make_network(), Recorder()
        before = [v.numpy() for v in network.trainable_variables]
        strategy.combines = lambda tape, losses, variables: [tf.ones_like(v) for v in variables]
        model = train(strategy, network, optimizer=keras.optimizers.SGD(0.25), epochs=1)
        for old, variable in zip(before, network.trainable_variables, strict=True):
            np.testing.assert_allclose(variable.numpy(), old - 0.5, rtol=0, atol=1e-6)
        groups = make_network().variable_groups()
        fusion, branch = (
            sum(np.size(v) for v in kind["a"]) / sum((v.numpy() ** 2).sum() for v in kind["a"])
            for kind in (groups.fusion, groups.branch)
        )
        speed = model.trace.read().speeds[0, 0]
        np.testing.assert_allclose(speed, np.log(fusion / branch), rtol=1e-5)


class Tempered(Strategy):
    """Trains a temperature of the fused logits, and a penalty that touches nothing else."""

    active = None
    breaks = False

    def build(self, context):
        self.temperature = keras.Variable(2.0, name="temperature")
        self.spare = keras.Variable([3.0, -1.0], name="spare")

    def trained_variables(self):
        return [self.temperature, self.spare]

    def forward(self, batch, phase):
        return Forward(active=self.active or {})

    def losses(self, step, joint):
        tempered = step.outputs.logits * tf.convert_to_tensor(self.temperature)
        penalty = tf.reduce_sum(tf.convert_to_tensor(self.spare) ** 2)
        return {"tempered": step.loss_of(tempered), "penalty": penalty}

    def combine_gradients(self, tape, losses, variables, step):
        gradients = super().combine_gradients(tape, losses, variables, step)
        assert [id(v) for v in variables[-2:]] == [id(self.temperature), id(self.spare)]
        if self.breaks:
            gradients[-1] = gradients[-1] * float("nan")
        return gradients


class Penalised(Tempered):
    """Trains its own variables beside the network, which they do not touch."""

    def losses(self, step, joint):
        return {**joint, "penalty": super().losses(step, joint)["penalty"]}


class TestOwnVariables:
    def test_gradients_reach_them(self, train, make_network, make_data):
        strategy, (inputs, labels) = Tempered(), make_data(examples=4)
        train(strategy, optimizer=keras.optimizers.SGD(0.5), examples=4, epochs=1)
        logits, temperature = make_network()(inputs, training=True).logits, tf.Variable(2.0)
        with tf.GradientTape() as tape:
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
                labels, logits * temperature
            )
        expected = 2 - 0.5 * tape.gradient(loss, temperature)
        np.testing.assert_allclose(strategy.temperature.numpy(), expected, rtol=1e-6)
        # The penalty's gradient is twice the variable: half of that is all of it.
        np.testing.assert_array_equal(strategy.spare.numpy(), [0, 0])

    def test_they_have_an_optimizer_of_their_own(self, train):
        strategy = Tempered()
        model = train(strategy, optimizer="adam")
        assert model.optimizer.groups == (*GROUPS, "strategy")
        assert not {"temperature", "spare"} & {v.name for v in model.network.variables}
        states = [v.path for v in model.optimizer.variables if "strategy" in v.path]
        assert len(states) == 6  # the factor, the step counter, two moments of two variables

    def test_their_learning_rate_has_a_factor(self, train, make_network, snapshot):
        strategy, network = Tempered(), make_network()
        strategy.begin_epoch = lambda *_: EpochPlan(learning_rates={"strategy": 0.0})
        before = snapshot(network)
        train(strategy, network, optimizer="adam")
        assert float(strategy.temperature.numpy()) == 2
        assert changed(before, snapshot(network)) == GROUPS

    @pytest.mark.parametrize("rests", ["strategy", "branch/a"])
    def test_they_rest_where_their_group_does_and_only_there(
        self, train, make_network, snapshot, rests
    ):
        strategy, network = Tempered(), make_network()
        strategy.active = {rests: tf.constant(False)}
        before = snapshot(network)
        train(strategy, network, optimizer=keras.optimizers.AdamW(0.1, weight_decay=0.5))
        moved = [float(strategy.temperature.numpy()) != 2, *(strategy.spare.numpy() != [3, -1])]
        assert moved == [rests != "strategy"] * 3
        assert changed(before, snapshot(network)) == [g for g in GROUPS if g != rests]

    @pytest.mark.parametrize("group", ["strategy", "branch/a"])
    def test_a_phase_may_train_them_alone(self, train, make_network, snapshot, group):
        strategy, network = Tempered(), make_network()
        strategy.phases = lambda: (Phase("one", (group,)),)
        before = snapshot(network)
        train(strategy, network)
        assert (float(strategy.temperature.numpy()) != 2) == (group == "strategy")
        assert changed(before, snapshot(network)) == [g for g in (group,) if g in GROUPS]

    def test_global_clipping_spans_them(self, train):
        """The penalty's gradient, (6, -2), is far longer than all others."""
        strategy = Penalised()
        optimizer = keras.optimizers.SGD(1.0, global_clipnorm=0.01)
        train(strategy, optimizer=optimizer, examples=4, epochs=1)
        moved = np.linalg.norm(strategy.spare.numpy() - [3, -1])
        assert 0.009 < moved < 0.01

    def test_speeds_do_not_see_them(self, train):
        with_own, without = train(Penalised()), train(None)
        np.testing.assert_array_equal(with_own.trace.read().speeds, without.trace.read().speeds)
        for one, other in zip(
            with_own.network.get_weights(), without.network.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize("policy", ["stop", "skip"])
    def test_nan_is_named_and_kept_out(self, make_network, make_data, snapshot, policy):
        strategy, network = Penalised(), make_network()
        strategy.breaks = True
        model = BalancedModel(network, strategy, on_nonfinite=policy)
        model.compile("adam")
        before, told = snapshot(network), "step 0: the gradient of strategy became NaN"
        if policy == "stop":
            with pytest.raises(NonFiniteError, match=told):
                model.fit(*make_data(examples=4), verbose=0)
        else:
            with pytest.warns(UserWarning, match="became NaN|is undefined") as warned:
                model.fit(*make_data(examples=4), verbose=0)
            assert any(told in str(each.message) for each in warned)
        assert strategy.spare.numpy().tolist() == [3, -1]
        assert changed(before, snapshot(network)) == []

    def test_they_are_trained_on_after_compiling_anew(self, train, make_data):
        strategy = Tempered()
        model = train(strategy)
        before = float(strategy.temperature.numpy())
        model.network.heads[0].trainable = False
        model.compile("adam")
        model.fit(*make_data(examples=4), verbose=0)
        assert model.optimizer.groups[-1] == "strategy"
        assert float(strategy.temperature.numpy()) != before

    def test_half_precision_gradients_are_unscaled(self, train, make_network, precision):
        precision("mixed_float16")
        strategy = Penalised()
        train(strategy, make_network(), optimizer=keras.optimizers.SGD(0.25), epochs=1)
        # Two steps, each of which halves it.
        np.testing.assert_allclose(strategy.spare.numpy(), [0.75, -0.25], rtol=1e-3)


class TestWhatIsKnownOfTheNetwork:
    def test_the_context_is_there_before_it_is_built(self, train, make_network):
        class Looking(Strategy):
            def build(self, context):
                assert self.context is context

        strategy = Looking()
        train(strategy, make_network())
        assert strategy.context.modalities == ("a", "b")

    def test_classes_and_channels(self, train, make_network):
        strategy = Recorder()
        train(strategy, make_network())
        (context,) = strategy.last("build")
        assert context.classes == 3
        assert context.channels == {"a": 4, "b": 4}

    def test_a_network_that_was_never_called_says_so(self, make_network):
        network = GatedBranches({"a": [keras.layers.Dense(2), keras.layers.Dense(3)]})
        assert network.classes is None
        with pytest.raises(
            ValueError, match="GatedBranches tells the channels of the features only once"
        ):
            _ = Context(network, {}).channels


def test_vanilla_is_the_identity():
    strategy = Strategy()
    assert strategy.requirements() == Requirements()
    assert strategy.phases() == (Phase("joint", None),)
    assert strategy.forward(Batch.of({}, tf.zeros([1])), Phase()) == Forward()
    assert strategy.losses(None, {"a": 1}) == {"a": 1}
    assert strategy.trained_variables() == ()
    assert strategy.begin_epoch(0, None) is None
    assert strategy.end_epoch(0, {}, None) is None


def test_a_method_that_is_almost_a_seam_is_told():
    with pytest.warns(UserWarning, match=r"Misspelt.loses is no seam .* did you mean 'losses'\?"):

        class Misspelt(Strategy):
            def loses(self, step, joint):
                return joint

    with warnings.catch_warnings():
        warnings.simplefilter("error")

        class Sound(Strategy):
            def losses(self, step, joint):
                return joint

            def weigh(self):
                """Be a method of its own."""

            _loses = None

    assert issubclass(Sound, Strategy)
