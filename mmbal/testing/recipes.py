"""The rules for recipes: what they say is legal, and their samples run."""

import math
from functools import cached_property

from mmbal.config.origin import DEFAULT, Override
from mmbal.config.resolution import Resolved, resolve
from mmbal.data import DatasetSource
from mmbal.errors import MmbalError, unknown
from mmbal.experiment import open_dataset, run
from mmbal.records.run_folder import RunFolder
from mmbal.registry.component import Recipe
from mmbal.testing.rules import Inapplicable, Rulebook, require
from mmbal.testing.subject import Subject, owned_by

RULES = Rulebook()


class RecipeSubject(Subject):
    """A recipe and what it resolves to."""

    @cached_property
    def recipe(self) -> Recipe:
        """What is checked."""
        return self.catalogue.recipe(self.component.name)

    def resolve(self, *overrides: Override, sample: bool, complete: bool = False) -> Resolved:
        """Return its configuration, with components checked as far as a run does at first."""
        name = self.component.name
        resolved = resolve(self.catalogue, name, None, overrides, sample=sample, complete=complete)
        resolved.config.check_components()
        return resolved

    @owned_by("settings")
    def resolved(self) -> Resolved:
        """Return its configuration without what the user is to give."""
        self.resolve(sample=True)
        return self.resolve(sample=False)


SUBJECT = RecipeSubject


@RULES.rule(
    why="a recipe is what users run first; a name or option that is not legal ends it there",
    fix="read the message: `mmbal plugins show NAME` lists options, `mmbal plugins` components",
)
def settings(subject: RecipeSubject) -> None:
    """Its components are installed and fit each other, its options and settings are legal."""
    subject.resolved()


@RULES.rule(
    why="what only the user can give is asked for by its key, with advice on how to come by it",
    fix="name a setting by its dotted key, such as `architecture.weights`, leave it out of "
    "`options`, and say where it comes from",
)
def needs(subject: RecipeSubject) -> None:
    """What it needs of the user are settings that exist, which it leaves open."""
    origins = subject.resolved().origins
    if not subject.recipe.needs:
        raise Inapplicable("it needs nothing of the user")
    for key, advice in subject.recipe.needs.items():
        require(key in origins, unknown("setting", key, origins))
        require(origins[key] == DEFAULT, f"it needs {key}, and sets it: {origins[key]}")
        require(advice.strip(), f"it does not say how to come by {key}")


@RULES.rule(
    why="`mmbal run NAME --sample` is how users and tests try a recipe whose data they do not have",
    fix="set in `Recipe.sample` what does not fit the sample: epochs, batch size, sizes of inputs",
)
def sample(subject: RecipeSubject) -> None:
    """It trains through its dataset's sample at the reduced size, and is scored."""
    subject.resolved()
    folder = subject.folder / "run"
    given = {"data_dir": str(RunFolder(folder).sample), "distribute": "none"}
    # Bit for bit costs what this does not look at, and all of the process would have to keep to it.
    overrides = [Override(*each, "the kit") for each in {**given, "deterministic": False}.items()]
    try:
        resolved = subject.resolve(*overrides, sample=True, complete=True)
    except MmbalError as refusal:
        raise Inapplicable(f"it cannot run without the user: {refusal}") from refusal
    source = open_dataset(subject.catalogue, resolved.config.dataset)
    if type(source).sample is DatasetSource.sample:
        raise Inapplicable("its dataset offers no sample (`mmbal data sample`)")
    loss = run(resolved, subject.catalogue, folder, sample=True)["last"]["test"]["loss"]
    require(loss is None or math.isfinite(loss), f"the loss on the test examples is {loss}")
