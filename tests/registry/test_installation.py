"""Metadata in any state are told with distribution and file; what can be read of them works."""

import json
import logging
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from mmbal.registry import discovery

GOOD = (
    "@hookimpl\ndef mmbal_components():\n    return [Component('callback', {!r}, 'works', 'x:x')]\n"
)
LOUD = (
    "import os, subprocess, sys\n"
    "print('loud python')\nos.write(1, b'loud descriptor\\n')\n"
    "subprocess.run([sys.executable, '-c', 'print(\"loud child\")'])\n"
)
EXITS = {
    "exit": "import sys\nsys.exit(3)\n",
    "quit": "import builtins, site\nquit()\n",
    "base": "class Stop(BaseException): pass\nraise Stop('enough')\n",
    "generator": "raise GeneratorExit('over')\n",
    "told": "from mmbal import MmbalError\nraise MmbalError('needs a licence')\n",
    "hook": "@hookimpl\ndef mmbal_components():\n    raise SystemExit(4)\n",
}


def change(site: Any, name: str, file: str, data: bytes) -> Path:
    """Install a plugin and overwrite a file of its metadata; return the folder of these."""
    site.install(f"mmbal-{name}", GOOD.format(name))
    folder: Path = site.folder / f"mmbal_{name}-1.2.dist-info"
    (folder / file).write_bytes(data)
    return folder


def names(listing: dict[str, Any]) -> set[str]:
    return {each["name"] for each in listing["components"]}


def test_metadata_in_any_state_are_told_with_their_file_and_the_plugins_work(site: Any) -> None:
    entry = "[mmbal]\n{0} = mmbal_{0}\n"
    latin = "Metadata-Version: 2.1\nName: latin\nVersion: 1.2\nAuthor: René\n".encode("latin-1")
    told = {
        "latin": (change(site, "latin", "METADATA", latin), "cannot be read: UnicodeDecodeError"),
        "empty": (change(site, "empty", "METADATA", b""), "name no distribution"),
        "utf16": (
            change(site, "utf16", "entry_points.txt", entry.format("utf16").encode("utf-16")),
            "not UTF-8 text",
        ),
        "half": (
            change(site, "half", "entry_points.txt", b"[mmbal]\nnothing\nhalf = mmbal_half\n"),
            "entry_points.txt:2: must be NAME = MODULE, received 'nothing'",
        ),
        "odd": (
            change(site, "odd", "entry_points.txt", b"[mmbal]\nodd = 1 2 3\n"),
            "entry_points.txt:2: must be",
        ),
        "bytes": (
            change(site, "bytes", "entry_points.txt", b"[mmbal]\nbytes = mmbal_bytes\nx = \xe9\n"),
            "not UTF-8 text",
        ),
    }
    change(site, "bom", "entry_points.txt", entry.format("bom").encode("utf-8-sig"))
    # The trouble of distributions that have no plugins is none of ours.
    change(site, "strange", "entry_points.txt", b"[console_scripts]\nmmbal_nothing\n\xe9\n")
    for lost in ("none", "gone"):
        folder = change(site, lost, "METADATA", b"")
        (folder / "METADATA").unlink()

    listing, stderr = site.listing()

    for name, (folder, problem) in told.items():
        mine = [each for each in listing["problems"] if str(folder) in each["problem"]]
        assert any(problem in each["problem"] for each in mine), name
        assert name in names(listing) or name in ("utf16", "odd")
    assert {"bom", "none", "gone", "vanilla"} <= names(listing)
    assert "strange" not in stderr
    assert "Traceback" not in stderr


def test_of_two_installations_in_a_folder_the_newest_counts_and_the_other_is_told(
    site: Any,
) -> None:
    for version in ("1.10", "1.9", "1.10rc1"):
        site.install("mmbal-twice", GOOD.format("twice"), version=version)
    (site.folder / "mmbal_tilde-3.dist-info").mkdir()
    site.install("mmbal-tilde", GOOD.format("tilde"), version="3")
    leftover = site.folder / "~mbal_tilde-4.dist-info"
    leftover.mkdir()
    (leftover / "METADATA").write_text("Metadata-Version: 2.1\nName: mmbal-tilde\nVersion: 4\n")
    (leftover / "entry_points.txt").write_text("[mmbal]\ntilde = gone_module\n")

    listing, _ = site.listing()

    owners = {each["name"]: each["distribution"] for each in listing["components"]}
    assert owners["twice"] == "mmbal-twice 1.10"
    assert owners["tilde"] == "mmbal-tilde 3"
    told = sorted(Path(each["problem"].split()[0]).name for each in listing["problems"])
    assert told == [
        "mmbal_twice-1.10rc1.dist-info",
        "mmbal_twice-1.9.dist-info",
        "~mbal_tilde-4.dist-info",
    ]


def test_plugins_that_exit_or_stop_are_told_and_stop_nothing(site: Any) -> None:
    for name, source in EXITS.items():
        site.install(f"mmbal-{name}", source)
    site.install("mmbal-zz", GOOD.format("zz"))

    listing, _ = site.listing()

    problems = {each["plugin"]: each["problem"] for each in listing["problems"]}
    assert set(problems) == {f"mmbal-{name}" for name in EXITS}
    for name in EXITS:
        assert f"mmbal_{name}-1.2.dist-info/entry_points.txt" in problems[f"mmbal-{name}"]
    assert "needs a licence" in problems["mmbal-told"]
    assert {"zz", "vanilla"} <= names(listing)


@pytest.mark.parametrize(
    "command",
    [("plugins", "--json"), ("plugins", "show", "loud", "--json"), ("plugins", "show", "quits")],
)
def test_what_a_plugin_prints_is_never_on_stdout(site: Any, command: tuple[str, ...]) -> None:
    offer = "@hookimpl\ndef mmbal_components():\n    print('loud hook')\n    return [{}]\n"
    loud = "Component('callback', 'loud', '', 'x:x', options='loud_options:Loud')"
    quits = "Component('callback', 'quits', '', 'x:x', options='quitting:Options')"
    site.install("mmbal-loud", LOUD + offer.format(f"{loud}, {quits}"))
    options = f"{LOUD}from mmbal import Options\nclass Loud(Options): pass\n"
    (site.folder / "loud_options.py").write_text(options)
    (site.folder / "quitting.py").write_text("raise SystemExit(0)\n")

    done = site.mmbal(*command)

    assert not done.stdout or json.loads(done.stdout)
    assert {"loud python", "loud descriptor", "loud child", "loud hook"} <= set(
        done.stderr.splitlines()
    )
    if "quits" in command:
        assert done.returncode == 2
        assert "options 'quitting:Options' fail with SystemExit: 0" in done.stderr
    else:
        assert done.returncode == 0


def test_a_plugin_that_takes_long_is_named_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = "import time\nfrom mmbal.registry import discovery\ntime.sleep(0.5)\n"
    (tmp_path / "slow_plugin.py").write_text(waiting)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(discovery, "PATIENCE", 0.01)

    with caplog.at_level(logging.WARNING, "mmbal"):
        discovery.discover([EntryPoint("slow", "slow_plugin", "mmbal")])

    sys.modules.pop("slow_plugin")
    assert "plugin 'slow' of an unknown distribution: imported for 0.01 seconds" in caplog.text
