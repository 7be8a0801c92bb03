"""The rules for evaluations, tried on untrained toys."""

import math
from collections.abc import Mapping
from functools import cached_property, partial

import keras
import numpy as np

from mmbal.errors import ContractError, MmbalError
from mmbal.evaluation.context import Evaluation, EvaluationContext
from mmbal.evaluation.predictions import Predictor
from mmbal.evaluation.results import Results
from mmbal.experiment.batches import plain_batches
from mmbal.laboratory.difference import difference
from mmbal.laboratory.toys import NAMES, TOYS, toy_data
from mmbal.testing import toy_run
from mmbal.testing.rules import Broken, Inapplicable, Rulebook, require
from mmbal.testing.subject import Subject, owned_by, random_states

SAME = 1e-5
"""Largest relative difference that is still rounding."""
RULES = Rulebook()
Scores = dict[str, float]


class EvaluationSubject(Subject):
    """An evaluation, and toys that it scores on their training examples."""

    @cached_property
    def first(self) -> tuple[type, EvaluationContext, Scores]:
        """The first toy that it does not refuse, what it saw of it, and its scores."""
        refusals = []
        for toy in TOYS:
            context = self.context(toy)
            try:
                return toy, context, self.score(context)
            except MmbalError as refusal:
                refusals.append(refusal)
        raise refusals[0]

    def context(
        self, toy: toy_run.MakeNetwork, count: int = 2, size: int = toy_run.BATCH
    ) -> EvaluationContext:
        """Return what it sees of an untrained toy of so many modalities, in batches of a size."""
        data = toy_data(NAMES[:count])
        predictor = Predictor(toy_run.build(toy, data), partial(plain_batches, batch_size=size))
        return EvaluationContext(
            predictor,
            {"train": data.train, "validation": data.validation, "test": data.train},
            "train",
            toy_run.SEED,
            tuple(data.class_names),
            reads=self.build().reads,
        )

    def score(self, context: EvaluationContext, evaluation: Evaluation | None = None) -> Scores:
        """Return its scores by name; of its tables the numbers in their order.

        Raises:
            Broken: names or values are not those of scores.
        """
        results = Results()
        try:
            results.add((evaluation or self.build())(context), context.modalities)
        except ContractError as error:
            raise Broken(str(error)) from error
        tables = {
            f"{name}[{place}]": float(value)
            for name, table in results.tables.items()
            for place, value in enumerate(np.ravel(table.values))
        }
        for name, value in (scores := results.values | tables).items():
            legal = not math.isinf(value)
            require(legal, f"{name!r} must be a finite number or NaN, received {value!r}")
        return scores

    @owned_by("scores")
    def scored(self) -> tuple[EvaluationContext, Scores]:
        """Score two modalities; other rules compare with it."""
        return self.first[1:]


SUBJECT = EvaluationSubject


def require_same(scores: Mapping[str, float], others: Mapping[str, float], when: str) -> None:
    """Raise `Broken` unless scores have the same names and, but for rounding, values."""
    require([*scores] == [*others], f"{when}, it yields {[*others]} instead of {[*scores]}")
    for name, value in scores.items():
        apart = difference([np.array(value)], [np.array(others[name])])
        require(apart <= SAME, f"{when}, {name} is {others[name]:.6g} instead of {value:.6g}")


@RULES.rule(
    why="records, tables and plots find scores by their names, and hold numbers alone",
    fix="yield `Score`, `Table` or (name, float), each name once and as "
    "`score[@absence]/modality+modality`; NaN where there is no number",
)
def scores(subject: EvaluationSubject) -> None:
    """It yields scores: names of the grammar, each once, and finite numbers or NaN."""
    _, found = subject.scored()
    require(found, "it yields nothing")


@RULES.rule(
    why="fusion networks have any number of branches, and one modality is the ablation of all",
    fix="loop over `context.modalities`, yield fewer scores or NaN where there is one modality, or "
    "raise an MmbalError that says how many it takes",
)
def modalities(subject: EvaluationSubject) -> None:
    """It scores one and three modalities, or refuses them in words."""
    subject.scored()
    refusals = []
    for count in (1, 3):
        try:
            subject.score(subject.context(subject.first[0], count))
        except MmbalError as refusal:
            refusals.append(f"{count}: {refusal}")
    if refusals:
        raise Inapplicable(f"it refuses numbers of modalities: {'; '.join(refusals)}")


@RULES.rule(
    why="a notebook, or data without them, gives no validation examples and no names of classes",
    fix="look at `context.has('validation')` and whether `context.class_names` is empty, and raise "
    "an MmbalError that says what is lacking",
)
def optional_parts(subject: EvaluationSubject) -> None:
    """Without validation examples and names of classes it scores, or says what it lacks."""
    context, _ = subject.scored()
    splits = {name: context.splits[name] for name in ("train", "test")}
    bare = EvaluationContext(context.predictor, splits, reads=context.reads)
    try:
        subject.score(bare)
    except MmbalError as refusal:
        raise Inapplicable(f"it refuses to do without: {refusal}") from refusal


@RULES.rule(
    why="a run is scored several times, and goes on afterwards with the same network",
    fix="call the network with `training=False` if at all, assign to nothing of it, and draw from "
    "a generator of `context.seed`",
)
def no_mutation(subject: EvaluationSubject) -> None:
    """It changes no variable, no setting of the network and no global random state."""
    context, _ = subject.scored()
    network = context.predictor.network
    states = random_states(), keras.config.dtype_policy().name
    before = [(v.path, v.trainable, v.numpy()) for v in network.variables]
    subject.score(context)
    changed = [
        path
        for (path, trainable, value), v in zip(before, network.variables, strict=True)
        if trainable != v.trainable or not np.array_equal(value, v.numpy(), equal_nan=True)
    ]
    require(not changed, f"changed: {', '.join(changed)}")
    same = states == (random_states(), keras.config.dtype_policy().name)
    require(same, "it draws from the global random generators, or sets the precision")


@RULES.rule(
    why="a run scores several splits and weights with one evaluation; a score must not depend on "
    "what was scored before it",
    fix="hold nothing of a call in `self`; make metrics of Keras anew, or reset them",
)
def repeatable(subject: EvaluationSubject) -> None:
    """Scored twice by the same evaluation, the same is the same."""
    context, found = subject.scored()
    evaluation = subject.build()
    subject.score(context.another("validation"), evaluation)
    require_same(found, subject.score(context, evaluation), "after another split")
    require_same(found, subject.score(context, evaluation), "scored once more")


@RULES.rule(
    why="the last batch is a smaller one, and the batch size is an option of the run, not of data",
    fix="take means over the examples of `context.predictions()`, not means of means",
)
def batches(subject: EvaluationSubject) -> None:
    """In batches of another size, the examples have the same scores."""
    _, found = subject.scored()
    others = subject.score(subject.context(subject.first[0], size=3))  # of 9 examples, not 8 and 1
    require_same(found, others, "in batches of 3")
