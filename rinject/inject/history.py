"""``metrics.jsonl``: what a training run reported, one JSON object a line, each step once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from rinject.errors import InputError
from rinject.inject.failures import explained_writing
from rinject.inject.loop import Progress

_NEEDED = {"step", "losses", "seconds"}


class History:
    """The file of a run, written as the run goes on."""

    def __init__(self, path: Path, step: int) -> None:
        """Keeps what is there up to a step, from which the run continues."""
        self.path = path
        kept = [line for line in _lines(path) if line["step"] <= step] if path.exists() else []
        self._seconds = float(kept[-1]["seconds"]) if kept else 0.0  # of the processes before
        beside = path.with_name(path.name + ".partial")
        with self._explained():
            beside.write_text("".join(map(_written, kept)), encoding="utf-8")
            os.replace(beside, path)

    def add(self, progress: Progress) -> None:
        """Appends a report. Raises RinjectError where it cannot be written."""
        line = _written(_record(progress, self._seconds))
        with self._explained(), self.path.open("a", encoding="utf-8") as file:
            file.write(line)

    def _explained(self) -> AbstractContextManager[None]:
        hint = "make room, then continue with --resume"
        return explained_writing(str(self.path), hint)


def _record(progress: Progress, seconds_before: float) -> dict[str, Any]:
    """Figures that were not measured are left out."""
    record = {
        "step": progress.step,
        "steps": progress.steps,
        "losses": progress.losses,
        "accuracy": progress.accuracy,
        "fidelity": progress.fidelity,
        "mean_fidelity": progress.mean_fidelity,
        "suites": progress.suites,
        "tokens_per_second": round(progress.tokens_per_second, 1),
        "seconds": round(seconds_before + progress.seconds, 3),
        "rate": progress.rate,
    }
    return {name: value for name, value in record.items() if value is not None}


def _written(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records up to the first that is not whole: a killed process may leave half a line."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                record = json.loads(line)
            except ValueError:
                return
            if not isinstance(record, dict) or not record.keys() >= _NEEDED:
                return
            yield record


def read_history(path: str | Path) -> list[dict[str, Any]]:
    """The reports in a file, the first one first. Raises InputError where there are none."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    found = list(_lines(path))
    if not found:
        raise InputError(f"{path} holds no report of a training run")
    return found
