"""What the entry point offers."""

import subprocess
import sys

from mmbal.testing import discover

NAME = "contour"


def test_it_is_found_without_a_problem() -> None:
    catalogue = discover()

    assert [each for each in catalogue.problems if each.plugin == NAME] == []
    assert NAME in catalogue.names("dataset")


def test_describing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from mmbal.testing import discover\n"
        "catalogue = discover()\n"
        "for each in catalogue.components():\n"
        "    if catalogue.provenance(each).plugin == 'contour':\n"
        "        catalogue.options_class(each.kind, each.name)\n"
        "heavy = {'keras', 'numpy', 'tensorflow'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
