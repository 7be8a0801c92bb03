"""Makes a release, all but the upload: versions, packages, checksums, commit and tag.

Usage:
    python tools/release.py 0.2.0             in a clean checkout
    python tools/release.py 0.2.0 --dry-run   the same, and nothing of it is kept

It is made in a worktree of its own: the checkout changes at the very end or not at all. Before it,
CHANGELOG.md needs a heading `## 0.2.0 (unreleased)` with lines below. After it, dist/ holds
packages and SHA256SUMS, and two commands are left to type.
"""

import argparse
import datetime as dt
import hashlib
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clean import Refusal, try_wheels
from packages import build, call
from packaging.version import Version


def release(root: Path, version: str, *, dry_run: bool, trial: bool) -> None:
    """Make a release of a checkout.

    Args:
        root: of the checkout.
        version: of the release.
        dry_run: keep nothing.
        trial: install the wheels alone in a clean environment, and use them.

    Raises:
        Refusal: something stands in the way, or a package is not as it should be.
    """
    now = check_state(root, version)
    with worktree(root) as work:
        if version != now:
            call(work, sys.executable, "-m", "bumpversion", "bump", "--new-version", version)
        date_changelog(work / "CHANGELOG.md", version)
        files = build(work, work / "dist")
        if trial:
            print(try_wheels(work / "dist", sys.executable), flush=True)
        sums = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in files]
        (work / "dist/SHA256SUMS").write_text("".join(sums), encoding="ascii")
        call(work, "git", "commit", "-q", "-a", "-m", f"Release {version}")
        print(call(work, "git", "show", "--stat", "--format=%s", "HEAD").strip())
        print(*(f"  dist/{path.name}" for path in files), "  dist/SHA256SUMS", sep="\n")
        if not dry_run:
            keep(root, work, f"v{version}")


def check_state(root: Path, version: str) -> str:
    """Return the version of a checkout; refuse one that is not ready for another."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise Refusal(f"a version is three numbers such as 0.2.0, received {version!r}")
    if changed := call(root, "git", "status", "--porcelain").splitlines():
        raise Refusal(
            f"the checkout must be clean; {len(changed)} differ: {', '.join(changed[:5])}"
        )
    if call(root, "git", "tag", "--list", f"v{version}").strip():
        raise Refusal(f"tag v{version} exists: this version has been released")
    now: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    if Version(version) < Version(now):
        raise Refusal(f"{version} is older than {now}, the version of this checkout")
    if (root / "dist").exists():
        raise Refusal(f"{root / 'dist'} must be absent")
    return now


@contextmanager
def worktree(root: Path) -> Iterator[Path]:
    """Yield a second checkout of the same commit and settings, which goes away afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "checkout"
        call(root, "git", "worktree", "add", "-q", "--detach", work)
        try:
            yield work
        finally:
            call(root, "git", "worktree", "remove", "--force", work)


def date_changelog(path: Path, version: str) -> None:
    """Put the day into the heading of a version."""
    text = path.read_text(encoding="utf-8")
    heading = f"## {version} (unreleased)\n"
    if heading not in text:
        raise Refusal(f"{path.name} must have a heading {heading.strip()!r} with what users notice")
    section = re.split(r"^## ", text.partition(heading)[2], flags=re.MULTILINE)[0]
    if not re.search(r"^- \S", section, re.MULTILINE):
        raise Refusal(f"{path.name} says nothing below {heading.strip()!r}")
    today = dt.datetime.now(dt.UTC).date()
    path.write_text(
        text.replace(heading, f"## {version} ({today.isoformat()})\n"), encoding="utf-8"
    )


def keep(root: Path, work: Path, tag: str) -> None:
    """Bring packages, tag and commit into the checkout, or nothing at all."""
    commit = call(work, "git", "rev-parse", "HEAD").strip()
    try:
        shutil.copytree(work / "dist", root / "dist")
        call(root, "git", "tag", "-a", tag, "-m", f"mmbal {tag[1:]}", commit)
        call(root, "git", "merge", "-q", "--ff-only", commit)
    except BaseException:
        shutil.rmtree(root / "dist", ignore_errors=True)
        if call(root, "git", "tag", "--list", tag).strip():
            call(root, "git", "tag", "-d", tag)
        raise


def main() -> None:
    """Release the checkout around the working folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", help="such as 0.2.0")
    parser.add_argument("--dry-run", action="store_true", help="keep nothing")
    parser.add_argument(
        "--no-trial", dest="trial", action="store_false", help="do not install and use the wheels"
    )
    asked = parser.parse_args()
    try:
        root = Path(call(Path.cwd(), "git", "rev-parse", "--show-toplevel").strip())
        release(root, asked.version, dry_run=asked.dry_run, trial=asked.trial)
    except Refusal as problem:
        sys.exit(f"error: {problem}")
    if asked.dry_run:
        print("nothing was changed: this was --dry-run")
        return
    print(f"released {asked.version}: committed and tagged v{asked.version}; to publish it:")
    print(f"  git push origin HEAD v{asked.version}")
    print("  python -m twine upload dist/*.whl dist/*.tar.gz")


if __name__ == "__main__":
    main()
