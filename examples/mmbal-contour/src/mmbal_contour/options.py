"""What users can set; nothing heavy is imported here."""

from pydantic import Field, model_validator

from mmbal import Options

MODALITIES = ("contour", "image", "moments")


class ContourOptions(Options):
    """Of the dataset."""

    train_fraction: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="share of the digits that is trained on; so few that no modality tells all",
    )
    validation_fraction: float = Field(
        default=0.15, gt=0, lt=1, description="share for validation; what is left is the test"
    )

    def modality_names(self) -> tuple[str, ...]:
        """Return the modalities, which no option changes."""
        return MODALITIES

    @model_validator(mode="after")
    def _leave_a_test(self) -> "ContourOptions":
        if self.train_fraction + self.validation_fraction >= 1:
            raise ValueError(
                "train_fraction and validation_fraction must sum to less than 1, received "
                f"{self.train_fraction:g} and {self.validation_fraction:g}"
            )
        return self
