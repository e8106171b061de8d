"""What is measured of the training steps, and how it is kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

OURS = "rinject"


@dataclass(frozen=True)
class StepRecord:
    """One way to take a training step."""

    name: str
    rounds: tuple[float, ...]
    """Milliseconds a step in each round."""
    tokens_per_second: float
    """Of task and text, fillers not counted."""
    megabytes: float
    """Peak memory that a step adds to weights and moments."""
    gigaflop: float
    """Of the matrix products of a step, 10^9 operations."""

    @property
    def milliseconds(self) -> float:
        """A step, median of the rounds."""
        return median(self.rounds)


@dataclass(frozen=True)
class ShapeRecord:
    """All ways on one student."""

    shape: str
    description: str
    machine: str
    threads: int
    steps: int
    """Steps of each round."""
    settings: Mapping[str, Any]
    """Those of our step that are not defaults."""
    sides: tuple[StepRecord, ...]
    """Ours first."""
    parts: Mapping[str, float]
    """Milliseconds of each part of our step, measured one by one."""
    gigaflops: float
    """10^9 operations a second of a matrix product of the student's shape."""

    @property
    def ours(self) -> StepRecord:
        """Our step."""
        return self.sides[0]

    @property
    def floor(self) -> float:
        """Milliseconds that the matrix products of our step take alone."""
        return 1e3 * self.ours.gigaflop / self.gigaflops

    def ratios(self, side: StepRecord) -> tuple[float, ...]:
        """How many times longer than ours a step takes, in each round."""
        return tuple(a / b for a, b in zip(side.rounds, self.ours.rounds, strict=True))


@dataclass(frozen=True)
class StepReport:
    """All shapes, and why some were not measured."""

    shapes: tuple[ShapeRecord, ...] = ()
    unmeasured: Mapping[str, str] = field(default_factory=dict)

    def updated(self, other: StepReport) -> StepReport:
        """With what another run found out."""
        found = {one.shape: one for one in (*self.shapes, *other.shapes)}
        missing = {**self.unmeasured, **other.unmeasured}
        return StepReport(
            tuple(found.values()), {k: v for k, v in missing.items() if k not in found}
        )

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> StepReport:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return cls(tuple(map(_shape_from, entries["shapes"])), entries["unmeasured"])


def _shape_from(entry: dict[str, Any]) -> ShapeRecord:
    sides = tuple(_side_from(side) for side in entry["sides"])
    return ShapeRecord(**{**entry, "sides": sides})


def _side_from(entry: dict[str, Any]) -> StepRecord:
    return StepRecord(**{**entry, "rounds": tuple(entry["rounds"])})
