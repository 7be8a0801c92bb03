"""Settings of every test here and in plugins/: how TensorFlow starts, and what tests let go."""

import gc
import os
import sys
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# Without compiled files each process that a test starts would compile TensorFlow's sources anew,
# which takes as long as running them.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# pytest-xdist says 80 for the output of a worker, which has no columns.
os.environ.pop("COLUMNS", None)
# Two workers share the cores; threads of one would only wait for those of the other.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import mmbal  # noqa: E402, F401  (TensorFlow starts as mmbal starts it)


def pytest_xdist_auto_num_workers() -> int:
    """Give each core a worker, up to four, since they grow to gigabytes."""
    return min(os.cpu_count() or 1, 4)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Leave a deep module to one worker: for its fixtures, minutes long, the other would wait."""
    if "not deep" in config.option.markexpr:
        return None
    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the deep modules that take longest, so that none is left to the end alone."""
    if "not deep" not in config.option.markexpr:
        items.sort(key=lambda item: "tests/end_to_end" not in item.nodeid)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare what costs time and tests nothing: optimized graphs, collection of imports."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow and "not deep" in session.config.option.markexpr:
        # A graph that runs for one to twenty steps never earns what optimizing it costs.
        tensorflow.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _let_go():
    """Forget the graphs of a module's models; a worker would keep those of all modules."""
    yield
    if keras := sys.modules.get("keras"):
        keras.backend.clear_session()  # collects garbage, too
