import pytest

from mmbal.errors import MmbalError
from mmbal.sweep import ray_engine
from mmbal.sweep.engine import check
from mmbal.sweep.job import Resources


@pytest.fixture(autouse=True)
def no_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (Resources(address="auto"), "--address auto is that of a Ray cluster: use --engine ray"),
        (Resources(gpus=0.5), "--gpus-per-trial 0.5: .* whole GPUs; --engine ray shares them"),
        (Resources(gpus=2), "a trial asks for 2 GPUs; this machine has 0"),
    ],
)
def test_what_processes_cannot_do_is_refused(resources, message):
    with pytest.raises(MmbalError, match=message):
        check(resources)


def test_processes_do_without_ray(monkeypatch):
    monkeypatch.setattr(ray_engine.importlib.util, "find_spec", lambda name: None)

    check(Resources(gpus=0))
    with pytest.raises(MmbalError, match=r"--engine ray .* pip install 'mmbal\[sweep\]'"):
        check(Resources("ray"))
