"""What a run begins with: a recipe, what one lends to another dataset, or the recipe `plain`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mmbal.config.layering import Settings
from mmbal.errors import ConfigError, unknown
from mmbal.keys import dotted
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.component import PLAIN, Recipe
from mmbal.version import __version__

_TUNED = ("schedule", "modalities")  # settings of a recipe that are for its own dataset alone


@dataclass(frozen=True)
class Basis:
    """A recipe and where it comes from.

    Args:
        recipe: of the dataset that is trained on.
        origin: of its settings, for messages.
        dropped: what it sets for the dataset that it was made for, and not for this one.
    """

    recipe: Recipe
    origin: str
    dropped: Mapping[str, Any] = field(default_factory=dict)

    def layers(self, *, sample: bool) -> list[Settings]:
        """Return its settings, the weakest first.

        Args:
            sample: whether what it changes for the dataset's sample lies over the rest.
        """
        recipe = self.recipe
        tables: dict[str, Any] = {
            **recipe.settings,
            **recipe.components,
            "recipe": recipe.name,
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "optimizer": recipe.optimizer,
        }
        return [
            Settings.of_tables(tables, lambda _: self.origin),
            Settings.of_tables(recipe.options, lambda _: self.origin),
            Settings.of_tables(
                recipe.sample if sample else {}, lambda _: f"--sample of {self.origin}"
            ),
        ]

    def remarks(self, asked: Settings) -> tuple[str, ...]:
        """Return in one line what was dropped and is not set otherwise, if anything."""
        dropped = Settings.of_tables(self.dropped, lambda _: self.origin)
        texts = [
            f"{dotted(key)}={setting.value}"
            for key, setting in dropped.values.items()
            if key not in asked.origins
        ]
        if not texts:
            return ()
        subject = f"{self.origin} is tuned to another dataset: for {self.recipe.dataset}"
        return (f"{subject} it does not set {', '.join(texts)}",)


def find_basis(catalogue: Catalogue, asked: Settings) -> Basis:
    """Return what the command line and the file over which it lies begin with.

    Args:
        catalogue: what is installed.
        asked: by both.

    Raises:
        ConfigError: they name neither recipe nor dataset.
        MmbalError: the recipe is not installed.
    """
    name, dataset = asked.table().get("recipe"), asked.table("dataset").get("name")
    if name in (None, PLAIN):
        if dataset is None:
            raise ConfigError(
                "neither a recipe nor a dataset is named: give RECIPE or --dataset NAME (legal "
                f"recipes: {_listed(catalogue, 'recipe')}; datasets: "
                f"{_listed(catalogue, 'dataset')})"
            )
        return Basis(_plain(dataset), f"recipe {PLAIN} (mmbal {__version__})")
    if name not in catalogue.names("recipe") and name in catalogue.names("dataset"):
        recipes = catalogue.names("recipe")
        raise ConfigError(
            f"{unknown('recipe', name, recipes)}; it is a dataset: give --dataset {name}"
        )
    recipe = catalogue.recipe(name)
    origin = f"recipe {name} ({catalogue.provenance(recipe).distribution})"
    if dataset in (None, recipe.dataset):
        return Basis(recipe, origin)
    return _lent(recipe, origin, dataset)


def _plain(dataset: str) -> Recipe:
    """Return the recipe of a dataset that none was written for."""
    return Recipe(
        name=PLAIN,
        summary="any dataset, without balancing",
        dataset=dataset,
        architecture="mmtm-any",
        strategy="vanilla",
        epochs=20,
        batch_size=32,
        optimizer={"name": "adam", "learning_rate": 1e-3},
    )


def _lent(recipe: Recipe, origin: str, dataset: str) -> Basis:
    """Return what a recipe sets for any dataset: which components there are, and their network."""
    plain = _plain(dataset)
    name = recipe.optimizer.get("name")
    lent = replace(
        recipe,
        dataset=dataset,
        epochs=plain.epochs,
        batch_size=plain.batch_size,
        optimizer={"name": name} if name else {},
        options={"architecture": recipe.options.get("architecture", {})},
        settings={key: value for key, value in recipe.settings.items() if key not in _TUNED},
        sample={},
        needs={key: text for key, text in recipe.needs.items() if key.startswith("architecture.")},
    )
    tuned: dict[str, Any] = {
        "strategy": recipe.options.get("strategy", {}),
        "optimizer": {key: value for key, value in recipe.optimizer.items() if key != "name"},
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
    }
    tuned |= {key: value for key, value in recipe.settings.items() if key in _TUNED}
    return Basis(lent, origin, tuned)


def _listed(catalogue: Catalogue, kind: str) -> str:
    return ", ".join(catalogue.names(kind)) or "none is installed"
