"""What the folder of a comparison keeps beside its runs: `comparison.json`."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from mmbal.comparison.ledger import Cost
from mmbal.errors import DataFormatError
from mmbal.files.atomic import replace_file
from mmbal.files.text import read_text

NAME = "comparison.json"


class Kept(BaseModel):
    """How a comparison was made.

    Attributes:
        command: as it was typed.
        baseline: that the arms were judged against.
        costs: of networks, by name of a run.
    """

    command: str = ""
    baseline: str = ""
    costs: dict[str, Cost] = {}

    def save(self, folder: Path) -> None:
        """Write it.

        Raises:
            MmbalError: it cannot be written.
        """
        replace_file(folder / NAME, self.model_dump_json().encode())


def kept_in(folder: Path) -> Kept:
    """Return what a folder keeps, which is nothing where it is of no comparison.

    Raises:
        DataFormatError: `mmbal compare` wrote something else.
        MmbalError: it cannot be read.
    """
    path = folder / NAME
    if not path.is_file():
        return Kept()
    try:
        return Kept.model_validate_json(read_text(path))
    except ValidationError as error:
        problem = error.errors()[0]
        raise DataFormatError(f"{path}: {problem['loc']}: {problem['msg']}") from error
