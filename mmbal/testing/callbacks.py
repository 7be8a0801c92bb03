"""The rules for callbacks, tried in trainings of a toy."""

import json
from typing import Any

import keras
import numpy as np

from mmbal.errors import first_line
from mmbal.experiment.state import OF_KERAS, callback_state
from mmbal.laboratory.difference import difference
from mmbal.laboratory.toys import GatedToy
from mmbal.options import Options
from mmbal.testing import toy_run
from mmbal.testing.rules import Broken, Inapplicable, Rulebook, require
from mmbal.testing.subject import Subject, owned_by

Trained = tuple[toy_run.ToyRun, keras.callbacks.Callback]
RULES = Rulebook()


class CallbackSubject(Subject):
    """A callback and the trainings that it watches."""

    def train(self, options: Options | None = None, **how: Any) -> Trained:
        """Train as `toy_run.train` does; return the callback as well.

        Raises:
            Broken: no checkpoint can hold its state.
        """
        made: list[keras.callbacks.Callback] = []

        def make() -> keras.callbacks.Callback:
            made.append(self.build(options=options))
            return made[-1]

        parts = toy_run.Parts(network=GatedToy, callback=make)
        try:
            return toy_run.train(parts, eager=True, **how), made[-1]
        except Exception:
            for callback in made:
                _require_plain(callback)
            raise

    @owned_by("training")
    def trained(self) -> Trained:
        """Train once; other rules compare with it."""
        return self.train()


SUBJECT = CallbackSubject


def _require_plain(callback: keras.callbacks.Callback) -> None:
    state = callback_state(callback)
    try:
        json.dumps(state)
    except (TypeError, ValueError) as error:
        said = f"no checkpoint can hold {state!r}, its state: {first_line(error)}"
        raise Broken(said) from error


def kept(callback: keras.callbacks.Callback) -> dict[str, str]:
    """Return as text what a callback counts: its plain values, and what its state is."""
    plain = toy_run.plain_values(callback)
    state = {name: repr(value) for name, value in callback_state(callback).items()}
    return {name: text for name, text in {**plain, **state}.items() if name not in OF_KERAS}


@RULES.rule(
    why="what it raises ends the run, and so does a state that cannot be saved, at a checkpoint "
    "minutes later",
    fix="read from `logs` what is there in every epoch, and return plain numbers and text from "
    "`state`",
)
def training(subject: CallbackSubject) -> None:
    """A run with it comes to its end, with its state in checkpoints and finite weights."""
    run, _ = subject.trained()
    require(all(np.isfinite(w).all() for w in run.weights), "weights became NaN or infinite")


@RULES.rule(
    why="runs are interrupted, preempted and resumed; a resumed run must come to the same end",
    fix="return all that is counted from `state` and set it in `restore`, or count in plain "
    "attributes; an epoch that goes on begins once more, for `on_epoch_begin` too",
)
def resume(subject: CallbackSubject) -> None:
    """Killed in the middle and resumed, a run ends with the same weights and the same counts."""
    run, callback = subject.trained()
    resumed, other = subject.train(checkpoint=run.checkpoint)
    apart = difference(resumed.weights, run.weights)
    require(apart == 0, f"the weights of a resumed training differ by {apart:.1e}")
    ends, others = kept(callback), kept(other)
    lost = {name for name in {*ends, *others} if ends.get(name) != others.get(name)}
    if lost:  # but for what is another one in every run, such as the time
        again = kept(subject.train()[1])
        lost = {name for name in lost if ends.get(name) == again.get(name)}
    told = [f"{each} ends as {others.get(each)}, not as {ends.get(each)}" for each in sorted(lost)]
    require(not lost, f"resumed, {'; '.join(told)}")


@RULES.rule(
    why="what only watches, or waits for its time, must not change what a run is compared by",
    fix="set no weight, rate or `stop_training` there, and draw from a generator of your own",
)
def identity(subject: CallbackSubject) -> None:
    """Where plain training is promised, the weights are those without it."""
    if subject.identity is None:
        raise Inapplicable("it promises plain training nowhere (Component.conformance.identity)")
    run, _ = subject.train(subject.identity)
    apart = difference(run.weights, toy_run.plain(GatedToy))
    require(apart == 0, f"the weights differ from those without it by {apart:.1e}")
