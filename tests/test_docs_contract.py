"""The components that pages show keep the rules that pages state."""

import re
import sys
import warnings
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from mmbal import DataFormatError, MmbalError
from mmbal.data import DatasetSource
from mmbal.testing import check, subject_of

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return a function that runs the Python code of a page, once, and returns it as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("pages"))
        yield lambda name: sys.modules.get(f"page_{name}") or run(patch, name)


def run(patch, name):
    (path,) = DOCS.rglob(f"{name}.md")
    code = re.findall(
        r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    # A file: TensorFlow looks for the source of functions.
    source = Path(f"{name}.py").resolve()
    source.write_text("\n".join(code), encoding="utf-8")
    spec = spec_from_file_location(f"page_{name}", source)
    module = module_from_spec(spec)
    patch.setitem(sys.modules, spec.name, module)
    patch.setattr(sys, "path", list(sys.path))
    with redirect_stdout(StringIO()) as told, warnings.catch_warnings():
        # Keras says so of all data that are not arrays.
        warnings.filterwarnings("ignore", ".shuffle=True. was passed")
        spec.loader.exec_module(module)
    module.told = told.getvalue()
    return module


def broken(kind, factory, *rules, **options):
    findings = check(subject_of(kind, factory, **options), rules)
    return [str(each) for each in findings if each.status == "failed"]


# Neither `replicas` nor `resume`, which take long, nor what a `Component` would declare.
NETWORK = "outputs", "groups", "keep", "transform", "saving", "precision", "empty-batch"
STRATEGY = "training", "effect", "precision"
DATASET = "loading", "examples", "determinism", "fingerprint", "disjoint-splits"


def test_code_of_a_new_plugin_prints_what_its_page_says(page):
    told = page("writing-plugins").told

    assert "'clear': (8,)" in told
    assert float(re.search(r"accuracy (\S+)", told)[1]) > 0.8


def test_network(page):
    def concatenated(options, modalities, classes):
        return page("own-network").Concatenated(tuple(modalities), 8, classes)

    assert broken("architecture", concatenated, *NETWORK) == []


def test_strategy(page):
    def alone(options):
        return page("writing-plugins").Alone()

    assert broken("strategy", alone, *STRATEGY) == []


def test_data_of_a_notebook(page):
    class Drawn(DatasetSource):
        def __init__(self, options):
            pass

        def load(self, data_dir, seed):
            return page("writing-plugins").data

    assert broken("dataset", Drawn, *DATASET) == []


def test_data_with_a_name(page):
    module = page("own-data")

    class Sampled(module.MyPairs):
        def sample(self, directory, seed):
            paths = [directory / "train.npz", directory / "test.npz"]
            for number, path in enumerate(paths):
                rng = np.random.default_rng([seed, number])
                inputs = {m: rng.normal(size=(30, 3)) for m in ("sight", "sound")}
                np.savez(path, **inputs, label=rng.integers(0, 3, 30))
            return paths

    assert broken("dataset", Sampled) == []


@pytest.mark.parametrize("length", [0, 2, 50, 400])
def test_a_damaged_file_is_told(page, tmp_path, length):
    module = page("own-data")
    for name in ("train", "test"):
        content = Path(f"pairs/{name}.npz").read_bytes()
        (tmp_path / f"{name}.npz").write_bytes(content[:length])

    with pytest.raises(DataFormatError, match="train.npz"):
        module.MyPairs(None).load(tmp_path, 0)
    with pytest.raises(MmbalError, match="--data-dir"):
        module.MyPairs(None).load(None, 0)


def test_another_test_set_is_another_fingerprint(page, tmp_path):
    module = page("own-data")
    before = module.MyPairs(None).load(Path("pairs"), 0).fingerprint
    with np.load("pairs/test.npz") as file:
        arrays = dict(file)
    (tmp_path / "train.npz").write_bytes(Path("pairs/train.npz").read_bytes())
    np.savez(tmp_path / "test.npz", **{**arrays, "sound": arrays["sound"] + 1})

    assert module.MyPairs(None).load(tmp_path, 0).fingerprint != before
