"""What the entry point offers."""

import subprocess
import sys

import pytest

from mmbal_colored_mnist.plugin import mmbal_components, mmbal_recipes
from mmbal_colored_mnist.source import ColouredSource

NAMES = ["colored-mnist", "colored-fashion-mnist", "colored-digits"]


def test_three_datasets_and_a_recipe_for_each() -> None:
    assert [component.name for component in mmbal_components()] == NAMES
    assert [recipe.name for recipe in mmbal_recipes()] == NAMES
    assert [recipe.dataset for recipe in mmbal_recipes()] == NAMES
    assert all("2202.05306" in recipe.source for recipe in mmbal_recipes())


@pytest.mark.parametrize("component", mmbal_components(), ids=NAMES)
def test_descriptions_lead_to_code(component: object) -> None:
    source = component.build(component.options_class()())  # type: ignore[attr-defined]
    assert isinstance(source, ColouredSource)


def test_the_entry_point_is_light() -> None:
    code = (
        "import sys, mmbal_colored_mnist.plugin, mmbal_colored_mnist.options\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'sklearn', 'tensorflow_datasets'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
