"""The tables of docs/tracr.md: the programs of `programs/` and the benchmark, next to tracr.

tracr's own figures are kept in `tracr_figures.json`, and measured where a program is new or has
changed; the benchmark's come from `compiler.json`, which a full run of `benchmarks.compiler` wrote.

Example: python -m benchmarks.compare_programs --write
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.children import ROOT
from benchmarks.program_figures import (
    Figures,
    TracrCache,
    TracrResult,
    native_figures,
    program_paths,
)
from benchmarks.records import Report
from benchmarks.tables import Grid, grids, markdown_row

PAGE = ROOT / "docs" / "tracr.md"
BENCHMARK = Path(__file__).parent / "compiler.json"
LIMIT_SECONDS = 60.0
HEAD = (
    "program",
    "layers",
    "tracr",
    "width",
    "tracr",
    "parameters",
    "tracr",
    "tracr's answers",
)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    grid = programs_grid(options.limit, anew=options.measure)
    if not options.write:
        Console().print(grid.for_terminal())
        return 0
    text = PAGE.read_text(encoding="utf-8")
    text = with_section(text, "programs", grid.for_markdown())
    if BENCHMARK.exists():
        text = with_section(text, "benchmark", benchmark_section(Report.load(BENCHMARK)))
    PAGE.write_text(text, encoding="utf-8")
    return 0


def programs_grid(limit: float, *, anew: bool = False) -> Grid:
    """Every program; what tracr makes of it is measured where it is not known, or `anew`."""
    cache = TracrCache()
    progress = Console(stderr=True)
    rows = []
    for path in program_paths():
        result = None if anew else cache.find(path)
        if result is None:
            progress.print(f"{path.stem}, tracr …")
            result = cache.measure(path, limit)
        rows.append(cells(path.stem, native_figures(path), result))
    return Grid("Programs", HEAD, tuple(rows), text_columns=(0, 7))


def cells(name: str, native: Figures, tracr: TracrResult) -> tuple[str, ...]:
    """The row of a program; sizes of the adapted program are in parentheses."""
    ours: tuple[str, ...] = _sizes(native)
    theirs: tuple[str, ...] = ("-", "-", "-")
    if tracr.figures is not None:
        theirs = _sizes(tracr.figures)
    if tracr.figures is not None and tracr.reason:
        theirs = tuple(f"({size})" for size in theirs)
    pairs = [size for pair in zip(ours, theirs, strict=True) for size in pair]
    return (f"[`{name}`](../programs/{name}.rasp)", *pairs, tracr.verdict)


def _sizes(figures: Figures) -> tuple[str, ...]:
    return str(figures.layers), f"{figures.width:,}", f"{figures.parameters:,}"


def with_native_figures(text: str, name: str, native: Figures) -> str:
    """The page with the native columns of one program's row replaced."""
    row = re.compile(rf"^\| \[`{name}`\].*$", re.MULTILINE)

    def replaced(found: re.Match[str]) -> str:
        old = found[0].removeprefix("| ").removesuffix(" |").split(" | ")
        old[1:7:2] = _sizes(native)
        return markdown_row(old)

    return row.sub(replaced, text)


def with_section(text: str, name: str, content: str) -> str:
    """The page with the text between the marks of a section replaced."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


def benchmark_section(report: Report) -> str:
    """All tables of a full run. Raises ValueError for another one."""
    if not report.is_complete:
        raise ValueError("compiler.json is not of a full run of benchmarks.compiler")
    parts = [f"### {grid.title}\n\n{grid.for_markdown()}" for grid in grids(report)]
    return "\n\n".join([f"Measured on: {report.machine}.", *parts])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare_programs",
        description="Compare the programs of programs/, compiled natively, with tracr's models.",
        epilog="Example: python -m benchmarks.compare_programs --write",
    )
    parser.add_argument("--write", action="store_true", help="write the tables of docs/tracr.md")
    parser.add_argument(
        "--measure", action="store_true", help="measure all of tracr's figures anew"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=LIMIT_SECONDS,
        metavar="SECONDS",
        help="what tracr may take for a program (default: 60)",
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
