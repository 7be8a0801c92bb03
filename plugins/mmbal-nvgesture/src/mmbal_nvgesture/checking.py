"""`mmbal data check nvgesture`: every problem of lists and files, frames included."""

from pathlib import Path

from mmbal.data import over_processes, track
from mmbal.errors import MmbalError
from mmbal_nvgesture.layout import find_root
from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.strip import Strip
from mmbal_nvgesture.survey import survey


def check_folder(data_dir: Path | None, options: NVGestureOptions) -> list[str]:
    """Read the lists, look at all files and decode all windows; return problems, a line each."""
    try:
        root = find_root(data_dir, (options.train_list, options.test_list))
        found = survey(root, options)
    except MmbalError as problem:
        return [str(problem)]
    problems = [f"{root}/{problem.text}" for problem in found.problems]
    strips = [strip for each in found.found for strip in each.strips.values()]
    decoded = over_processes(Strip.check, strips, options.workers)
    return problems + [fault for fault in track(decoded, "decoding", len(strips)) if fault]
