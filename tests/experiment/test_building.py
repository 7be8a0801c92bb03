"""Configuration -> model."""

import keras
import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.experiment.building import build_model, build_network, open_dataset
from mmbal.strategies.strategy import Strategy
from mmbal.strategies.surroundings import Surroundings


def test_dataset_is_opened_but_not_read(toys):
    toys.log.clear()

    open_dataset(toys.catalogue, toys.resolve().config.dataset)

    assert toys.log == []


def test_same_seed_same_weights(toys):
    data = toys.load()

    def weights(seed):
        network = build_network(toys.resolve(seed=seed).config, toys.catalogue, data)
        assert network.built
        return np.concatenate([np.ravel(v) for v in network.get_weights()])

    np.testing.assert_array_equal(weights(4), weights(4))
    assert (weights(4) != weights(5)).any()


@pytest.mark.parametrize("precision", ["float32", "float64", "mixed_bfloat16"])
def test_precision_reaches_variables_and_outputs(toys, precision):
    config = toys.resolve(precision=precision).config
    network = build_network(config, toys.catalogue, toys.load())
    stored = "float64" if precision == "float64" else "float32"

    assert {v.dtype for v in network.trainable_variables} == {stored}
    assert keras.config.floatx() == stored
    assert network.compute_dtype == precision.removeprefix("mixed_")


def built(toys, **settings):
    """Return the model of a run with these settings."""
    config = toys.resolve(**settings).config
    return build_model(config, toys.catalogue, toys.load(), Strategy(), Surroundings())


def test_optimizer_has_its_settings(toys):
    optimizer = built(
        toys, optimizer__name="adam", optimizer__learning_rate=0.25, optimizer__beta_1=0.5
    ).optimizer

    assert isinstance(optimizer, keras.optimizers.Adam)
    assert float(optimizer.learning_rate) == 0.25
    assert optimizer.beta_1 == 0.5


def test_schedule_multiplies_the_learning_rate_of_the_optimizer(toys):
    steps = -(-len(toys.load().train) // toys.resolve().config.batch_size)
    schedule = {"schedule": "step", "schedule__every": 1, "schedule__warmup_epochs": 1}

    optimizer = built(toys, optimizer__learning_rate=0.5, **schedule).optimizer

    assert float(optimizer.learning_rate) == pytest.approx(0.5 / steps)
    optimizer.iterations.assign(steps)
    assert float(optimizer.learning_rate) == pytest.approx(0.05)


def test_without_a_schedule_callbacks_may_set_the_learning_rate(toys):
    optimizer = built(toys).optimizer

    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25


def test_coupled_decay_moves_weights_and_not_the_measured_speeds(toys):
    def trained(**settings):
        model = built(toys, **settings)
        model.run_eagerly = True
        batches = toys.load().train.dataset().batch(5).take(1)
        logs = model.fit(batches, shuffle=False, verbose=0).history
        weights = np.concatenate([np.ravel(v) for v in model.network.get_weights()])
        return weights, [logs[f"learning_speed/{name}"] for name in model.network.modalities]

    decay = {"optimizer__weight_decay": 0.5, "optimizer__decay": "coupled"}
    (plain, speeds), (decayed, same) = trained(), trained(**decay)

    assert same == speeds
    assert np.abs(decayed).sum() < np.abs(plain).sum()


def test_what_keras_refuses_is_one_error_with_the_optimizers_name(toys):
    with pytest.raises(MmbalError, match="^optimizer 'sgd': "):
        built(toys, optimizer__clipnorm=1.0, optimizer__clipvalue=1.0)
