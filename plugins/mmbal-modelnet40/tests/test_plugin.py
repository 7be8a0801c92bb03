"""What the entry point offers."""

import subprocess
import sys

from mmbal_modelnet40.plugin import mmbal_components
from mmbal_modelnet40.source import ModelNet40


def test_the_description_leads_to_code() -> None:
    (component,) = mmbal_components()
    assert component.name == "modelnet40"
    assert isinstance(component.build(component.options_class()()), ModelNet40)


def test_the_entry_point_is_light() -> None:
    code = (
        "import sys, mmbal_modelnet40.plugin, mmbal_modelnet40.options\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'PIL', 'embreex'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_meshes_are_drawn_without_tensorflow() -> None:
    code = (
        "import sys, mmbal_modelnet40.source, mmbal_modelnet40.drawing\n"
        "sys.exit(' '.join({'tensorflow', 'keras'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
