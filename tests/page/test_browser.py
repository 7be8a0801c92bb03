"""The page as a browser shows it: Debian's Chromium, which has no window here."""

import json
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path

import numpy as np
import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTHS = (390, 1280)
FRAME = """<!DOCTYPE html><style>body {{ margin: 0 }} iframe {{ border: 0 }}</style>
<iframe src="page.html" width="{width}" height="900"></iframe><pre></pre><script>
onload = () => {{
  const view = document.querySelector("iframe").contentWindow, page = view.document
  const drawings = [...page.querySelectorAll(".drawings svg")].map(e => e.getBoundingClientRect())
  document.querySelector("pre").textContent = JSON.stringify({{
    width: page.documentElement.scrollWidth,
    figures: page.querySelectorAll("figure").length,
    drawings: drawings.filter(e => e.width > 250 && e.height > 50 && e.right <= {width}).length,
    fetched: view.performance.getEntriesByType("resource").map(e => e.name),
    points: page.querySelectorAll("svg g > title").length,
  }})
}}</script>
"""

pytestmark = [
    pytest.mark.deep,
    pytest.mark.skipif(BROWSER is None, reason="no chromium (apt-get install chromium)"),
]


@pytest.fixture
def browse(text: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that opens the page, or one beside it, in the browser."""
    folder = tmp_path / "browser"
    folder.mkdir()
    (folder / "page.html").write_text(text, encoding="utf-8")

    def open_page(name: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [
            str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--allow-file-access-from-files", "--enable-logging=stderr", "--v=0",
            f"--user-data-dir={folder / 'profile'}", *options, (folder / name).as_uri(),
        ]  # fmt: skip
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=True, timeout=300
        )

    return open_page


@pytest.mark.parametrize("width", WIDTHS)
def test_every_figure_is_there_and_nothing_is_fetched(
    browse: Callable[..., subprocess.CompletedProcess[str]],
    text: str,
    tmp_path: Path,
    width: int,
) -> None:
    frame = tmp_path / "browser" / "frame.html"
    frame.write_text(FRAME.format(width=width), encoding="utf-8")
    done = browse("frame.html", "--dump-dom", f"--window-size={width},900")
    seen = json.loads(unescape(done.stdout.partition("<pre>")[2].partition("</pre>")[0]))

    assert seen["width"] <= width
    assert seen["figures"] == 7
    assert seen["drawings"] == text.count("<svg role=")
    assert seen["points"] == text.count("<title>") - 1  # that of the page
    assert seen["fetched"] == []
    assert "CONSOLE" not in done.stderr


@pytest.mark.parametrize("width", WIDTHS)
def test_the_picture_of_it_has_colours(
    browse: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, width: int
) -> None:
    image = pytest.importorskip("matplotlib.image")
    target = tmp_path / "browser" / "page.png"
    done = browse("page.html", f"--screenshot={target}", f"--window-size={width},2400")
    pixels = image.imread(target)

    assert pixels.shape[:2] == (2400, width)
    grey = np.ptp(pixels[..., :3], axis=2) < 0.05
    assert 0.5 < grey.mean() < 1 - 1e-4  # paper and ink, and curves
    assert "CONSOLE" not in done.stderr
