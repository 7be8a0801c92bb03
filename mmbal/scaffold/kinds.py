"""What can be scaffolded, and what the templates of each kind need beside the name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of plugin.

    Args:
        summary: of the distribution, one line.
        command: that runs it, with NAME in place of its name.
        files: module to what stands in it, beside `plugin.py`.
        dependencies: distributions of this workspace, beside mmbal.
        tried_with: distributions that the command needs beside them.
    """

    summary: str
    command: str
    files: dict[str, str]
    dependencies: tuple[str, ...] = ()
    tried_with: tuple[str, ...] = ()


OPTIONS = "what users can set; imports nothing heavy"
_DIGITS = "mmbal run --plugin colored-digits"
_DIGITS_NEED = ("mmbal-colored-mnist", "mmbal-guided", "mmbal-mmtm")

KINDS = {
    "dataset": Kind(
        "Stripes in four directions, seen clearly and through noise",
        "mmbal run --plugin NAME",
        {"options.py": OPTIONS, "dataset.py": "draws, reads, checks and splits the images"},
        ("mmbal-mmtm",),
    ),
    "architecture": Kind(
        "Dense branches that scale each other's features by gates",
        f"{_DIGITS} --architecture NAME --strategy vanilla --epochs 10",
        {
            "options.py": OPTIONS,
            "gate.py": "the gate",
            "network.py": "the branches and the classifiers around it",
        },
        tried_with=_DIGITS_NEED,
    ),
    "strategy": Kind(
        "Trains the branch that is least sure of the right class once more",
        f"{_DIGITS} --strategy NAME --epochs 10",
        {"options.py": OPTIONS, "strategy.py": "the strategy"},
        tried_with=_DIGITS_NEED,
    ),
    "evaluation": Kind(
        "Expected calibration error, fused and of each modality's own branch",
        f"{_DIGITS} --set evaluations.NAME.bins=10 --epochs 10",
        {"options.py": OPTIONS, "evaluation.py": "the evaluation"},
        tried_with=_DIGITS_NEED,
    ),
    "callback": Kind(
        "Ends training once the validation accuracy reaches a target",
        f"{_DIGITS} --set callbacks.NAME.accuracy=0.5 --epochs 10",
        {"options.py": OPTIONS, "callback.py": "the callback"},
        tried_with=_DIGITS_NEED,
    ),
    "recipe": Kind(
        "Guided balancing of a tenth of the coloured digits, in seconds",
        "mmbal run --plugin NAME",
        {},
        _DIGITS_NEED,
    ),
}
LICENSES = ("Apache-2.0", "BSD-3-Clause", "MIT")
