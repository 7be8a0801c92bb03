"""What a strategy requires, against what a network and a run offer."""

import pytest
import tensorflow as tf

from mmbal.config.resolution import choose
from mmbal.data import Examples
from mmbal.errors import RequirementError
from mmbal.experiment.sampler import Sampler
from mmbal.registry.discovery import discover
from mmbal.strategies.requirements import (
    RUN_ONLY,
    checked,
    refuse_outside_of_a_run,
    refuse_unoffered,
    suited,
)
from mmbal.strategies.step import Forward
from mmbal.strategies.strategy import Requirements, Strategy
from mmbal.strategies.surroundings import ALONE, Surroundings


class Plain:
    """A network without capabilities."""

    offers = frozenset()


class Gated:
    """A network with gates."""

    offers = frozenset({"isolation", "mask"})


class Wants(Strategy):
    """Requires what the test says."""

    def __init__(self, **needs):
        super().__init__()
        self.needs = Requirements(**needs)

    def requirements(self):
        return self.needs


def test_a_strategy_without_wishes_trains_everything():
    refuse_unoffered(Strategy(), Plain())
    refuse_outside_of_a_run(Strategy(), ALONE)


def test_what_a_network_lacks_is_told_with_both_names():
    strategy = Wants(architecture=frozenset({"isolation", "slice"}))
    with pytest.raises(RequirementError) as caught:
        refuse_unoffered(strategy, Gated())
    assert str(caught.value).startswith("strategy Wants needs fused logits that are a sum")
    assert "(slice), which network Gated does not offer; `mmbal plugins`" in str(caught.value)
    assert "isolation" not in str(caught.value)
    refuse_unoffered(Wants(architecture=Gated.offers), Gated())


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("examples", "reads the training examples by itself"),
        ("sampler", "chooses its training examples"),
        ("ids", "asks which training examples a step shows"),
        ("rehearsals", "trains copies of the network"),
    ],
)
def test_what_only_a_run_offers_is_told_outside_of_one(what, words):
    strategy = Wants(**{what: True})
    with pytest.raises(RequirementError) as caught:
        refuse_outside_of_a_run(strategy, ALONE)
    assert str(caught.value) == (
        f"strategy Wants {words}; train it with `mmbal run`, or by `fit` on arrays or a finite "
        f"dataset: `fit` alone offers no {what}"
    )
    run = Surroundings(examples=Examples(0, None), sampler=Sampler(1, 1), rehearse=print, ids=True)
    refuse_outside_of_a_run(strategy, run)


def test_every_requirement_of_a_run_is_one_of_a_strategy():
    assert set(RUN_ONLY) <= set(vars(Requirements()))


@pytest.mark.parametrize(("modalities", "kept"), [("ab", True), ("a", False)])
def test_a_single_modality_is_trained_plainly(modalities, kept):
    strategy = Wants(examples=True)
    assert (suited(strategy, modalities) is strategy) is kept


def test_a_plan_may_isolate_where_there_are_gates():
    plan = Forward(isolate=tf.constant([True, False]))
    assert checked(plan, Strategy(), Gated()) is plan


def test_a_plan_that_isolates_nothing_needs_no_gates():
    plan = Forward(keep=tf.ones([1, 2]))
    assert checked(plan, Strategy(), Plain()) is plan


def test_a_plan_that_would_be_ignored_is_refused():
    with pytest.raises(RequirementError, match="strategy Wants isolates a branch, which network"):
        checked(Forward(isolate=tf.constant([True, False])), Wants(), Plain())


def test_strategies_tell_the_passes_that_they_add():
    catalogue = discover()
    names = catalogue.names("strategy")
    added = {
        name: choose_strategy(catalogue, name).requirements().passes_beside(2) for name in names
    }

    assert {name: passes for name, passes in added.items() if passes} == pytest.approx(
        # every subset; rehearsals; encoders gone back through twice; a forward pass of a tenth
        {"agm": 2, "gradient-blending": 2, "mmpareto": 2 / 3, "pmr": 0.1 / 3}
    )


def choose_strategy(catalogue, name):
    return catalogue.build("strategy", name, choose(catalogue, "strategy", name).options)
