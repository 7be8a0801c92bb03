import os
import tempfile

import pytest

from mmbal.doctor import examination
from mmbal.doctor.examination import examine
from mmbal.laboratory.finding import Finding

ALL = [
    "versions",
    "plugins",
    *(f"environment: {what}" for what in ("Keras", "cluster", "paths", "output")),
    "devices",
    "oneDNN",
    "determinism",
]
SEVERAL, WORKERS = "self-test, 2 CPU devices", "self-test, 2 workers"

pytestmark = pytest.mark.usefixtures("machine")


def by_name(diagnosis):
    return {finding.name: finding for finding in diagnosis.findings}


def test_all_is_well(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    told = []

    diagnosis = examine(notice=told.append)

    assert diagnosis.is_well
    assert list(by_name(diagnosis)) == [*ALL, SEVERAL, WORKERS]
    assert {finding.status for finding in diagnosis.findings} == {"ok"}
    assert not any(finding.remedy for finding in diagnosis.findings)
    pairs = [(each.layout, each.dtype) for each in diagnosis.agreements]
    assert pairs == [
        (layout, dtype)
        for layout in ("2 CPU devices", "2 workers")
        for dtype in ("float32", "float64")
    ]
    assert all(each.holds for each in diagnosis.agreements)
    trained = ["1 CPU device", "2 CPU devices", "2 workers"]
    assert told == ["loading TensorFlow", *(f"training on {layout}" for layout in trained)]
    assert not os.listdir(tmp_path / "temporary")


def test_quick_trains_nothing():
    diagnosis = examine(quick=True)

    assert list(by_name(diagnosis)) == ALL[:-1]
    assert diagnosis.agreements == []


def test_workers_can_be_left_out():
    assert list(by_name(examine(workers=False))) == [*ALL, SEVERAL]


def test_more_replicas():
    assert list(by_name(examine(3, workers=False))) == [*ALL, "self-test, 3 CPU devices"]


def test_a_wrong_number_fails(monkeypatch):
    monkeypatch.setenv("WRONG_mirrored", "float64/speeds")

    diagnosis = examine()

    assert not diagnosis.is_well
    found = by_name(diagnosis)
    assert found[SEVERAL].status == "failed"
    assert found[SEVERAL].message == (
        "differs from 1 CPU device: float64 speeds by 1.2e-01 (tolerance 1e-12)"
    )
    assert "--distribute none" in found[SEVERAL].remedy
    assert found[WORKERS].status == "ok"
    (wrong,) = [each for each in diagnosis.agreements if not each.holds]
    assert (wrong.layout, wrong.dtype) == ("2 CPU devices", "float64")
    assert wrong.largest == (0.125, "speeds")


def test_a_training_that_does_not_repeat_fails(monkeypatch):
    monkeypatch.setenv("WRONG_none", "again/weights")

    found = by_name(examine(workers=False))

    assert found["determinism"].status == "failed"
    assert found["determinism"].message == (
        "1 CPU device: two trainings differ, weights by 1.2e-01"
    )
    assert found[SEVERAL].status == "ok"


@pytest.mark.parametrize(
    ("dies", "failed"),
    [
        ("mirrored", {SEVERAL}),
        ("multiworker", {WORKERS}),
        ("none", {"determinism"}),
    ],
)
def test_a_process_that_fails_is_told_by_its_last_words(monkeypatch, dies, failed):
    monkeypatch.setenv("DIES", dies)

    diagnosis = examine()

    wrong = {f.name: f for f in diagnosis.findings if f.status == "failed"}
    assert wrong.keys() == failed
    for finding in wrong.values():
        assert finding.message.endswith("ended with 1: ValueError: no such device")
        assert finding.remedy
    # With nothing to compare with, nothing agrees.
    assert len(diagnosis.agreements) == (0 if dies == "none" else 2)


def test_a_gpu_is_where_repetition_is_tried(machine):
    machine(gpus=["some GPU"])

    found = by_name(examine(workers=False))

    assert found["determinism"].message.startswith("1 GPU device: ")
    assert found[SEVERAL].message.startswith("agrees with 1 CPU device")


def test_a_tensorflow_that_cannot_start(monkeypatch):
    monkeypatch.setenv("DIES", "auto")

    diagnosis = examine()

    assert not diagnosis.is_well
    last = diagnosis.findings[-1]
    assert (last.name, last.status) == ("devices", "failed")
    assert last.message.endswith("ended with 1: ValueError: no such device")


def test_warnings_are_well():
    diagnosis = examination.Diagnosis([Finding("oneDNN", "warning", "off", "unset it")])

    assert diagnosis.is_well
