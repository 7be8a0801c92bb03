"""What a strategy holds is all in a checkpoint: training goes on from it bit for bit."""

import keras
import numpy as np
import pytest

from mmbal import BalancedModel
from mmbal.data import Examples
from mmbal.experiment.state import TrainingState
from mmbal_objectives import CML, PMR, RUBi

pytestmark = pytest.mark.filterwarnings("ignore:the learning speed of")
STRATEGIES = {
    "rubi": lambda: RUBi(("a", "c"), hidden=(4,)),
    "pmr": lambda: PMR(share=0.6, entropy_epochs=3),
    "cml": CML,
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_goes_on_from_a_checkpoint(make_network, make_data, name):
    inputs, labels = make_data("abc", 24)

    def begin():
        model = BalancedModel(make_network("late", "abc"), STRATEGIES[name]())
        model.run_facts = {"examples": Examples.from_arrays(inputs, labels), "batch_size": 8}
        model.compile(keras.optimizers.Adam(0.01))
        model.prepare(3)
        return model

    def go_on(model, first, last):
        options = {"initial_epoch": first, "epochs": last, "shuffle": False, "verbose": 0}
        model.fit(inputs, labels, batch_size=8, **options)
        return TrainingState(model, None, {})

    unbroken, resumed = begin(), begin()
    saved = go_on(unbroken, 0, 2).capture()
    expected, _ = go_on(unbroken, 2, 4).capture()
    TrainingState(resumed, None, {}).restore(*saved)
    found, _ = go_on(resumed, 2, 4).capture()
    held = [key for key in expected if key.startswith("strategy")]
    assert any((saved[0][key] != expected[key]).any() for key in held)
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)
