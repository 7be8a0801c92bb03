"""Datasets whose folder or files the system does not let mmbal read."""

import functools
import shutil

import pytest
from unprivileged import no_capabilities

from mmbal.config.origin import Override
from mmbal.config.resolution import choose
from mmbal.errors import MmbalError
from mmbal.experiment import open_dataset
from mmbal.registry.discovery import discover

CATALOGUE = discover()
DATASETS = CATALOGUE.names("dataset")
BAD = ["file/x", "n" * 300, "dangling", "loop", "closed", "closed/x"]


def source(name, *overrides):
    return open_dataset(CATALOGUE, choose(CATALOGUE, "dataset", name, list(overrides)))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "closed").mkdir(mode=0)
    yield tmp_path
    (tmp_path / "closed").chmod(0o700)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Return a function from a dataset's name to the folder of its sample, and its files in it."""

    @functools.cache
    def sample(name):
        place = tmp_path_factory.mktemp(name)
        return place, [path.relative_to(place) for path in source(name).sample(place, 0)]

    return sample


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad[:10])
@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("deed", ["load", "check"])
def test_a_folder_that_cannot_be_read_is_no_bug(folder, name, bad, deed):
    """An OSError with a number becomes one line at the boundary."""
    dataset, told, error = source(name), [], None
    with no_capabilities():
        try:
            told = dataset.check(folder / bad) if deed == "check" else dataset.load(folder / bad, 0)
        except (MmbalError, OSError) as problem:
            error = problem
    if error is None:
        assert deed == "check"
        assert told
    elif isinstance(error, OSError):
        assert error.errno
        assert str(folder / bad) in str(error.filename)
    else:
        assert "\n" not in str(error)
        assert "plugin" not in str(error).replace("--plugin", "")


def path_options():
    """Yield every option of a dataset that is a path."""
    for name in DATASETS:
        for key, option in CATALOGUE.options_class("dataset", name).model_fields.items():
            if "Path" in str(option.annotation):
                yield name, key


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad[:10])
@pytest.mark.parametrize(("name", "key"), [*path_options()])
def test_an_option_that_is_a_path_is_no_bug(folder, samples, name, key, bad):
    where = folder / bad
    dataset, error = source(name, Override(key, str(where), "--set")), None
    place, _ = samples(name)
    with no_capabilities():
        try:
            dataset.prepare(place)
            dataset.load(place, 0)  # may do without a cache
        except (MmbalError, OSError) as problem:
            error = problem
    if error is not None:
        assert str(where) in str(getattr(error, "filename", None) or error)
        assert "plugin" not in str(error)


@pytest.mark.parametrize("closed", ["file", "folder"])
@pytest.mark.parametrize("name", ["modelnet40", "nvgesture"])
def test_an_example_that_cannot_be_read_is_a_bad_example(samples, tmp_path, name, closed):
    if name == "modelnet40" and closed == "folder":
        pytest.skip("a folder holds a whole class")
    place, files = samples(name)
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    media = [tmp_path / path for path in files if path.suffix in (".png", ".avi", ".jpg")]
    victim = media[0] if closed == "file" else media[0].parent
    before = source(name).load(tmp_path, 0)
    mode = victim.stat().st_mode
    victim.chmod(0)
    try:
        with no_capabilities():
            with pytest.raises(MmbalError, match="cannot be read|Permission denied"):
                source(name).load(tmp_path, 0)
            skip = Override("on_bad_example", "skip", "--set")
            with pytest.warns(UserWarning, match="left out"):
                data = source(name, skip).load(tmp_path, 0)
    finally:
        victim.chmod(mode)
    parts = ("train", "validation", "test")
    lost = [len(getattr(before, p)) - len(getattr(data, p)) for p in parts]
    assert sum(lost) == 1
