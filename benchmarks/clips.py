"""Whether reading clips keeps up with training: clips per second, waiting and memory.

Clips of colour and depth are written at the size of NVGesture: 320x240, 250 frames, H.264 in AVI,
30 frames per second, windows of 80. The pipeline of `mmbal run` then reads them with its default
settings (64 frames, 256 pixels, crops of 224), decoding every time and from the cache, in processes
of one and of more cores. Clips per second of a core count its work alone, whatever else the machine
does. How long a step waits is measured against a pause as long as an
accelerator might compute. Files stand in the system's own cache.

    uv run python benchmarks/clips.py [--clips 8] [--batch-size 8] [--batches 6]
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from mmbal_nvgesture.sampling import write_video

HEIGHT, WIDTH, FRAMES, START, WINDOW = 240, 320, 250, 100, 80
PAUSES = (1.0, 4.0)  # seconds
COUNTS = (16, 1600)  # clips


def frames(seed: int) -> Iterator[np.ndarray]:
    """Yield frames of a disc that moves in front of a slope, with the noise of a camera."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    slope = (rows + columns) / (HEIGHT + WIDTH) * 120 + 40
    noise = rng.normal(0, 3, (8, HEIGHT, WIDTH))
    for number in range(FRAMES):
        x = WIDTH / 2 + 100 * np.sin(number / 15 + seed)
        hand = (rows - 120) ** 2 + (columns - x) ** 2 < 50**2
        gray = np.where(hand, 210, slope) + noise[number % 8]
        yield np.repeat(gray.clip(0, 255).astype(np.uint8)[..., np.newaxis], 3, axis=-1)


def write(folder: Path, clips: int) -> None:
    """Write the videos that the lists of every size share."""
    for number in range(clips):
        place = folder / "videos" / str(number)
        place.mkdir(parents=True)
        for shift, stem in enumerate(("sk_color", "sk_depth")):
            write_video(place / f"{stem}.avi", frames(2 * number + shift), 30, FRAMES, 0)


def lists(folder: Path, unique: int, count: int) -> Path:
    """Return a dataset of `count` training clips, links to the same videos."""
    root = folder / f"data{count}"
    if root.exists():
        return root
    for split, subjects, total in (("train", (1, 2), count), ("test", (3,), 1)):
        lines = []
        for number in range(total):
            subject = subjects[number * len(subjects) // total]
            path = f"Video_data/class_01/subject{subject}_r{number}"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(folder / "videos" / str(number % unique))
            window = f"{START}:{START + WINDOW}"
            fields = f"depth:sk_depth:{window} color:sk_color:{window} label:{number % 25 + 1}"
            lines.append(f"path:./{path} {fields} \n")
        (root / f"nvgesture_{split}_correct.lst").write_text("".join(lines))
    return root


def measure(cores: int, **how: Any) -> dict[str, Any]:
    """Return what `read` finds in a process that may use so many cores."""
    command = [sys.executable, __file__, "--worker", json.dumps({"cores": cores, **how})]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def read(
    root: str, cache: str | None, cores: int, batch_size: int, batches: int, pause: float
) -> dict[str, Any]:
    """Read batches as training does and rest after each; return seconds and peak memory."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])  # before TensorFlow counts
    import dataclasses

    from mmbal.data import Examples
    from mmbal.experiment.batches import TrainingBatches
    from mmbal_nvgesture.options import NVGestureOptions
    from mmbal_nvgesture.source import NVGesture

    options = NVGestureOptions(validation_subjects=1, cache=cache)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = NVGesture(options).load(Path(root), 0)
    few = data.train
    assert few.vary is not None  # noqa: S101
    # As many clips as are to be read: an epoch may show one more often than once.
    many = Examples(
        max(len(few), batch_size * (batches + 2)),
        lambda row: few.read(row % len(few)),
        lambda row, seed: few.vary(row % len(few), seed),  # type: ignore[misc]
    )
    stream = iter(TrainingBatches(dataclasses.replace(data, train=many), batch_size, 0).dataset)
    next(stream)  # graphs are traced
    waited, started, worked = 0.0, time.perf_counter(), time.process_time()
    for _ in range(batches):
        asked = time.perf_counter()
        next(stream)
        waited += time.perf_counter() - asked
        time.sleep(pause)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "processor": time.process_time() - worked,
        "waited": waited,
        "peak": peak / 1024,
        "before": before / 1024,
    }


@click.command()
@click.option("--clips", default=8, show_default=True, help="Different clips that are written.")
@click.option("--batch-size", default=8, show_default=True)
@click.option("--batches", default=6, show_default=True, help="Batches per measurement.")
@click.option("--worker", hidden=True, help="What a process of this benchmark measures.")
def main(clips: int, batch_size: int, batches: int, worker: str | None) -> None:
    """Measure and print three tables."""
    if worker is not None:
        click.echo(json.dumps(read(**json.loads(worker))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, clips)
        size = sum(path.stat().st_size for path in folder.rglob("*.avi")) / (2 * clips)
        root = lists(folder, clips, 2 * clips)
        print_cache(folder, root, f"{clips} clips, {size / 1e6:.2f} MB per video")
        ways = {"decoded every time": None, "from the cache": str(folder / "cache")}
        how = {"root": str(root), "batch_size": batch_size, "batches": batches}
        print_rates(ways, how)
        print_waiting(ways, how)
        how["batches"] = 2
        print_memory({n: str(lists(folder, clips, n)) for n in COUNTS}, how)


def print_cache(folder: Path, root: Path, title: str) -> None:
    """Fill the cache, in as many processes as there are cores, and print how fast that was."""
    from mmbal_nvgesture.options import NVGestureOptions
    from mmbal_nvgesture.source import NVGesture

    options = NVGestureOptions(cache=folder / "cache")
    started = time.perf_counter()
    done = NVGesture(options).prepare(root)
    Console().print(f"{title}\n{done}\nin {time.perf_counter() - started:.1f} seconds")


def print_rates(ways: dict[str, str | None], how: dict[str, Any]) -> None:
    """Print clips per second, without a pause."""
    table = Table(title=f"reading batches of {how['batch_size']}, color and depth")
    for column in ("", "cores", "clips per second", "per second of a core"):
        table.add_column(column)
    for way, cache in ways.items():
        for cores in sorted({1, len(os.sched_getaffinity(0))}):
            found = measure(cores, cache=cache, pause=0, **how)
            clips = how["batches"] * how["batch_size"]
            rates = clips / found["seconds"], clips / found["processor"]
            table.add_row(way, str(cores), *(f"{rate:.1f}" for rate in rates))
    Console().print(table)


def print_waiting(ways: dict[str, str | None], how: dict[str, Any]) -> None:
    """Print the share of time that steps of some lengths wait, with all cores."""
    table = Table(title=f"time that a step on {how['batch_size']} clips waits for data")
    for column in ("seconds of the step itself", *ways):
        table.add_column(column)
    for pause in PAUSES:
        row = []
        for cache in ways.values():
            found = measure(len(os.sched_getaffinity(0)), cache=cache, pause=pause, **how)
            row.append(f"{100 * found['waited'] / found['seconds']:.0f} %")
        table.add_row(f"{pause:g}", *row)
    Console().print(table)


def print_memory(roots: dict[int, str], how: dict[str, Any]) -> None:
    """Print the peak of resident memory by the number of clips, while they are decoded."""
    table = Table(title="peak memory while decoding")
    for column in ("clips", "MB", "MB before the data were opened"):
        table.add_column(column)
    for count, root in roots.items():
        found = measure(len(os.sched_getaffinity(0)), cache=None, pause=0, **{**how, "root": root})
        table.add_row(f"{count:,}", f"{found['peak']:.0f}", f"{found['before']:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
