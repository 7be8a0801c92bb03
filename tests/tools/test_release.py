"""Releases, made in a clone of this checkout that holds mmbal and one plugin."""

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tomlkit
from packaging.requirements import Requirement
from packaging.version import Version

pytest.importorskip("bumpversion", reason="releases are made by the group packages")
SCRIPT = Path(__file__).parents[2] / "tools/release.py"
KEPT = "mmbal-guided"


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def introduce(folder: Path) -> None:
    git(folder, "config", "user.name", "Somebody")
    git(folder, "config", "user.email", "somebody@example.org")


def commit(folder: Path, text: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", text)


def release(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Release without trying the wheels, which are installed with TensorFlow."""
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments, "--no-trial"],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def version_of(folder: Path) -> str:
    return tomlkit.parse((folder / "pyproject.toml").read_text())["project"]["version"]


@pytest.fixture(scope="session")
def ready_clone(root, tmp_path_factory):
    """Return a clone with a changelog that is ready for 7.1.0; tests clone it once more."""
    folder = tmp_path_factory.mktemp("release") / "ready"
    done = subprocess.run(["git", "clone", "-q", root, folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip("no git checkout")
    introduce(folder)
    others = {path.name for path in (folder / "plugins").iterdir()} - {KEPT}
    git(folder, "rm", "-q", "-r", *(f"plugins/{name}" for name in others))
    project = folder / "pyproject.toml"
    named = re.compile(rf'^(    "|)({"|".join(others)})(\[.*\])?(==| = ).*\n', re.MULTILINE)
    project.write_text(named.sub("", project.read_text()))
    changes = folder / "CHANGELOG.md"
    entry = "# Changelog\n\n## 7.1.0 (unreleased)\n\n- Something users notice.\n"
    changes.write_text(changes.read_text().replace("# Changelog\n", entry, 1))
    commit(folder, "Get ready")
    return folder


@pytest.fixture
def clone(ready_clone, tmp_path, monkeypatch):
    """Return a clone that is ready for 7.1.0, and this test's own."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "somebody@example.org")
    folder = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(ready_clone), str(folder))
    introduce(folder)
    return folder


@pytest.mark.deep
def test_a_release_is_built_and_tagged_in_step(clone):
    done = release(clone, "7.1.0")

    assert done.returncode == 0, done.stderr
    assert "twine upload dist/*.whl dist/*.tar.gz" in done.stdout
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "describe", "--exact-match") == "v7.1.0\n"
    assert git(clone, "log", "-1", "--format=%s") == "Release 7.1.0\n"
    assert re.search(r"## 7\.1\.0 \(\d{4}-\d\d-\d\d\)\n", (clone / "CHANGELOG.md").read_text())
    assert '__version__ = "7.1.0"' in (clone / "mmbal/version.py").read_text()
    plugin = clone / "plugins" / KEPT
    assert version_of(clone) == version_of(plugin) == "7.1.0"
    assert '"mmbal==7.1.*"' in (plugin / "pyproject.toml").read_text()
    names = sorted(path.name for path in (clone / "dist").iterdir())
    stem = KEPT.replace("-", "_")
    assert names == [
        "SHA256SUMS",
        *(f"{name}-7.1.0{end}" for name in ("mmbal", stem)
          for end in ("-py3-none-any.whl", ".tar.gz")),
    ]  # fmt: skip
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(check, cwd=clone / "dist", stdout=subprocess.DEVNULL).returncode == 0


@contextmanager
def unchanged(clone: Path) -> Iterator[None]:
    def state() -> tuple[str, ...]:
        asked = (("rev-parse", "HEAD"), ("tag",), ("status", "--porcelain", "--ignored"))
        return *(git(clone, *words) for words in asked), git(clone, "worktree", "list")

    before = state()
    yield
    assert state() == before


@pytest.mark.deep
def test_a_rehearsal_changes_nothing(clone):
    with unchanged(clone):
        done = release(clone, "7.1.0", "--dry-run")

    assert done.returncode == 0, done.stderr
    assert "Release 7.1.0" in done.stdout
    assert "dist/SHA256SUMS" in done.stdout


@pytest.mark.deep
def test_a_faulty_package_leaves_the_checkout_as_it_was(clone):
    project = clone / "plugins" / KEPT / "pyproject.toml"
    project.write_text(project.read_text().replace("README.md", "NOTES.md"))
    commit(clone, "Name a README that is not there")

    with unchanged(clone):
        done = release(clone, "7.1.0")

    assert done.returncode == 1
    assert "Readme file does not exist: NOTES.md" in done.stderr


@pytest.mark.deep
def test_a_tag_that_fails_leaves_the_checkout_as_it_was(clone):
    git(clone, "config", "tag.gpgSign", "true")
    git(clone, "config", "gpg.program", "false")

    with unchanged(clone):
        done = release(clone, "7.1.0")

    assert done.returncode == 1
    assert "`git tag -a v7.1.0` ends with" in done.stderr


@pytest.mark.deep
def test_wheels_that_do_not_work_leave_the_checkout_as_it_was(clone, monkeypatch):
    script = importlib.import_module("release")

    def tried(folder, python):
        assert len(list(folder.glob("*.whl"))) == 2
        raise script.Refusal("mmbal doctor ends with 1")

    monkeypatch.setattr(script, "try_wheels", tried)

    with unchanged(clone), pytest.raises(script.Refusal, match="doctor ends with 1"):
        script.release(clone, "7.1.0", dry_run=False, trial=True)


def dirty(clone: Path) -> None:
    (clone / "new.py").touch()


def tagged(clone: Path) -> None:
    git(clone, "tag", "v7.1.0")


def silent(clone: Path) -> None:
    changes = clone / "CHANGELOG.md"
    changes.write_text(changes.read_text().replace("- Something users notice.\n", ""))
    commit(clone, "Say nothing")


def built_before(clone: Path) -> None:
    (clone / "dist").mkdir()
    (clone / "dist" / "mmbal-0.0.1.tar.gz").touch()


def ready(clone: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("spoil", "version", "reason"),
    [
        (ready, "7.1", "a version is three numbers such as 0.2.0, received '7.1'"),
        (ready, "0.0.9", "0.0.9 is older than"),
        (ready, "7.2.0", "must have a heading '## 7.2.0 (unreleased)'"),
        (silent, "7.1.0", "says nothing below '## 7.1.0 (unreleased)'"),
        (dirty, "7.1.0", "the checkout must be clean; 1 differ: ?? new.py"),
        (tagged, "7.1.0", "tag v7.1.0 exists"),
        (built_before, "7.1.0", "dist must be absent"),
    ],
)
def test_what_stands_in_the_way_is_told(clone, spoil, version, reason):
    spoil(clone)

    with unchanged(clone):
        done = release(clone, version)

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr


def test_versions_alone_can_be_bumped(clone):
    bump = [sys.executable, "-m", "bumpversion", "bump", "--new-version", "7.1.0"]
    done = subprocess.run(bump, cwd=clone, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    changed = {line[3:] for line in git(clone, "status", "--porcelain").splitlines()}
    examples = sorted(clone.glob("examples/*/pyproject.toml"))
    assert len(examples) == 4
    assert changed == {str(path.relative_to(clone)) for path in examples} | {
        "mmbal/version.py", "pyproject.toml", f"plugins/{KEPT}/pyproject.toml",
    }  # fmt: skip
    diff = git(clone, "diff", "--unified=0")
    added = [line for line in diff.splitlines() if line.startswith("+") and line[1] != "+"]
    assert all("7.1.*" in line or "7.1.0" in line for line in added)
    assert [line for line in added if "7.1.0" in line].count('+version = "7.1.0"') == 2
    assert '+__version__ = "7.1.0"' in added
    # Examples have versions of their own, which what they ask of one another goes on meeting.
    projects = [tomlkit.parse(path.read_text())["project"] for path in examples]
    own = {project["name"]: Version(project["version"]) for project in projects}
    for project in projects:
        for needed in map(Requirement, [*project["dependencies"],
                                        *project["optional-dependencies"]["test"]]):  # fmt: skip
            assert needed.name not in own or own[needed.name] in needed.specifier
            assert (
                not needed.name.startswith("mmbal")
                or needed.name in own
                or (str(needed.specifier) == "==7.1.*")
            )
