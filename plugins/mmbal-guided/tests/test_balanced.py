"""What guided and random balancing share, by a strategy that has a test choose the target."""

import pytest
import tensorflow as tf

from mmbal.strategies import Requirements
from mmbal_guided.balanced import REGULAR, Balanced

NONE = (False, False, False)


class Counting(Balanced):
    """Stays regular, and counts the steps as every strategy of this kind does."""

    def after_step(self, signals):
        self.steps.assign_add(1)


class TestContract:
    def test_isolation_is_required_and_nothing_else(self):
        assert Balanced().requirements() == Requirements(frozenset({"isolation"}))

    def test_state_is_in_variables_and_starts_regular(self, machine):
        made = machine(Counting()).strategy
        found = {v.name.split(":")[0]: int(v) for v in made.variables}
        assert found == {"target": -1, "steps": 0, "epoch": -1}
        assert {v.dtype for v in made.variables} == {tf.int32}
        assert made.trainable_variables == ()


class TestForward:
    def plan(self, machine, update, target, modalities="abc"):
        """Return the plan of a step in which this modality is to be isolated."""
        made = machine(Counting(update=update), modalities)
        made.strategy.target.assign(target)
        return made.forward()

    @pytest.mark.parametrize("target", [0, 1, 2])
    def test_all_freezes_the_isolated_branchs_own_excitation(self, machine, target):
        plan = self.plan(machine, "all", target)
        found = {name: bool(on) for name, on in plan.active.items()}
        assert found == {f"fusion/{m}": m != "abc"[target] for m in "abc"}
        assert plan.isolate.numpy().tolist() == [i == target for i in range(3)]
        assert not plan.regular

    @pytest.mark.parametrize("target", [0, 1, 2])
    def test_isolated_trains_the_isolated_branch_alone(self, machine, target):
        plan = self.plan(machine, "isolated", target)
        assert [name for name, on in plan.active.items() if on] == [f"branch/{'abc'[target]}"]
        # Three branches, their three excitations, the joint squeeze, and what all share.
        assert len(plan.active) == 8
        assert plan.isolate.numpy().tolist() == [i == target for i in range(3)]
        assert not plan.regular

    @pytest.mark.parametrize("update", ["all", "isolated"])
    def test_regular_steps_train_everything(self, machine, update):
        plan = self.plan(machine, update, REGULAR)
        assert all(plan.active.values())
        assert tuple(plan.isolate.numpy()) == NONE
        assert plan.regular
        assert plan.keep is None
        assert plan.transform is None


class TestWarmup:
    @pytest.mark.parametrize(
        ("options", "steps"),
        [
            ({}, 4),
            ({"warmup": 0}, 0),
            ({"warmup": 2}, 8),
            ({"warmup": 0.3}, 1),
            ({"warmup": 0.4}, 2),
            ({"warmup": 1.25}, 5),
            ({"warmup_steps": 3}, 3),
            ({"warmup_steps": 0}, 0),
            ({"warmup": 2, "warmup_steps": 7}, 7),
        ],
        ids=str,
    )
    def test_is_over_once_more_steps_were_counted(self, machine, options, steps):
        made = machine(Counting(**options), per_epoch=4).strategy
        for counted, over in ((0, False), (steps, False), (steps + 1, True), (100, True)):
            made.steps.assign(counted)
            assert bool(made.warm()) == over, counted

    @pytest.mark.parametrize(("warmup", "epochs"), [(0, 0), (1, 1), (2.0, 2)])
    def test_counts_epochs_where_their_length_is_unknown(self, machine, warmup, epochs):
        made = machine(Counting(warmup=warmup), per_epoch=None)
        told = []
        for number in range(4):  # over all fits
            made.strategy.begin_epoch(number, made.context)
            told.append(bool(made.strategy.warm()))
        assert told == [number >= epochs for number in range(4)]

    def test_steps_need_no_known_length(self, machine):
        made = machine(Counting(warmup=0.5, warmup_steps=2), per_epoch=None).strategy
        made.steps.assign(2)
        assert not made.warm()
        made.steps.assign(3)
        assert made.warm()

    def test_fractions_of_unknown_length_are_refused(self, machine):
        with pytest.raises(ValueError, match=r"warmup of 0\.5 epochs needs data of known length"):
            machine(Counting(warmup=0.5), per_epoch=None)
