"""Options of the callbacks that mmbal offers; nothing heavy is imported here."""

from typing import Literal

from pydantic import Field

from mmbal.options import Options


class MonitorOptions(Options):
    """Which number of an epoch is watched, and what counts as better."""

    monitor: str = Field(
        default="val_loss",
        description="loss, accuracy, branch_accuracy/MODALITY (slice_accuracy in late fusion), "
        "learning_speed/MODALITY or d_speed of training; those of validation begin with val_",
    )
    mode: Literal["auto", "min", "max"] = Field(
        default="auto", description="which way is better; auto: max for accuracies, else min"
    )
    min_delta: float = Field(
        default=0, ge=0, allow_inf_nan=False, description="smallest change that counts as better"
    )
    relative: float = Field(
        default=0, ge=0, lt=1, description="the same as a part of the best value so far"
    )


class PlateauOptions(MonitorOptions):
    """Of `reduce-lr-on-plateau`."""

    factor: float = Field(default=0.1, gt=0, lt=1, description="new learning rate / old one")
    patience: int = Field(
        default=10, ge=1, description="epochs in a row without a better value that reduce the rate"
    )
    cooldown: int = Field(default=0, ge=0, description="epochs to wait after a reduction")
    min_lr: float = Field(default=0, ge=0, description="lowest learning rate")


class EarlyStoppingOptions(MonitorOptions):
    """Of `early-stopping`."""

    patience: int = Field(
        default=10, ge=1, description="epochs in a row without a better value that end training"
    )
    baseline: float | None = Field(
        default=None, description="value that a better one must also beat; none for no such value"
    )
    start_from_epoch: int = Field(default=0, ge=0, description="epochs that do not count, at first")


class PerfectOptions(Options):
    """Of `stop-when-perfect`."""

    monitor: str = Field(
        default="accuracy",
        description="accuracy or branch_accuracy/MODALITY; of validation after val_",
    )
    epochs: int = Field(default=5, ge=1, description="how many with accuracy 1 end training")
    consecutive: bool = Field(default=False, description="whether they must follow each other")
