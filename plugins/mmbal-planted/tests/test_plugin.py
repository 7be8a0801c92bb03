"""What the entry point offers, and how its options are typed."""

import subprocess
import sys

from mmbal.testing import discover, open_dataset, parse_assignment, resolve
from mmbal_planted.plugin import mmbal_components, mmbal_recipes


def test_a_dataset_and_a_recipe_of_its_name():
    assert [each.name for each in (*mmbal_components(), *mmbal_recipes())] == ["planted"] * 2


def test_the_entry_point_is_light():
    code = (
        "import sys, mmbal_planted.plugin, mmbal_planted.options\n"
        "sys.exit(' '.join({'tensorflow', 'keras', 'numpy'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_bits_are_typed_as_toml():
    catalogue = discover()
    typed = ["configuration=own", 'bits=[{kind = "unique", flips = {left = 0.25}}]']
    given = [parse_assignment(f"dataset.{each}") for each in typed]

    source = open_dataset(catalogue, resolve(catalogue, "planted", None, given).config.dataset)

    *_, left = source.known()
    assert (left["modalities"], left["accuracy"]) == ("left", 0.75)
