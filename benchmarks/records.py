"""What is measured, and how it is kept as JSON."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

LEAST_MEGABYTES = 1.0
"""Less is counted as this much in ratios of memory: pages and caches blur it."""


@dataclass(frozen=True)
class Measured:
    """One compiler on one program."""

    compile_times: tuple[float, ...]
    """Seconds of each compilation, in their order."""
    megabytes: float
    """Peak memory that compiling adds to a process that has imported and tried the compiler."""
    layers: int
    width: int
    parameters: int
    sequences_per_second: float
    """Of the compiled model."""
    inputs: int
    """On how many the model was compared with the interpreter."""
    agreeing: int
    """On how many of them it answered the same."""

    @property
    def first(self) -> float:
        """Seconds of the first compilation."""
        return self.compile_times[0]

    @property
    def again(self) -> float | None:
        """Seconds of the fastest compilation of the same program after the first."""
        return min(self.compile_times[1:], default=None)


@dataclass(frozen=True)
class Record:
    """Both compilers on one program."""

    name: str
    longest: int
    symbols: int
    causal: bool
    tracr: Measured
    native: Measured
    graph_sequences_per_second: float
    """Of the program's graph, evaluated without the model."""

    @property
    def time_ratio(self) -> float:
        """How many times faster native compiles, the first time."""
        return self.tracr.first / self.native.first

    @property
    def again_ratio(self) -> float | None:
        """How many times faster native compiles again; None if tracr was too slow to try."""
        if self.tracr.again is None or self.native.again is None:
            return None
        return self.tracr.again / self.native.again

    @property
    def memory_ratio(self) -> float:
        """How many times less memory native needs."""
        return self.tracr.megabytes / max(self.native.megabytes, LEAST_MEGABYTES)

    @property
    def run_ratio(self) -> float:
        """How many times more sequences a second the native model runs."""
        return self.native.sequences_per_second / self.tracr.sequences_per_second

    @property
    def graph_ratio(self) -> float:
        """How many times more sequences a second the graph runs than the native model."""
        return self.graph_sequences_per_second / self.native.sequences_per_second


@dataclass(frozen=True)
class Growth:
    """Memory of a process that compiles one program after the other."""

    backend: str
    compiles: int
    before: float
    """Megabytes after the warm-up."""
    after: float

    @property
    def megabytes(self) -> float:
        """What the process grew by."""
        return self.after - self.before


@dataclass(frozen=True)
class Report:
    """One run of the benchmark."""

    machine: str
    is_complete: bool
    """Whether all programs were measured."""
    records: tuple[Record, ...]
    growth: tuple[Growth, ...]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Report:
        entries = json.loads(path.read_text(encoding="utf-8"))
        records = tuple(record_from(entry) for entry in entries["records"])
        growth = tuple(Growth(**entry) for entry in entries["growth"])
        return cls(entries["machine"], entries["is_complete"], records, growth)


def record_from(entry: dict[str, Any]) -> Record:
    """What `asdict` and JSON made of a record."""
    sides = {side: _measured_from(entry[side]) for side in ("tracr", "native")}
    return Record(**{**entry, **sides})


def _measured_from(entry: dict[str, Any]) -> Measured:
    return Measured(**{**entry, "compile_times": tuple(entry["compile_times"])})


def describe_machine(packages: Sequence[str] = ("tracr-pypi", "jax", "torch", "numpy")) -> str:
    """The processor and the versions that times depend on."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{_processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}"


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", file.read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
