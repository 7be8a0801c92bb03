"""Data as tensorflow-datasets keeps it: written by its own writer, fetched from a local server."""

import functools
import gzip
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmbal.errors import DataFormatError, MmbalError
from mmbal_colored_mnist.idx import read_idx

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of tensorflow-datasets itself
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

Make = Callable[..., Any]


@pytest.fixture
def served(folder: Path, tmp_path: Path) -> Iterator[str]:
    """Serve the sample's files, all compressed as the real server has them; yield the address."""
    root = tmp_path / "served"
    root.mkdir()
    for path in folder.iterdir():
        data = path.read_bytes()
        name = path.name if path.suffix else f"{path.name}.gz"
        (root / name).write_bytes(data if path.suffix else gzip.compress(data))
    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that prints nothing."""

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return TFDS's builder of MNIST, sized for the sample and away from the network."""
    from tensorflow_datasets.core.download import downloader
    from tensorflow_datasets.image_classification import mnist

    monkeypatch.setattr(downloader, "MAX_RETRIES", 0)  # ten of them wait for three minutes
    monkeypatch.setattr(mnist, "_TRAIN_EXAMPLES", 200)
    monkeypatch.setattr(mnist, "_TEST_EXAMPLES", 50)
    monkeypatch.setattr(mnist.MNIST, "URL", "http://127.0.0.1:9/")  # nobody listens there
    return mnist.MNIST


def test_prepare_downloads_and_load_reads(
    mnist: Make,
    folder: Path,
    served: str,
    builder: Any,
    no_home: Path,
    arrays: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(builder, "URL", served)
    done = mnist().prepare(None)
    assert done.startswith(f"colored-mnist: prepared {no_home}/mnist/")
    assert "NO_GCE_CHECK" not in os.environ
    assert "nothing to do" in mnist().prepare(None)
    assert mnist().check(None) == []
    data = mnist().load(None, 0)
    assert len(data.train) == 180
    # The order is TFDS's; the images are the same.
    gray, _, labels = arrays(data.test)
    images = np.rint((gray[..., 0] * 0.3081 + 0.1307) * 255).astype(np.uint8)
    expected = read_idx(folder / "t10k-images-idx3-ubyte.gz", 3)
    assert sorted(image.tobytes() for image in images) == sorted(i.tobytes() for i in expected)
    assert np.bincount(labels).tolist() == [5] * 10
    assert data.fingerprint == mnist().load(no_home, 0).fingerprint


@pytest.mark.parametrize("failure", ["nobody answers", "not found", "other files"])
def test_a_failing_download_is_one_line(
    mnist: Make, builder: Any, served: str, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorflow_datasets.core.download.checksums import UrlInfo

    if failure == "not found":
        monkeypatch.setattr(builder, "URL", f"{served}gone/")
    if failure == "other files":
        monkeypatch.setattr(builder, "URL", served)
        known = UrlInfo(size=1, checksum="0" * 64, filename="a")
        names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
        infos = {f"{served}{name}-ubyte.gz": known for name in names}
        monkeypatch.setattr(builder, "url_infos", infos)
    with pytest.raises(MmbalError, match="could not download mnist into") as caught:
        mnist().prepare(None)
    assert "--data-dir" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_absent_data_names_three_ways(mnist: Make) -> None:
    with pytest.raises(MmbalError) as caught:
        mnist().load(None, 0)
    for way in ("`mmbal data prepare colored-mnist`", "--data-dir", "--plugin colored-digits"):
        assert way in str(caught.value)
    assert mnist().check(None) == [str(caught.value)]


def test_files_in_place_need_no_preparing(mnist: Make, folder: Path) -> None:
    assert "nothing to do" in mnist().prepare(folder)


def test_a_damaged_folder_is_named(mnist: Make, no_home: Path) -> None:
    (no_home / "mnist" / "3.0.1").mkdir(parents=True)
    (no_home / "mnist" / "3.0.1" / "dataset_info.json").write_text("{}")
    with pytest.raises(DataFormatError, match=r"mnist/3.0.1: not readable by tensorflow-datasets"):
        mnist().load(None, 0)
    (problem,) = mnist().check(None)
    assert "not readable" in problem


def test_the_newest_version_is_read(no_home: Path) -> None:
    from mmbal_colored_mnist.prepared import prepared_folder

    for version in ("3.0.1", "3.0.10", "3.0.9"):
        (no_home / "mnist" / version).mkdir(parents=True)
        (no_home / "mnist" / version / "dataset_info.json").touch()
    found = prepared_folder("mnist", None)
    assert found is not None
    assert found.name == "3.0.10"
