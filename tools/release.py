"""Makes a release, all but the upload: versions, packages, checksums, commit and tag.

Usage:
    python tools/release.py 0.2.0             in a clean checkout
    python tools/release.py 0.2.0 --dry-run   the same in a clone that is thrown away

Before it, CHANGELOG.md needs a heading `## 0.2.0 (unreleased)` with lines below. After it,
dist/ holds packages and SHA256SUMS, and two commands are left to type.
"""

import argparse
import datetime as dt
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from clean import try_wheels
from packages import build_checked
from versions import Refusal, bumped, current

CHANGELOG = "CHANGELOG.md"


def release(root: Path, version: str, *, trial: bool) -> list[Path]:
    """Make a release in a checkout; on any refusal the checkout is as it was.

    Args:
        root: of the checkout.
        version: of the release.
        trial: install the wheels alone in a clean environment, and use them.

    Returns:
        What to upload: packages, and SHA256SUMS last.

    Raises:
        Refusal: something stands in the way, or a package is not as it should be.
    """
    changes = bumped(root, version)
    _check_state(root, version)
    changes[root / CHANGELOG] = _dated(root / CHANGELOG, version)
    before = {path: path.read_text(encoding="utf-8") for path in changes}
    head = _run(root, "git", "rev-parse", "HEAD").strip()
    try:
        for path, text in changes.items():
            path.write_text(text, encoding="utf-8")
        files = build_checked(root, root / "dist")
        if trial:
            print(try_wheels(root / "dist", sys.executable), flush=True)
        files.append(_checksums(files))
        _run(root, "git", "commit", "-q", "-m", f"Release {version}", "--", *changes)
        _run(root, "git", "tag", "-a", f"v{version}", "-m", f"mmbal {version}")
    except BaseException:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")
        shutil.rmtree(root / "dist", ignore_errors=True)
        # The checkout was clean and had no such tag: whatever differs now is of this release.
        _run(root, "git", "reset", "-q", head)
        if _run(root, "git", "tag", "--list", f"v{version}").strip():
            _run(root, "git", "tag", "-d", f"v{version}")
        raise
    return files


def _check_state(root: Path, version: str) -> None:
    """Refuse a checkout that is not ready."""
    if changed := _run(root, "git", "status", "--porcelain").splitlines():
        raise Refusal(
            f"the checkout must be clean; {len(changed)} differ: {', '.join(changed[:5])}"
        )
    if _run(root, "git", "tag", "--list", f"v{version}").strip():
        raise Refusal(f"tag v{version} exists: this version has been released")
    now = current(root)
    if _numbers(version) < _numbers(now):
        raise Refusal(f"{version} is older than {now}, the version of this checkout")
    if (root / "dist").exists() and any((root / "dist").iterdir()):
        raise Refusal(f"{root / 'dist'} must be empty or absent")


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def _dated(path: Path, version: str) -> str:
    """Return the changelog with the day in the heading of a version."""
    text = path.read_text(encoding="utf-8")
    heading = f"## {version} (unreleased)\n"
    if heading not in text:
        raise Refusal(f"{path} must have a heading {heading.strip()!r} with what users will notice")
    section = re.split(r"^## ", text.partition(heading)[2], flags=re.MULTILINE)[0]
    if not re.search(r"^- \S", section, re.MULTILINE):
        raise Refusal(f"{path} says nothing below {heading.strip()!r}")
    today = dt.datetime.now(dt.UTC).date()
    return text.replace(heading, f"## {version} ({today.isoformat()})\n")


def _checksums(files: list[Path]) -> Path:
    """Write what `sha256sum --check` reads, beside the files."""
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in sorted(files)]
    sums = files[0].with_name("SHA256SUMS")
    sums.write_text("".join(lines), encoding="ascii")
    return sums


def _run(root: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        shown = " ".join(map(str, command[:4]))
        raise Refusal(f"`{shown}` ends with {done.returncode}: {done.stdout}{done.stderr}".strip())
    return done.stdout


def _rehearse(root: Path, version: str, *, trial: bool) -> None:
    """Make the release in a clone, and tell what it would be."""
    _check_state(root, version)
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        _run(root, "git", "clone", "-q", "--no-hardlinks", ".", clone)
        for key in ("user.name", "user.email"):  # set for this checkout alone, perhaps
            # Unset where GIT_AUTHOR_NAME and its like say who it is.
            if value := _run(root, "git", "config", "--default", "", key).strip():
                _run(clone, "git", "config", key, value)
        files = release(clone, version, trial=trial)
        print(_run(clone, "git", "show", "--stat", "--format=%s", "HEAD").strip())
        print(*(f"  dist/{path.name}" for path in files), sep="\n")
    print("nothing was changed: this was --dry-run")


def main() -> None:
    """Release the checkout around the working folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", help="such as 0.2.0")
    parser.add_argument("--dry-run", action="store_true", help="in a clone that is thrown away")
    parser.add_argument(
        "--no-trial", dest="trial", action="store_false", help="do not install and use the wheels"
    )
    asked = parser.parse_args()
    try:
        root = Path(_run(Path.cwd(), "git", "rev-parse", "--show-toplevel").strip())
        if asked.dry_run:
            _rehearse(root, asked.version, trial=asked.trial)
            return
        files = release(root, asked.version, trial=asked.trial)
    except Refusal as problem:
        sys.exit(f"error: {problem}")
    print(
        f"released {asked.version}: committed, tagged v{asked.version}, {len(files)} files in dist/"
    )
    print("to publish it:")
    print(f"  git push origin HEAD v{asked.version}")
    print("  python -m twine upload dist/*.whl dist/*.tar.gz")


if __name__ == "__main__":
    main()
