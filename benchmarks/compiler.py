"""Both compilers side by side: time, memory, size and speed of the compiled models.

Example: python -m benchmarks.compiler --quick --growth --json compiler.json
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.cases import CASES, Case
from benchmarks.children import ChildFailed, ChildTooSlow, measured_in_child
from benchmarks.records import Growth, Record, Report, describe_machine, record_from
from benchmarks.tables import grids

MEASURING = "benchmarks.measuring"
LIMIT_SECONDS = 3600.0
GROWTH_COMPILES = {"native": 1000, "tracr": 10}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    cases = _chosen(options.only, quick=options.quick)
    machine = f"{describe_machine()}; load before the run {os.getloadavg()[0]:.1f}"
    progress = Console(stderr=True)
    records = () if options.growth_only else tuple(measured(cases, progress))
    growth = tuple(grown(progress)) if options.growth or options.growth_only else ()
    is_complete = len(records) == len(CASES)
    report = Report(machine, is_complete, records, growth)
    console = Console()
    for grid in grids(report):
        console.print(grid.for_terminal(), "")
    if options.json is not None:
        report.save(options.json)
    return 0 if is_complete or len(records) == len(cases) or options.growth_only else 1


def measured(cases: Sequence[Case], progress: Console) -> Iterator[Record]:
    """The records of the programs that could be measured."""
    for case in cases:
        progress.print(f"{case.name} …")
        try:
            yield measure(case.name)
        except (ChildFailed, ChildTooSlow) as failure:
            progress.print(f"{case.name} failed: {failure or 'too slow'}", style="red")


def measure(name: str) -> Record:
    """One program, in fresh processes. Raises ChildFailed and ChildTooSlow."""
    record = record_from(measured_in_child(MEASURING, "side_by_side", name, limit=LIMIT_SECONDS))
    added = measured_in_child(MEASURING, "native_megabytes", name, limit=LIMIT_SECONDS)
    return replace(record, native=replace(record.native, megabytes=added))


def grown(progress: Console) -> Iterator[Growth]:
    """How processes grow that only compile."""
    for backend, compiles in GROWTH_COMPILES.items():
        progress.print(f"{compiles:,} compilations, {backend} …")
        yield Growth(
            **measured_in_child(MEASURING, "growth", backend, str(compiles), limit=LIMIT_SECONDS)
        )


def _chosen(only: Sequence[str], *, quick: bool) -> list[Case]:
    cases = [CASES[name] for name in only or CASES]
    return [case for case in cases if not (quick and case.is_slow)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compiler",
        description="Measure rinject's compiler and tracr's on the same programs.",
        epilog="Example: python -m benchmarks.compiler --quick",
    )
    parser.add_argument(
        "--only", action="append", default=[], choices=sorted(CASES), help="one program (again)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="leave out what takes tracr more than 20 s"
    )
    parser.add_argument(
        "--growth", action="store_true", help="also how the memory of a process grows"
    )
    parser.add_argument("--growth-only", action="store_true", help="nothing else than that")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all measurements there")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
