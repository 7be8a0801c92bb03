"""NaN and infinity in loss, gradients and speeds: named, and kept out of the weights."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel, Strategy
from mmbal.laboratory.toys import GatedBranches
from mmbal.training.guard import Guard, NonFiniteError
from mmbal.training.learning_speed import Effective
from mmbal_guided import Guided

GROUPS, MODALITIES = ("branch/a", "branch/b", "fusion/a"), ("a", "b")
POLICIES = ("stop", "skip", "warn")
NAN, INF = float("nan"), float("inf")
EPOCH = {"batch_size": 8, "shuffle": False, "verbose": 0}
"""Five steps."""


def judge(guard, loss=1.0, gradients=(1, 1, 1), branch=(1, 1), fusion=(1, 1), step=0, **more):
    arrays = [tf.constant(values, tf.float64) for values in (gradients, branch, fusion)]
    verdict = guard.judge(
        tf.constant(loss), Effective(*arrays), tf.constant(step, tf.int64), **more
    )
    return bool(verdict.applies), bool(verdict.finite), int(verdict.fault)


class TestJudge:
    @pytest.mark.parametrize(
        ("wrong", "code", "what"),
        [
            ({"loss": NAN}, 1, "the loss"),
            ({"loss": INF}, 1, "the loss"),
            ({"gradients": (1, NAN, 1)}, 4, "the gradient of branch/b"),
            ({"gradients": (1, 1, INF)}, 8, "the gradient of fusion/a"),
            ({"branch": (NAN, 1)}, 16, "the learning speed of a"),
            ({"fusion": (1, INF)}, 32, "the learning speed of b"),
            (
                {"loss": -INF, "gradients": (INF, 1, 1), "branch": (INF, 1)},
                19,
                "the loss, the gradient of branch/a, the learning speed of a",
            ),
        ],
    )
    @pytest.mark.parametrize("policy", POLICIES)
    def test_names_what_is_wrong(self, policy, wrong, code, what):
        guard = Guard(policy, GROUPS, MODALITIES)
        assert judge(guard) == (True, True, 0)
        assert guard.look() is None
        # Finite speaks of gradients and of what is made of them, for the loss scale.
        assert judge(guard, step=7, **wrong) == (policy == "warn", code == 1, code)
        assert guard.describe(code) == what
        assert guard.look() == (1, 7, what)

    def test_stop_holds_everything_after_the_first_fault(self):
        guard = Guard("stop", GROUPS, MODALITIES)
        applied = [judge(guard, loss, step=n)[0] for n, loss in enumerate((1.0, NAN, 1.0, INF))]
        assert applied == [True, False, False, False]
        assert guard.look() == guard.look() == (2, 1, "the loss")

    @pytest.mark.parametrize("policy", ["skip", "warn"])
    def test_others_go_on_and_count_anew_after_a_look(self, policy):
        guard = Guard(policy, GROUPS, MODALITIES)
        losses = (NAN, 1.0, INF)
        applied = [judge(guard, loss, step=n)[0] for n, loss in enumerate(losses)]
        assert applied == [policy == "warn", True, policy == "warn"]
        assert guard.look() == (2, 0, "the loss")
        assert guard.look() is None
        judge(guard, gradients=(NAN, 1, 1), step=9)
        assert guard.look() == (1, 9, "the gradient of branch/a")

    def test_several_updates_of_a_step_are_one_faulty_step(self):
        guard = Guard("skip", GROUPS, MODALITIES)
        _, _, fault = judge(guard, loss=NAN)
        assert judge(guard, gradients=(NAN, 1, 1), earlier=fault) == (False, False, 3)
        assert guard.look() == (1, 0, "the loss")

    @pytest.mark.parametrize("policy", POLICIES)
    def test_overflow_is_no_fault_while_the_scale_can_shrink(self, policy):
        guard = Guard(policy, GROUPS, MODALITIES, scaled=True)
        wrong = {"gradients": (INF, 1, 1), "fusion": (INF, 1)}
        assert judge(guard, scaled=tf.constant(True), **wrong) == (False, False, 0)
        assert guard.look() is None
        # With a loss that is not finite, a smaller scale would not help.
        assert judge(guard, loss=NAN, scaled=tf.constant(True), **wrong)[2] == 19
        assert guard.look()[2].startswith("the loss, ")

    def test_warn_holds_nothing_unless_there_is_a_scale(self):
        for policy, scaled, holds in (
            ("warn", False, False), ("warn", True, True), ("skip", False, True),
        ):  # fmt: skip
            assert Guard(policy, GROUPS, MODALITIES, scaled).holds == holds


class Idle(keras.layers.Layer):
    """Has a weight that nothing depends on."""

    def build(self, shape):
        self.spare = self.add_weight(shape=(2,), name="spare")

    def call(self, x):
        return x


class BrokenGradient(Strategy):
    """One variable's gradient is NaN in step 3."""

    def build(self, context):
        self.steps = tf.Variable(0, trainable=False)
        self.victim = context.groups["fusion/b"][0]

    def combine_gradients(self, tape, losses, variables, step):
        gradients = super().combine_gradients(tape, losses, variables, step)
        place = [v is self.victim for v in variables].index(True)
        broken = tf.equal(tf.convert_to_tensor(self.steps), 3)
        gradients[place] = tf.where(broken, NAN, gradients[place])
        return gradients

    def after_step(self, signals):
        self.steps.assign_add(1)


def state(model):
    kinds = (model.network, model.optimizer, model.learner.learning_speed, model.strategy)
    return [v.numpy() for kind in kinds for v in kind.variables]


@pytest.fixture
def fit(make_data, make_network):
    """Return a function that trains with a fault in step 3 and notes the state after each."""

    def fit(policy, strategy=None, network=None, poison=True, **options):
        inputs, labels = make_data()
        if poison:
            inputs["a"][25] = INF
        model = BalancedModel(network or make_network(), strategy, on_nonfinite=policy, **options)
        model.compile(keras.optimizers.Adam(0.01))
        model.states = []
        note = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: model.states.append(state(model))
        )
        model.fit_once = lambda: model.fit(inputs, labels, callbacks=[note], **EPOCH).history
        return model

    return fit


def moved(states):
    return [
        any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))
        for one, other in itertools.pairwise(states)
    ]


class TestLoss:
    WHAT = "the loss, the gradient of branch/a"

    def test_stop(self, fit):
        model = fit("stop", Guided(tolerance=0.0, warmup_steps=0))
        with pytest.raises(NonFiniteError, match=f"^step 3: {self.WHAT}") as caught:
            model.fit_once()
        assert (caught.value.step, str(caught.value)[-22:]) == (3, "became NaN or infinite")
        # Nothing moves from there on, though nobody looked before the end of the epoch.
        assert moved(model.states) == [True, True, False, False]
        steps = model.trace.read()
        assert np.isfinite(steps.loss).tolist() == [True] * 3 + [False, True]
        assert model.learner.guard.describe(steps.faults[3]).startswith(self.WHAT)
        assert not steps.faults[[0, 1, 2, 4]].any()

    def test_stop_is_noticed_as_soon_as_the_trace_is_full(self, fit):
        model = fit("stop", trace_capacity=4)
        with pytest.raises(NonFiniteError, match="^step 3"):
            model.fit_once()
        assert len(model.states) == 3  # the callback of step 3 is not reached

    def test_skip(self, fit, make_network):
        model = fit("skip", Guided(tolerance=0.0, warmup_steps=0))
        with pytest.warns(UserWarning, match=rf"^step 3: {self.WHAT}.*infinite \(skipped\)$"):
            logs = model.fit_once()
        assert moved(model.states) == [True, True, False, True]
        assert all(np.isfinite(value).all() for value in model.states[-1])
        steps = model.trace.read()
        np.testing.assert_allclose(logs["loss"], [steps.loss[[0, 1, 2, 4]].mean()], rtol=1e-5)
        assert int(model.optimizer.iterations) == 4
        assert int(model.trace.steps) == 5
        # Accuracy needs no loss: it counts all 40 examples.
        assert float(model.own_metrics[-1].count) == 40

    def test_skipping_is_leaving_the_step_out(self, fit, make_data, make_network):
        skipped = fit("skip")
        with pytest.warns(UserWarning, match="skipped"):
            skipped.fit_once()
        inputs, labels = make_data()
        rest = np.r_[0:24, 32:40]
        plain = BalancedModel(make_network())
        plain.compile(keras.optimizers.Adam(0.01))
        plain.fit({m: x[rest] for m, x in inputs.items()}, labels[rest], **EPOCH)
        for got, expected in zip(skipped.states[-1], state(plain), strict=True):
            np.testing.assert_array_equal(got, expected)

    @pytest.mark.filterwarnings("ignore:the learning speed")  # undefined from there on
    def test_warn(self, fit):
        model = fit("warn")
        with pytest.warns(UserWarning, match="became NaN") as caught:
            model.fit_once()
        (text,) = {str(each.message) for each in caught if "became" in str(each.message)}
        assert text.startswith(f"step 3: {self.WHAT}")
        assert text.endswith("(not skipped), and 1 more steps since")
        assert np.isnan(np.concatenate([np.ravel(v) for v in model.network.get_weights()])).any()


class TestGradient:
    @pytest.mark.filterwarnings("ignore:the learning speed")  # undefined from there on
    @pytest.mark.parametrize("policy", POLICIES)
    def test_is_named_by_its_group(self, fit, policy):
        model = fit(policy, BrokenGradient(), poison=False)
        what = "step 3: the gradient of fusion/b, the learning speed of b became NaN"
        if policy == "stop":
            with pytest.raises(NonFiniteError, match=what):
                model.fit_once()
        else:
            with pytest.warns(UserWarning, match=what):
                model.fit_once()
        held = policy != "warn"
        # A strategy that counts by steps counts this one only where it is let through.
        assert moved(model.states)[2] == (not held)
        assert int(model.strategy.steps) == {"stop": 3, "skip": 3, "warn": 5}[policy]
        if held:
            assert all(np.isfinite(value).all() for value in model.states[-1])


class TestSpeed:
    @pytest.mark.parametrize("policy", ["stop", "skip"])
    def test_is_named_by_its_modality(self, fit, make_data, policy):
        keras.utils.set_random_seed(1)
        dense = keras.layers.Dense
        branches = {m: [keras.Sequential([dense(4), Idle()]), dense(3)] for m in "ab"}
        network = GatedBranches(branches)
        network({m: x[:1] for m, x in make_data()[0].items()})
        (spare,) = [v for v in network.variables if v.path.endswith("spare")][1:]
        model = fit(policy, network=network, poison=False)
        spare.assign([1, NAN])
        if policy == "stop":
            with pytest.raises(NonFiniteError, match="^step 0: the learning speed of b became"):
                model.fit_once()
        else:
            what = r"^step 0: the learning speed of b .* \(skipped\), and 4 more steps since"
            undefined = pytest.warns(UserWarning, match="speed of a, b is undefined")
            with undefined, pytest.warns(UserWarning, match=what):
                model.fit_once()
        assert not any(moved(model.states))
