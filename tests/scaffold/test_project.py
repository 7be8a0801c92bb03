"""What a new plugin may be called."""

import pytest

from mmbal import MmbalError
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.discovery import discover
from mmbal.scaffold import Project
from mmbal.scaffold.project import nearest


@pytest.fixture(scope="module")
def catalogue():
    return discover()


@pytest.mark.parametrize("name", ["a", "my-data", "mri2", "x3-d", "a" * 30])
def test_legal_names(catalogue, name):
    project = Project(name, "dataset")
    project.check(catalogue)

    assert project.distribution == f"mmbal-{name}"
    assert project.package.isidentifier()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("MyData", "my-data"),
        ("my_data", "my-data"),
        ("my data!", "my-data"),
        ("mmbal-mine", "mine"),
        ("mmbal_mmbal-mine", "mine"),
        ("3d-scans", "d-scans"),
        ("a--b", "a-b"),
        ("-x-", "x"),
        ("../up", "up"),
        ("long" * 10, "longlonglonglonglonglonglonglo"),
    ],
)
def test_illegal_names_are_answered_with_the_nearest(name, near):
    with pytest.raises(MmbalError) as error:
        Project(name, "recipe").check(Catalogue())

    assert str(error.value) == (
        "a plugin's name must be words of a-z and 0-9 joined by '-', begin with a letter, have at "
        "most 30 characters and not begin with 'mmbal-', which is put before it; "
        f"received {name!r}; did you mean {near!r}?"
    )
    Project(near, "recipe").check(Catalogue())


@pytest.mark.parametrize("name", ["", "---", "42", "ÄÖ"])
def test_names_that_nothing_is_like(name):
    assert nearest(name) == ""
    with pytest.raises(MmbalError, match=r"received '.*'$"):
        Project(name, "recipe").check(Catalogue())


@pytest.mark.parametrize(
    ("project", "message"),
    [
        (Project("random", "strategy"), "there is a strategy 'random' already"),
        (Project("colored-digits", "dataset"), "there is a dataset 'colored-digits'"),
        (Project("guided", "dataset"), "mmbal-guided 0.* is installed: take another name"),
    ],
)
def test_what_is_taken(catalogue, project, message):
    with pytest.raises(MmbalError, match=message):
        project.check(catalogue)


def test_a_distribution_of_the_name_without_a_plugin(catalogue, monkeypatch, tmp_path):
    info = tmp_path / "mmbal_other-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mmbal-other\nVersion: 1.5\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(MmbalError, match=r"mmbal-other 1\.5 is installed.*pip uninstall"):
        Project("other", "recipe").check(catalogue)
