"""What dtypes met, and on which line of the component's own."""

import inspect
import re

import broken_datasets
import broken_networks
import broken_strategies
import numpy as np
import pytest
import tensorflow as tf

from mmbal.testing import check, subject_of
from mmbal.testing.faults import clash, explain
from mmbal.testing.subject import Subject

SINGLE, DOUBLE = tf.constant([1.0, 2.0]), tf.constant([1.0, 2.0], tf.float64)
HALF = tf.constant([1.0, 2.0], tf.bfloat16)
VARIABLE = tf.Variable([1.0, 2.0])
MIXED = {
    "product": lambda: SINGLE * DOUBLE,
    "quotient": lambda: SINGLE / DOUBLE,
    "concatenation": lambda: tf.concat([SINGLE, SINGLE, DOUBLE], 0),
    "sum": lambda: tf.add_n([SINGLE, HALF]),
    "choice": lambda: tf.where(SINGLE > 0, SINGLE, DOUBLE),
    "assignment": lambda: VARIABLE.assign_add(HALF),
}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("how", ["eager", "graph"])
def test_what_tensorflow_says_of_dtypes(name, how):
    with pytest.raises((TypeError, ValueError, tf.errors.InvalidArgumentError)) as error:
        (MIXED[name] if how == "eager" else tf.function(MIXED[name]))()

    other = "bfloat16" if name in ("sum", "assignment") else "float64"
    assert set(clash(error.value)) == {"float32", other}


def test_branches_and_input_pipelines():
    with pytest.raises(TypeError) as error:
        tf.function(lambda x: tf.cond(x[0] > 0, lambda: SINGLE, lambda: DOUBLE))(SINGLE)
    assert set(clash(error.value)) == {"float32", "float64"}

    def read(index):
        return tf.numpy_function(lambda _: np.float64(1), [index], tf.float32)

    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        next(iter(tf.data.Dataset.range(2).map(read)))
    assert clash(error.value) == ("float64", "float32")


@pytest.mark.parametrize(
    "said", ["out of ideas", "x has type Thing that does not match type float32 of y"]
)
def test_other_errors_tell_of_no_dtypes(said):
    assert clash(TypeError(said)) is None


def line(module, marked):
    """Return file and line of a module that a text stands in."""
    text = inspect.getsource(module)
    return f"{module.__file__}:{text[: text.index(marked)].count(chr(10)) + 1}"


@pytest.mark.parametrize(
    ("kind", "module", "name", "rule", "dtypes", "marked"),
    [
        ("dataset", broken_datasets, "double", "examples", "float64 float32", "def load("),
        ("dataset", broken_datasets, "doubling", "examples", "float64 float32", "class Doubling("),
        ("strategy", broken_strategies, "mixing", "training", "float32 float64", "# the line of M"),
        ("strategy", broken_strategies, "single", "precision", "float64 float32", "# the line"),
        (
            "strategy",
            broken_strategies,
            "narrow",
            "precision",
            "bfloat16 float32",
            "def losses(self, step, joint):  # Nar",
        ),
        ("architecture", broken_networks, "casting", "precision", "float32 float64", "# the line"),
        (
            "architecture",
            broken_networks,
            "halving",
            "outputs",
            "float16 float32",
            "inputs = {m: tf",
        ),
    ],
)
def test_a_dtype_fault_names_both_dtypes_and_a_line_of_the_plugin(
    kind, module, name, rule, dtypes, marked
):
    (finding,) = check(subject_of(kind, module.OFFERS[name]), [rule])

    assert finding.status == "failed"
    assert finding.message.startswith("dtype fault: ")
    assert set(re.findall(r"b?float\d+", finding.message)) == set(dtypes.split())
    assert f"({line(module, marked)})" in finding.message


@pytest.mark.parametrize(
    ("kind", "module", "name", "rule", "owner"),
    [
        ("strategy", broken_strategies, "single", "replicas", "precision"),
        ("strategy", broken_strategies, "mixing", "eager", "training"),
        ("architecture", broken_networks, "casting", "empty-batch", "precision"),
    ],
)
def test_other_rules_than_its_own_leave_a_dtype_fault_alone(kind, module, name, rule, owner):
    (finding,) = check(subject_of(kind, module.OFFERS[name]), [rule])

    assert finding.status == "skipped"
    assert finding.message == f"the rule {owner!r} must be kept first"


def test_of_a_traced_error_the_last_line_is_told():
    subject = Subject(None, None, None, None)
    subject.owns = lambda path: path == "/own/plugin.py"
    text = 'in user code:\n\n    File "/own/plugin.py", line 7, in f  *\n\n    OSError: no disk\n'

    message, remedy = explain(subject, OSError(text))

    assert message == "it raises OSError: no disk (/own/plugin.py:7)"
    assert remedy.startswith("mend what is raised at /own/plugin.py:7")
