"""An engine of sweeps that only writes files."""

import json
import signal
import tomllib
from pathlib import Path
from typing import Any

from mmbal.errors import MmbalError
from mmbal.sweep.job import Outcome


class FakeEngine:
    """Finishes trials by writing example runs; some fail, or Ctrl-C comes instead."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.events = events
        self.resources: Any = None
        self.ran: list[str] = []
        self.failing: tuple[str, ...] = ()
        self.stop_after: int | None = None
        self.signal = signal.SIGINT
        self.error: MmbalError | None = None

    def run_all(self, trials: Any, resources: Any, tell: Any, notice: Any) -> None:
        self.resources = resources
        if self.error:
            raise self.error
        print("(raylet) something")
        for number, trial in enumerate(trials):
            if number == self.stop_after:
                raise KeyboardInterrupt(self.signal)
            self.ran.append(trial.name)
            if trial.name in self.failing:
                tell(trial.name, Outcome("failed", error="it has no data"))
            else:
                self.finish(trial)
                tell(trial.name, Outcome("finished"))

    def finish(self, trial: Path) -> None:
        """Write a finished run."""
        config = tomllib.loads((trial / "config.toml").read_text())
        result = {"test": {"accuracy": 0.7}, "seconds": 3.5}
        names = {"strategy": config["strategy"]["name"], "seed": config["seed"]}
        events = self.events
        if config["modalities"]:  # one of them, which nothing isolates
            names["modalities"] = config["modalities"]
            events = [{k: v for k, v in e.items() if k != "rebalancing_steps"} for e in events]
            events = [e | {"isolated": [-1] * len(e["loss"])} if "isolated" in e else e
                      for e in events]  # fmt: skip
        whole = [events[0] | names, *events[1:-1], events[-1] | {"result": result}]
        lines = [json.dumps(event) + "\n" for event in whole]
        (trial / "journal.jsonl").write_text("".join(lines))
