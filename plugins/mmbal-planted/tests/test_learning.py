"""What networks learn of planted bits: all that can be known, or what their fusion can express."""

from math import log

import keras
import pytest

from mmbal import BalancedModel
from mmbal_late import LateConcat, LateMLP, LateSum
from mmbal_mmtm import MMTMNetwork
from mmbal_planted import Planted

SYNERGY = Planted(configuration="synergy")
BAYES = SYNERGY.truth().accuracy("ab")


def dense(units):
    return keras.layers.Dense(units, "relu", kernel_initializer="he_uniform")


def late(kind):
    return kind({m: keras.Sequential([dense(32), dense(32)]) for m in "ab"}, 2)


def joined():
    return MMTMNetwork({m: [dense(32), dense(64), keras.layers.Dense(2)] for m in "ab"})


def trained(network):
    """Return accuracy and NLL, in nats, of the fused prediction on test examples."""
    model = BalancedModel(network)
    model.compile(keras.optimizers.Adam(3e-3))
    inputs, labels, _ = SYNERGY.draw("train", 8000, 0)
    model.fit(inputs, labels, batch_size=64, epochs=2, verbose=0)
    inputs, labels, _ = SYNERGY.draw("test", 3000, 0)
    logits = network({m: keras.ops.convert_to_tensor(x) for m, x in inputs.items()}).logits
    nll = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    right = keras.metrics.sparse_categorical_accuracy(labels, logits)
    return float(keras.ops.mean(right)), float(keras.ops.mean(nll))


@pytest.mark.parametrize("kind", [LateConcat, LateSum])
def test_sums_cannot_express_synergy(kind):
    keras.utils.set_random_seed(0)
    _, nll = trained(late(kind))

    assert nll >= log(2) - 0.02


@pytest.mark.parametrize("make", [joined, lambda: late(LateMLP)], ids=["mmtm", "late-mlp"])
def test_a_hidden_layer_or_gates_learn_it(make):
    keras.utils.set_random_seed(0)
    accuracy, nll = trained(make())

    assert abs(accuracy - BAYES) < 0.03
    assert nll < 0.55
