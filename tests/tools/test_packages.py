"""All distributions, built from this checkout as they are published."""

import importlib
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import mmbal

pytest.importorskip("build", reason="packages are built by the group packages")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tools():
    """Return the modules of tools/, which import one another by their bare names."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        names = ("built", "clean", "packages", "versions")
        return {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(str(ROOT / "tools"))


@pytest.fixture(scope="session")
def _checkout():
    if subprocess.run(["git", "rev-parse"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("no git checkout")


@pytest.fixture(scope="session")
def guided(tools, tmp_path_factory, _checkout):
    """Return one distribution in both forms."""
    folder, project = tmp_path_factory.mktemp("guided"), ROOT / "plugins/mmbal-guided"
    forms = (tools["built"]._made(project, folder, form) for form in ("wheel", "sdist"))
    return tools["built"].Built(project, *forms)


@pytest.fixture(scope="session")
def dist(tools, tmp_path_factory, _checkout):
    """Return a folder of all wheels and sdists; building checks each of them."""
    folder = tmp_path_factory.mktemp("packages") / "dist"
    tools["packages"].build_checked(ROOT, folder)
    return folder


def built_of(tools, dist, name):
    folder = ROOT if name == "mmbal" else ROOT / "plugins" / name.replace("_", "-")
    version = mmbal.__version__
    return tools["built"].Built(
        folder, dist / f"{name}-{version}-py3-none-any.whl", dist / f"{name}-{version}.tar.gz"
    )


def test_a_sound_distribution_has_no_faults(tools, guided):
    assert tools["built"].faults_of(guided, mmbal.__version__) == []


@pytest.mark.deep
def test_every_distribution_is_built_in_both_forms(tools, dist):
    names = {folder.name.replace("-", "_") for folder in tools["versions"].projects(ROOT)[1:]}
    stems = {f"{name}-{mmbal.__version__}" for name in {"mmbal", *names}}

    found = {path.name for path in dist.iterdir()}
    assert found == {f"{s}{end}" for s in stems for end in ("-py3-none-any.whl", ".tar.gz")}


@pytest.mark.deep
def test_an_sdist_holds_no_tests_that_need_a_checkout(tools, dist):
    with tarfile.open(built_of(tools, dist, "mmbal").sdist) as archive:
        tops = {"/".join(name.split("/")[1:2]) for name in archive.getnames()}

    assert tops == {
        ".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "mmbal", "pyproject.toml",
    }  # fmt: skip


@pytest.mark.deep
def test_an_index_would_take_them(dist):
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *sorted(dist.iterdir())],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.deep
def test_pins_between_distributions_are_in_step(tools, dist):
    metadata = tools["built"].metadata_of(built_of(tools, dist, "mmbal_colored_mnist").wheel)
    needed = metadata.get_all("Requires-Dist")
    step = ".".join(mmbal.__version__.split(".")[:2])

    assert {f"mmbal=={step}.*", f"mmbal-guided=={step}.*", f"mmbal-mmtm=={step}.*"} <= set(needed)


def test_versions_and_pins_of_the_checkout_are_in_step(tools):
    assert tools["versions"].bumped(ROOT, mmbal.__version__) == {}


def with_file(wheel: Path, folder: Path, name: str, content: bytes | None) -> Path:
    """Copy a wheel with one file put in, replaced or (None) taken out."""
    changed = folder / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(changed, "w") as new:
        for item in old.namelist():
            if item != name:
                new.writestr(item, old.read(item))
        if content is not None:
            new.writestr(name, content)
    return changed


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("mmbal_guided/py.typed", None, "no mmbal_guided/py.typed"),
        ("mmbal_guided/guided.py", None, "mmbal_guided/guided.py is missing"),
        ("tests/test_guided.py", b"", "tests/test_guided.py does not belong in it"),
        ("mmbal_guided/.DS_Store", b"", "mmbal_guided/.DS_Store does not belong in it"),
        ("mmbal_guided-{}.dist-info/licenses/LICENSE", None, "no LICENSE"),
        ("mmbal_guided-{}.dist-info/entry_points.txt", None, "no entry point"),
    ],
)
def test_what_is_wrong_with_a_wheel_is_told(tools, guided, tmp_path, name, content, fault):
    wheel = with_file(guided.wheel, tmp_path, name.format(mmbal.__version__), content)
    bad = tools["built"].Built(guided.folder, wheel, guided.sdist)

    faults = tools["built"].faults_of(bad, mmbal.__version__)
    assert f"{wheel.name}: {fault}" in faults


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("Requires-Dist: mmbal=={step}.*", "Requires-Dist: mmbal", "not in step with"),
        ("Requires-Dist: mmbal=={step}.*", "Requires-Dist: mmbal==9.0.*", "not in step with"),
        (
            "License-Expression: Apache-2.0",
            "License-Expression: MIT",
            "License-Expression is 'MIT'",
        ),
        ("Summary: ", "X: ", "no summary"),
        ("# mmbal-guided", "# [x](../docs/a.md)", "its README links to ../docs/a.md"),
    ],
)
def test_what_is_wrong_with_metadata_is_told(tools, guided, tmp_path, old, new, fault):
    name = f"mmbal_guided-{mmbal.__version__}.dist-info/METADATA"
    with zipfile.ZipFile(guided.wheel) as archive:
        text = archive.read(name).decode()
    old = old.format(step=".".join(mmbal.__version__.split(".")[:2]))
    assert old in text
    wheel = with_file(guided.wheel, tmp_path, name, text.replace(old, new).encode())
    bad = tools["built"].Built(guided.folder, wheel, guided.sdist)

    faults = tools["built"].faults_of(bad, mmbal.__version__)
    assert any(fault in each for each in faults), faults


def test_an_sdist_that_builds_something_else_is_told(tools, guided, tmp_path):
    changed = tmp_path / guided.sdist.name
    stem = guided.sdist.name.removesuffix(".tar.gz")
    with tarfile.open(guided.sdist) as old, tarfile.open(changed, "w:gz") as new:
        for item in old.getmembers():
            data = old.extractfile(item).read()
            if item.name == f"{stem}/src/mmbal_guided/guided.py":
                data += b"\n# more\n"
            item.size = len(data)
            new.addfile(item, io.BytesIO(data))
    bad = tools["built"].Built(guided.folder, guided.wheel, changed)

    faults = tools["built"].rebuild_faults(bad, tmp_path / "scratch")
    assert f"{changed.name} builds another mmbal_guided/guided.py" in faults


def test_a_folder_with_old_packages_is_refused(tools, tmp_path):
    (tmp_path / "mmbal-0.0.1.tar.gz").touch()

    with pytest.raises(tools["versions"].Refusal, match="must be empty"):
        tools["packages"].build_checked(ROOT, tmp_path)


def test_nothing_to_try_is_told(tools, tmp_path):
    with pytest.raises(tools["versions"].Refusal, match="holds no wheel"):
        tools["clean"].try_wheels(tmp_path, sys.executable)


def test_what_wheels_are_tried_with_is_named_where_it_is_absent(tools, tmp_path, monkeypatch):
    (tmp_path / "mmbal-0.0.1-py3-none-any.whl").touch()
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(tools["versions"].Refusal, match="there is no uv"):
        tools["clean"].try_wheels(tmp_path, sys.executable)
