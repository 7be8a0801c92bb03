"""What `record.h5` holds: one table, from which files are written, checked and documented."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

FORMAT = "mmbal-record"
VERSION = 1


@dataclass(frozen=True)
class Field:
    """One dataset of the file.

    Args:
        path: group and name.
        dtype: "float64", "int64", "bool" or "text" (UTF-8 of fixed length, zero-padded).
        axes: what each axis counts; () for a scalar, ("...",) for any number of axes.
        units: of its values, in words; "" for text and pure names.
        description: one line. Undefined floats are NaN.
        default: what it holds in files that were written before it was added; None where
            every file has it.
    """

    path: str
    dtype: str
    axes: tuple[str, ...]
    units: str
    description: str
    default: str | None = None


class Contents(NamedTuple):
    """What a `record.h5` holds.

    Attributes:
        values: by the paths of `FIELDS`, of the types and axes that they name.
        arrays: by name, of any shape.
        journal_bytes: bytes of the journal it was built from.
    """

    values: Mapping[str, Any]
    arrays: Mapping[str, Any]
    journal_bytes: int


ATTRIBUTES = {
    "format": f'always "{FORMAT}"',
    "version": f"version of this schema, {VERSION}; a newer one is refused",
    "mmbal": "version of mmbal that wrote the file",
    "journal_bytes": "bytes of journal.jsonl the file was built from; tells a stale file",
}

_RUN = (
    Field("run/recipe", "text", (), "", "name of the recipe"),
    Field("run/dataset", "text", (), "", "name of the dataset"),
    Field("run/architecture", "text", (), "", "name of the architecture"),
    Field("run/strategy", "text", (), "", "name of the balancing strategy"),
    Field("run/seed", "int64", (), "1", "seed of weights, order and strategy"),
    Field("run/epochs", "int64", (), "epochs", "epochs that were asked for"),
    Field("run/batch_size", "int64", (), "examples", "examples per step, over all devices"),
    Field("run/steps_per_epoch", "int64", (), "steps", "steps per epoch; -1 when unknown"),
    Field("run/modalities", "text", ("modality",), "", "names, in the order of the branches"),
    Field("run/classes", "text", ("class",), "", "names, by label"),
    Field("run/fingerprint", "text", (), "", "digest of the examples and of their split"),
    Field("run/started", "text", (), "", "ISO 8601 time of the first start"),
    Field("run/config", "text", (), "", "config.toml as it stood; empty when there was none"),
    Field("run/status", "text", (), "", "finished, interrupted, or unfinished (no end written)"),
    Field("run/stop_reason", "text", (), "", "why an interrupted run stopped"),
    Field("run/seconds", "float64", (), "seconds", "wall-clock time; NaN without an end"),
    Field("run/result", "text", (), "", "JSON object that `mmbal run --json` printed, or {}"),
    Field("run/warnings", "text", ("warning",), "", "warnings of the run, in order"),
    Field("run/notes", "text", (), "", "JSON object of what the dataset tells of itself", "{}"),
    Field("run/data", "text", (), "", "JSON object: task, shape and dtype of each modality, number "
          "of examples and digest of each split", "{}"),
    Field("run/headlines", "text", (), "", "JSON list of the scores that short tables show", "[]"),
    Field("run/meanings", "text", (), "", "JSON object: score to what it is, in a line", "{}"),
    Field("run/tables", "text", (), "", "JSON object: array that is a table of an evaluation, to "
          "split, weights, name, axes (names and labels) and description", "{}"),
    Field("run/initial_weights", "text", (), "", "SHA-256 of the weights before training", ""),
    Field("run/data_order", "text", (), "", "SHA-256 of the order of the first epoch", ""),
)  # fmt: skip
_STEP = (
    Field("step/index", "int64", ("step",), "steps", "steps taken before this one in the run"),
    Field("step/epoch", "int64", ("step",), "epochs", "epoch, from 0"),
    Field("step/loss", "float64", ("step",), "nats", "joint loss: sum of the branches' losses"),
    Field("step/isolated", "int64", ("step",), "modality index",
          "branch isolated by a re-balancing step; -1 in a regular step"),
    Field("step/learning_speed", "float64", ("step", "modality"), "natural log of a ratio",
          "conditional learning speed of each branch after the step"),
    Field("step/d_speed", "float64", ("step",), "natural log of a ratio",
          "imbalance: first minus second speed of two, highest minus lowest of more"),
)  # fmt: skip
_EPOCH = (
    Field("epoch/index", "int64", ("epoch",), "epochs", "epoch, from 0"),
    Field("epoch/step", "int64", ("epoch",), "steps", "steps taken by its end"),
    Field("epoch/seconds", "float64", ("epoch",), "seconds", "wall-clock time of the epoch"),
    Field("epoch/selected", "bool", ("epoch",), "",
          "its weights became the selected ones; the last such epoch counts"),
    Field("epoch/learning_speed", "float64", ("epoch", "modality"), "natural log of a ratio",
          "conditional learning speed of each branch at its end"),
    Field("epoch/d_speed", "float64", ("epoch",), "natural log of a ratio",
          "imbalance at its end"),
    Field("epoch/rebalancing_steps", "int64", ("epoch", "modality"), "steps",
          "re-balancing steps that isolated each branch"),
    Field("epoch/train_names", "text", ("train metric",), "",
          "metric names, such as loss or branch_accuracy/gray"),
    Field("epoch/train", "float64", ("epoch", "train metric"), "by metric",
          "metrics on the training data: losses in nats, accuracies as fractions"),
    Field("epoch/validation_names", "text", ("validation metric",), "", "metric names"),
    Field("epoch/validation", "float64", ("epoch", "validation metric"), "by metric",
          "metrics on the validation data: losses in nats, accuracies as fractions"),
)  # fmt: skip
_SCORES = (
    Field("scores/split", "text", ("score",), "", "data scored: train, validation or test"),
    Field("scores/weights", "text", ("score",), "", "weights scored: selected or last"),
    Field("scores/name", "text", ("score",), "",
          "such as accuracy, branch_accuracy/gray, utilization/gray, d_util; with _se behind the "
          "score, its standard error over examples"),
    Field("scores/value", "float64", ("score",), "by score",
          "accuracies and utilization rates as fractions, losses in nats"),
)  # fmt: skip
ARRAYS = Field(
    "arrays/*", "float64", ("...",), "by array",
    "what the journal calls arrays, such as squeeze means; names are percent-encoded",
)  # fmt: skip

FIELDS: tuple[Field, ...] = (*_RUN, *_STEP, *_EPOCH, *_SCORES)


def schema_markdown() -> str:
    """Return the schema as Markdown: the file's attributes and a table of its datasets."""
    lines = [f"`record.h5`, schema version {VERSION}. Attributes of the file:", ""]
    lines += [f"- `{name}`: {text}" for name, text in ATTRIBUTES.items()]
    lines += [
        "",
        "Datasets; each carries its `axes`, `units` and `description` as attributes:",
        "",
        "| dataset | type | axes | units | description |",
        "| --- | --- | --- | --- | --- |",
    ]
    for field in (*FIELDS, ARRAYS):
        axes = "(" + ", ".join(field.axes) + ")" if field.axes else "scalar"
        lines.append(
            f"| `{field.path}` | {field.dtype} | {axes} | {field.units} | {field.description} |"
        )
    return "\n".join(lines)
