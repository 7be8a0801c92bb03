"""What a plugin offers, as light descriptions: nothing heavy is imported to list them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from mmbal.capabilities import missing

if TYPE_CHECKING:
    from mmbal.options import Options

Kind = Literal[
    "dataset", "architecture", "strategy", "optimizer", "schedule", "evaluation", "callback"
]
KINDS: tuple[str, ...] = get_args(Kind)
PLAIN = "plain"
"""The recipe of a dataset that is named without one; no plugin can offer it."""


@dataclass(frozen=True)
class Conformance:
    """What `mmbal.testing` must be told of a component, since it cannot see it.

    Args:
        options: with which a few steps on toy data show what it does, where its defaults need
            long training or large inputs.
        identity: of a strategy or callback, options with which it promises plain joint training,
            such as a window that never begins; None where it promises that nowhere.
        known: name of a rule that is not kept to the reason for it.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, Any] | None = None
    known: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Component:
    """One thing a plugin offers; its code is imported only when it is used.

    What `factory` is called with, by kind (`options` is an instance of the options class):

    - dataset: `factory(options)` -> `mmbal.data.DatasetSource`
    - architecture: `factory(options, modalities, classes)` -> `mmbal.FusionNetwork`, where
      `modalities` maps each name to its `mmbal.data.Modality` and `classes` is their number
    - strategy: `factory(options)` -> `mmbal.Strategy`
    - optimizer: `factory(options)` -> `keras.optimizers.Optimizer`
    - schedule: `factory(options, learning_rate, epochs, steps_per_epoch)` ->
      `keras.optimizers.schedules.LearningRateSchedule`, where `learning_rate` is the optimizer's
    - evaluation: `factory(options)` -> `mmbal.evaluation.Evaluation`
    - callback: `factory(options)` -> `keras.callbacks.Callback`

    Args:
        kind: one of `KINDS`.
        name: what users type; unique within its kind.
        summary: one line for listings.
        factory: "package.module:callable", such as a class that annotates its `options`
            (`mmbal.Configurable`).
        options: "package.module:Class", that subclass of `mmbal.Options`, in a module that imports
            nothing heavy.
        source: the paper it implements, or "".
        requires: of a strategy, what it needs of an architecture: names of
            `mmbal.capabilities.CAPABILITIES`, as its `requirements` say under default options.
        offers: of an architecture, as the `offers` of its network; None leaves it to the built
            network to say so.
        takes: of an architecture, how many axes the shape of a modality may have without options
            that say otherwise: 1 for vectors, 2 for series, 3 for images, 4 for clips. It is named
            to users whose data another architecture refuses; () never is.
        conformance: how `mmbal plugins check` tries it out.
    """

    kind: Kind
    name: str
    summary: str
    factory: str
    options: str = "mmbal.options:NoOptions"
    source: str = ""
    requires: tuple[str, ...] = ()
    offers: tuple[str, ...] | None = None
    takes: tuple[int, ...] = ()
    conformance: Conformance = field(default_factory=Conformance)

    def lacks(self, *strategies: "Component") -> list[str]:
        """Return what strategies require and this architecture does not offer.

        Empty where it leaves that to the built network.
        """
        if self.offers is None:
            return []
        return missing([name for each in strategies for name in each.requires], self.offers)

    def options_class(self) -> "type[Options]":
        """Import and return the options class."""
        return resolve_name(self.options)  # type: ignore[no-any-return]

    def load_factory(self) -> Callable[..., Any]:
        """Import and return the factory."""
        return resolve_name(self.factory)  # type: ignore[no-any-return]

    def build(self, options: "Options", *arguments: Any) -> Any:
        """Import the factory and call it."""
        return self.load_factory()(options, *arguments)


@dataclass(frozen=True)
class Recipe:
    """One experiment by name: what `mmbal run NAME` runs.

    Args:
        name: what users type.
        summary: one line for listings.
        dataset, architecture, strategy: component names.
        epochs: passes over the training data.
        batch_size: examples per step, over all devices.
        optimizer: `name` of an optimizer, "sgd" where it is left out, and its options.
        options: component kind ("dataset", "architecture", "strategy") to its options.
        settings: further run settings, such as {"select": "loss"}.
        sample: what `mmbal run --sample` changes, so that it runs through the dataset's sample
            in a few minutes on a processor: nested tables as a configuration file has them,
            such as {"epochs": 2, "dataset": {"frames": 16}}.
        needs: settings that only the user can give, by dotted key, and how to come by them:
            {"architecture.weights": "..."}. Of options of a component, as long as the recipe's
            own one is used.
        source: the paper.
        expected: the result to expect, as measured.
        time: how long it takes, and on what.
    """

    name: str
    summary: str
    dataset: str
    architecture: str
    strategy: str
    epochs: int
    batch_size: int
    optimizer: Mapping[str, Any]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    sample: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    expected: str = ""
    time: str = ""
    kind: ClassVar[str] = "recipe"

    @property
    def components(self) -> dict[str, str]:
        """Kind to name of what it puts together."""
        return {
            "dataset": self.dataset,
            "architecture": self.architecture,
            "strategy": self.strategy,
        }
