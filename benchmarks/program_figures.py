"""How large the programs of `programs/` become with either compiler."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.children import ROOT, ChildFailed, ChildTooSlow, measured_in_child
from benchmarks.records import describe_machine
from rinject import compile_program, load_program
from rinject.circuit import CompiledModel
from rinject.lang import Program

PROGRAMS = ROOT / "programs"
CACHE = Path(__file__).parent / "tracr_figures.json"
SECONDS_MORE = 300.0
"""What a child may take beside compiling: importing, and comparing the model."""


@dataclass(frozen=True)
class Figures:
    """The size of a compiled model."""

    layers: int
    width: int
    parameters: int


@dataclass(frozen=True)
class TracrResult:
    """What tracr makes of a program: a model, or a reason why not."""

    figures: Figures | None = None
    """Where there is a reason: of the program as :mod:`benchmarks.adapted` changes it."""
    inputs: int = 0
    """On how many the model was compared with the interpreter."""
    wrong: int = 0
    """On how many of them it answered something else."""
    reason: str = ""

    @property
    def verdict(self) -> str:
        """In a few words."""
        if self.reason:
            return self.reason
        if self.wrong:
            return f"wrong on {self.wrong:,} of {self.inputs:,}"
        return f"right on all {self.inputs:,}"


def program_paths() -> list[Path]:
    """All programs, in the order of their names."""
    return sorted(PROGRAMS.glob("*.rasp"))


def native_figures(path: Path) -> Figures:
    """The size of the native model of a program."""
    program = load_program(path)
    return size_of(compile_program(program, causal=program.header.causal))


def size_of(model: CompiledModel) -> Figures:
    return Figures(model.num_layers, model.residual_width, model.parameters)


class TracrCache:
    """tracr's results by program; they change only with the program."""

    def __init__(self, path: Path = CACHE) -> None:
        self.path = path
        self.record: dict[str, Any] = {"machine": "", "limit_seconds": 0, "programs": {}}
        if path.exists():
            self.record = json.loads(path.read_text(encoding="utf-8"))

    def find(self, path: Path) -> TracrResult | None:
        """What is known of a program as it is now."""
        entry = self.record["programs"].get(path.stem)
        if entry is None or entry["fingerprint"] != fingerprint(load_program(path)):
            return None
        return _result(entry)

    def measure(self, path: Path, limit: float) -> TracrResult:
        """Compile a program with tracr in at most `limit` seconds, and remember the result."""
        entry = _measured(path, limit)
        programs = self.record["programs"]
        programs[path.stem] = {"fingerprint": fingerprint(load_program(path)), **entry}
        self.record = {
            "machine": describe_machine(),
            "limit_seconds": limit,
            "programs": dict(sorted(programs.items())),
        }
        self.path.write_text(json.dumps(self.record, indent=1) + "\n", encoding="utf-8")
        return _result(entry)


def fingerprint(program: Program) -> str:
    """A hash of its text and of what it loads, without lines of comment."""
    lines = [
        line
        for text in program.sources.values()
        for line in text.splitlines()
        if not line.startswith("#")
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _measured(path: Path, limit: float) -> dict[str, Any]:
    """What a fresh process says."""
    arguments = str(path), str(limit)
    try:
        entry: dict[str, Any] = measured_in_child(
            "benchmarks.tracr_attempt", *arguments, limit=2 * limit + SECONDS_MORE
        )
    except ChildTooSlow:
        return {"reason": f"takes longer than {limit:.0f} s"}
    except ChildFailed as failure:
        return {"reason": f"fails: {failure}"}
    return entry


def _result(entry: dict[str, Any]) -> TracrResult:
    sizes = [entry[field.name] for field in fields(Figures) if field.name in entry]
    return TracrResult(
        Figures(*sizes) if sizes else None,
        entry.get("inputs", 0),
        entry.get("wrong", 0),
        entry.get("reason", ""),
    )
