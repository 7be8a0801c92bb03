"""All distributions, built from this checkout as they are published."""

import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import mmbal

pytest.importorskip("check_wheel_contents", reason="packages are checked by the group packages")
import clean
import packages

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def dist(tmp_path_factory):
    """Return a folder of all wheels and sdists; building checks each of them."""
    folder = tmp_path_factory.mktemp("packages") / "dist"
    packages.build(ROOT, folder)
    return folder


@pytest.mark.deep
def test_every_distribution_is_built_in_both_forms(dist):
    names = [path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")]
    stems = {f"{name.replace('-', '_')}-{mmbal.__version__}" for name in ("mmbal", *names)}

    found = {path.name for path in dist.iterdir()}
    assert found == {f"{s}{end}" for s in stems for end in ("-py3-none-any.whl", ".tar.gz")}


@pytest.mark.deep
def test_an_sdist_holds_no_tests_that_need_a_checkout(dist):
    with tarfile.open(dist / f"mmbal-{mmbal.__version__}.tar.gz") as archive:
        tops = {"/".join(name.split("/")[1:2]) for name in archive.getnames()}

    assert tops == {
        ".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "mmbal", "pyproject.toml",
    }  # fmt: skip


@pytest.mark.deep
def test_an_index_gets_a_readme_without_links_into_the_checkout(dist):
    wheel = dist / f"mmbal-{mmbal.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"mmbal-{mmbal.__version__}.dist-info/METADATA").decode()

    assert "](docs/" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "](docs/" not in text


def write_wheel(folder: Path, files: dict[str, str]) -> Path:
    """Write something like a wheel of mmbal-guided."""
    wheel = folder / f"mmbal_guided-{mmbal.__version__}-py3-none-any.whl"
    info = f"mmbal_guided-{mmbal.__version__}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        for name in ("METADATA", "WHEEL"):
            archive.writestr(f"{info}/{name}", "Root-Is-Purelib: true\n")
        record = "".join(f"{name},,\n" for name in [*archive.namelist(), f"{info}/RECORD"])
        archive.writestr(f"{info}/RECORD", record)
    return wheel


def test_what_is_wrong_with_a_wheel_is_told(tmp_path):
    source = ROOT / "plugins/mmbal-guided/src"
    files = {
        path.relative_to(source).as_posix(): path.read_text()
        for path in (source / "mmbal_guided").iterdir()
        if path.is_file()
    }
    check, refusal = packages.check_contents, clean.Refusal
    check(ROOT, write_wheel(tmp_path, files))

    with pytest.raises(refusal, match=r"missing files.*\n.*mmbal_guided/py\.typed"):
        check(ROOT, write_wheel(tmp_path, {n: t for n, t in files.items() if "typed" not in n}))
    with pytest.raises(refusal, match=r"not in package tree.*\n.*mmbal_guided/notes\.txt"):
        check(ROOT, write_wheel(tmp_path, {**files, "mmbal_guided/notes.txt": "mine"}))


def test_a_folder_with_old_packages_is_refused(tmp_path):
    (tmp_path / "mmbal-0.0.1.tar.gz").touch()

    with pytest.raises(clean.Refusal, match="must be empty"):
        packages.build(ROOT, tmp_path)


def test_wheels_of_plugins_must_offer_something():
    offering = clean.offering()

    assert {"mmbal", "mmbal-guided"} <= offering
    assert "mmbal-media" not in offering


def test_nothing_to_try_is_told(tmp_path):
    with pytest.raises(clean.Refusal, match="holds no wheel"):
        clean.try_wheels(tmp_path, sys.executable)


def test_a_tool_that_is_absent_is_named(tmp_path, monkeypatch):
    (tmp_path / "mmbal-0.0.1-py3-none-any.whl").touch()
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(clean.Refusal, match="there is no uv"):
        clean.try_wheels(tmp_path, sys.executable)
    with pytest.raises(clean.Refusal, match="there is no uv"):
        packages.build(ROOT, tmp_path / "new")
