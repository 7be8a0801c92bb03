"""The resolved configuration of a run, typed."""

from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field

from mmbal.options import Options


class Choice(Options):
    """A component by name with its (already validated) options."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = Field(description="name of the component, see `mmbal plugins`")
    options: Options = Field(description="its options, see `mmbal plugins show NAME`")


class OptimizerSettings(Options):
    """A Keras optimizer by name; further keys are passed to its constructor."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(default="sgd", description="a Keras optimizer: sgd, adam, adamw, rmsprop, …")
    learning_rate: float = Field(default=0.01, gt=0, description="learning rate per step")

    def arguments(self) -> dict[str, Any]:
        """Return everything but the name, as the optimizer's constructor takes it."""
        return self.model_dump(exclude={"name"})


class RunConfig(Options):
    """Everything that decides a run. Components carry their own options."""

    recipe: str = Field(description="name of the recipe")
    dataset: Choice
    architecture: Choice
    strategy: Choice
    optimizer: OptimizerSettings
    evaluations: tuple[Choice, ...] = Field(default=(), description="scores taken at the end")
    callbacks: tuple[Choice, ...] = Field(default=(), description="Keras callbacks of plugins")
    epochs: int = Field(ge=1, description="passes over the training data")
    batch_size: int = Field(ge=1, description="examples per step, over all devices")
    seed: int = Field(default=0, ge=0, lt=2**31, description="of weights, order and strategy")
    precision: Literal["float32", "float64", "mixed_bfloat16", "mixed_float16"] = Field(
        default="float32", description="Keras dtype policy"
    )
    select: Literal["accuracy", "loss", "last"] = Field(
        default="accuracy",
        description="which epoch's weights are tested: best validation accuracy, best "
        "validation loss, or the last",
    )
    log_every: int = Field(default=10, ge=1, description="steps per line of the journal")
    data_dir: Path | None = Field(default=None, description="folder of the dataset's files")
