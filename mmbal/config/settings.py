"""The resolved configuration of a run, typed."""

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SerializeAsAny, field_validator

from mmbal.config.layering import COMPONENTS, SETS
from mmbal.config.tree import leaves
from mmbal.keys import dotted
from mmbal.optimizers.options import WarmUpOptions
from mmbal.options import Options
from mmbal.registry.composition import names_in

_FREE = {"free": True}
_free = partial(Field, json_schema_extra=_FREE)


class Choice(Options):
    """A component by name with its (already validated) options."""

    name: str
    options: SerializeAsAny[Options]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the components: one, or those of which a strategy is composed."""
        return tuple(names_in(self.name))


CONSTANT = Choice(name="constant", options=WarmUpOptions())
"""The schedule that leaves the learning rate alone, so that callbacks may set it."""


class RunSettings(Options):
    """What a run has beside its components: plain values.

    Those that are free say how and where it is carried out, and may change when it is resumed.
    """

    recipe: str = Field(description="name of the recipe")
    epochs: int = Field(ge=1, description="passes over the training data")
    batch_size: int = Field(ge=1, description="examples per step, over all devices")
    seed: int = Field(default=0, ge=0, lt=2**31, description="of weights, order and strategy")
    modalities: tuple[str, ...] = Field(
        default=(), description="those of the dataset's to train on and to score; [] for all"
    )
    precision: Literal["float32", "float64", "mixed_bfloat16", "mixed_float16"] = Field(
        default="float32",
        description="Keras dtype policy; on GPUs mixed_bfloat16 is the first to try, "
        "mixed_float16 adds a loss scale",
    )
    select: Literal["accuracy", "loss", "last"] = Field(
        default="accuracy",
        description="which epoch's weights are tested: best validation accuracy, best "
        "validation loss, or the last",
    )
    log_every: int = Field(default=10, ge=1, description="steps per line of the journal")
    data_dir: Path | None = _free(default=None, description="folder of the dataset's files")
    distribute: Literal["auto", "none", "mirrored", "multiworker"] = _free(
        default="auto",
        description="devices that train together: several hosts where TF_CONFIG or SLURM names "
        "them, else all GPUs, else one device",
    )
    logical_devices: int | None = _free(
        default=None, ge=1, description="split the CPU into so many devices, to try it out"
    )
    worker_wait: float = _free(
        default=600, gt=0, description="seconds to wait for the other hosts at the start"
    )
    sync_batchnorm: bool = Field(
        default=True, description="batch normalisation measures the batch of all devices"
    )
    jit_compile: bool = Field(default=False, description="compile the step with XLA; one device")
    steps_per_execution: int = Field(
        default=1, ge=1, description="steps per call of the compiled function; one device"
    )
    deterministic: bool = Field(
        default=True, description="bit-identical repetition; some GPU kernels are slower"
    )
    on_nonfinite: Literal["stop", "skip", "warn"] = Field(
        default="stop", description="what NaN or infinity in loss, gradients or speeds means"
    )
    save_predictions: bool = _free(
        default=False, description="keep what the network says of every example, as HDF5"
    )
    checkpoint_minutes: float = _free(
        default=5, ge=0, description="time between checkpoints for --resume; 0 for none by time"
    )
    checkpoint_steps: int | None = _free(
        default=None, ge=1, description="steps between checkpoints, beside checkpoint_minutes"
    )

    @field_validator("modalities")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "" in value or len(set(value)) != len(value):
            raise ValueError(f"must be distinct, non-empty names, received {list(value)}")
        return value


FREE = frozenset(
    name for name, info in RunSettings.model_fields.items() if info.json_schema_extra == _FREE
)
"""Settings that may differ between a run and its resumption."""


class RunConfig(RunSettings):
    """Everything that decides a run. Components carry their own options."""

    dataset: Choice
    architecture: Choice
    strategy: Choice
    optimizer: Choice
    schedule: Choice = CONSTANT
    evaluations: tuple[Choice, ...] = ()
    callbacks: tuple[Choice, ...] = ()

    def check_components(self) -> None:
        """Check what a run can be told of its components before anything heavy is loaded.

        Raises:
            ConfigError: a modality or a file that they name is not there.
        """
        names = self.dataset.options.modality_names()
        used = self if names is None else self.without(self.left_out(names))
        for kind in COMPONENTS:
            choice: Choice = getattr(used, kind)
            choice.options.check_use(names)

    def left_out(self, names: Collection[str]) -> list[str]:
        """Return those of a dataset's modalities that the run does without."""
        return [name for name in names if self.modalities and name not in self.modalities]

    def without(self, modalities: Collection[str]) -> Self:
        """Return it without what options say of modalities; what is read stays the dataset's."""

        def narrowed(choice: Choice) -> Choice:
            return Choice(name=choice.name, options=choice.options.without(modalities))

        kinds = [kind for kind in COMPONENTS if kind != "dataset"]
        changed: dict[str, Any] = {kind: narrowed(getattr(self, kind)) for kind in kinds}
        changed |= {section: tuple(map(narrowed, getattr(self, section))) for section in SETS}
        return self.model_copy(update=changed)

    def tree(self) -> dict[str, Any]:
        """Return the nested tables that its TOML file holds: plain values, "none" for None."""
        tree = self.model_dump(mode="json", include=set(RunSettings.model_fields))
        for section in COMPONENTS:
            choice: Choice = getattr(self, section)
            tree[section] = {"name": choice.name, **choice.options.model_dump(mode="json")}
        for section in SETS:
            choices: tuple[Choice, ...] = getattr(self, section)
            tree[section] = {each.name: each.options.model_dump(mode="json") for each in choices}
        named: dict[str, Any] = _without_null(tree)
        return named

    def identity(self) -> dict[str, Any]:
        """Return what makes two runs the same run: all that is not free, by dotted key."""
        return {dotted(key): value for key, value in leaves(self.tree()) if key[0] not in FREE}


def _without_null(value: Any) -> Any:
    """Return plain data with "none" in place of None, which TOML lacks."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return [_without_null(inner) for inner in value]
    if isinstance(value, Mapping):
        return {name: _without_null(inner) for name, inner in value.items()}
    return value
