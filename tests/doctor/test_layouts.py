import pytest

from mmbal.doctor.layouts import batch_sizes, gpu_names, plan


@pytest.mark.parametrize(
    ("gpus", "replicas", "expected"),
    [
        ([], None, ["1 CPU device", "2 CPU devices"]),
        ([], 3, ["1 CPU device", "3 CPU devices"]),
        (["0"], None, ["1 CPU device", "2 CPU devices"]),
        (["0", "1", "2"], None, ["1 GPU device", "3 GPU devices"]),
        (["0", "1", "2"], 2, ["1 GPU device", "2 GPU devices"]),
        (["0", "1"], 4, ["1 CPU device", "4 CPU devices"]),
    ],
)
def test_replicas_are_gpus_where_there_are_enough(gpus, replicas, expected):
    assert [layout.name for layout in plan(gpus, replicas, workers=False)] == expected
    assert [layout.name for layout in plan(gpus, replicas, workers=True)] == [
        *expected,
        "2 workers",
    ]


def test_each_gpu_worker_has_a_gpu_of_its_own():
    layouts = plan(["3", "5", "7"], None, workers=True)

    assert [layout.gpus for layout in layouts] == [(("3",),), (("3", "5", "7"),), (("3",), ("5",))]
    assert [layout.replicas for layout in layouts] == [1, 3, 2]
    assert [layout.distribute for layout in layouts] == ["none", "mirrored", "multiworker"]
    assert [layout.gpus for layout in plan([], 3, workers=True)] == [((),), ((),), ((), ())]


def test_gpus_keep_the_names_the_user_gave(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpu_names(2) == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5,7")
    assert gpu_names(2) == ["3", "5"]
    assert gpu_names(0) == []


@pytest.mark.parametrize("replicas", range(2, 9))
def test_batches_are_even_uneven_and_too_small(replicas):
    full, _, uneven, last = batch_sizes(replicas)

    assert full % replicas == 0
    assert uneven % replicas
    assert uneven % 2  # over two workers, too
    assert last < replicas
