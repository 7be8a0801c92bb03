"""Schedules of training on made-up numbers."""

import json
from types import SimpleNamespace

import keras
import pytest

from mmbal.callbacks.options import EarlyStoppingOptions, PerfectOptions, PlateauOptions
from mmbal.callbacks.schedules import EarlyStopping, ReduceLROnPlateau, StopWhenPerfect
from mmbal.errors import MmbalError
from mmbal.experiment.state import callback_state, restore_callback


def fake_model():
    optimizer = SimpleNamespace(learning_rate=1.0)
    return SimpleNamespace(optimizer=optimizer, stop_training=False)


def follow(callback, values, monitor, first=0):
    """Show a callback one value per epoch; return rates, or the epoch at which it stopped."""
    model = fake_model()
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values, start=first):
        callback.on_epoch_end(epoch, {monitor: value, "other": 0.0})
        rates.append(model.optimizer.learning_rate)
        if model.stop_training:
            return rates, epoch
    return rates, None


class TestPlateau:
    def rates(self, values, monitor="loss", **options):
        given = PlateauOptions(**{"monitor": monitor, "factor": 0.5, "patience": 2} | options)
        return follow(ReduceLROnPlateau(given), values, monitor)[0]

    def test_reduces_after_patience_epochs_without_a_better_one(self):
        assert self.rates([3, 2, 2, 2, 1, 1, 1]) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]

    def test_patience_counts_the_epochs_that_are_no_better(self):
        # torch waits for one more: its patience of 10 is 11 here.
        assert self.rates([1] * 5, patience=3) == [1, 1, 1, 0.5, 0.5]

    def test_relative_changes(self):
        # 0.1 % of 10 is 0.01: 9.995 is no better than 10, 9.98 is.
        assert self.rates([10, 9.995, 9.98, 9.975, 9.971], relative=1e-3) == [1, 1, 1, 1, 0.5]

    def test_absolute_changes(self):
        assert self.rates([10, 9.6, 9.4, 9.3, 9.2], min_delta=0.5) == [1, 1, 1, 1, 0.5]

    @pytest.mark.parametrize("monitor", ["accuracy", "val_branch_accuracy/a"])
    def test_accuracies_are_to_grow(self, monitor):
        assert self.rates([0.1, 0.2, 0.15, 0.1], monitor) == [1, 1, 1, 0.5]

    def test_mode_may_be_given(self):
        assert self.rates([1, 2, 3], "d_speed", mode="max") == [1, 1, 1]
        assert self.rates([1, 2, 3], "d_speed") == [1, 1, 0.5]

    def test_lowest_rate_and_cooldown(self):
        assert self.rates([1] * 6, patience=1, min_lr=0.3) == [1, 0.5, 0.3, 0.3, 0.3, 0.3]
        assert self.rates([1] * 6, patience=1, cooldown=2) == [1, 0.5, 0.5, 0.25, 0.25, 0.125]

    def test_negative_values(self):
        assert self.rates([-10, -10.5, -12], relative=0.1, patience=1) == [1, 0.5, 0.5]


class TestEarlyStopping:
    def end(self, values, monitor="loss", **options):
        given = EarlyStoppingOptions(**{"monitor": monitor, "patience": 2} | options)
        return follow(EarlyStopping(given), values, monitor)[1]

    def test_ends_after_patience_epochs_without_a_better_one(self):
        assert self.end([3, 2, 2, 2, 2]) == 3
        assert self.end([3, 2, 1, 0.5]) is None

    def test_relative_changes_and_accuracies(self):
        assert self.end([0.5, 0.52, 0.53], "accuracy", relative=0.1) == 2
        assert self.end([0.5, 0.56, 0.7], "accuracy", relative=0.1) is None

    def test_baseline_must_be_beaten(self):
        assert self.end([5, 5, 5, 5]) == 2
        assert self.end([5, 5, 5, 5], baseline=1) == 1
        assert self.end([5, 0.5, 0.4, 0.3], baseline=1) is None

    def test_first_epochs_may_not_count(self):
        assert self.end([1, 2, 3, 4, 5], start_from_epoch=2) == 4


class TestStopWhenPerfect:
    def end(self, values, monitor="accuracy", **options):
        return follow(StopWhenPerfect(PerfectOptions(monitor=monitor, **options)), values, monitor)[
            1
        ]

    def test_counts_epochs_that_need_not_follow_each_other(self):
        assert self.end([1, 0.9, 1, 1, 0.99, 1, 1, 1]) == 6

    def test_or_must(self):
        assert self.end([1, 0.9, 1, 0.9, 1, 1], epochs=2, consecutive=True) == 5

    def test_nearly_perfect_is_not_perfect(self):
        assert self.end([1 - 1e-6] * 9) is None

    def test_any_accuracy(self):
        assert self.end([1], "val_branch_accuracy/a", epochs=1) == 0


CALLBACKS = {
    "plateau": (ReduceLROnPlateau, PlateauOptions(monitor="loss", patience=3, cooldown=1)),
    "stopping": (EarlyStopping, EarlyStoppingOptions(monitor="loss", patience=5)),
    "perfect": (StopWhenPerfect, PerfectOptions(monitor="loss", epochs=7)),
}


@pytest.mark.parametrize("kind", CALLBACKS)
def test_unknown_numbers_are_refused_with_the_nearest(kind):
    factory, options = CALLBACKS[kind]
    callback = factory(options.model_copy(update={"monitor": "los"}))

    with pytest.raises(MmbalError, match="unknown number to monitor 'los'; did you mean 'loss'"):
        follow(callback, [1], "loss")


@pytest.mark.parametrize("at", range(1, 7))
@pytest.mark.parametrize("kind", CALLBACKS)
def test_a_restored_one_goes_on_as_if_nothing_had_happened(kind, at):
    factory, options = CALLBACKS[kind]
    values = [5, 1, 1, 2, 1, 0.5, 1, 1, 1, 1, 1, 1, 1, 1]
    whole, end = follow(factory(options), values, "loss")
    first = factory(options)
    follow(first, values[:at], "loss")

    second, model = factory(options), fake_model()
    model.optimizer.learning_rate = whole[at - 1]  # a checkpoint holds the optimizer, too
    second.set_model(model)
    second.on_train_begin()
    restore_callback(second, json.loads(json.dumps(callback_state(first))))
    rates = []
    for epoch, value in enumerate(values[at:], start=at):
        second.on_epoch_end(epoch, {"loss": value})
        rates.append(model.optimizer.learning_rate)
        if model.stop_training:
            assert epoch == end
            break
    assert rates == whole[at:]


def test_they_are_what_keras_offers():
    assert issubclass(ReduceLROnPlateau, keras.callbacks.ReduceLROnPlateau)
    assert issubclass(EarlyStopping, keras.callbacks.EarlyStopping)
