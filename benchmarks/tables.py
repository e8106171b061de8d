"""The tables of the benchmark, for the terminal and for Markdown alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table

from benchmarks.aims import aims
from benchmarks.records import LEAST_MEGABYTES, Growth, Record, Report


@dataclass(frozen=True)
class Grid:
    """A table: the first column is text, the others are figures unless said otherwise."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: tuple[int, ...] = (0,)

    def for_terminal(self) -> Table:
        table = Table(title=self.title, title_justify="left", box=None, pad_edge=False)
        for index, name in enumerate(self.head):
            table.add_column(name, justify="left" if index in self.text_columns else "right")
        for row in self.rows:
            table.add_row(*row)
        return table

    def for_markdown(self) -> str:
        marks = ["---" if i in self.text_columns else "---:" for i in range(len(self.head))]
        return "\n".join(markdown_row(row) for row in (self.head, marks, *self.rows))


def markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def grids(report: Report) -> Iterator[Grid]:
    """All tables of a report."""
    if report.records:
        yield compiling_grid(report.records)
        yield memory_grid(report.records)
        yield models_grid(report.records)
        yield running_grid(report.records)
    if report.growth:
        yield growth_grid(report.growth)
    yield aims_grid(report)


def compiling_grid(records: Sequence[Record]) -> Grid:
    again = [r.again_ratio for r in records if r.again_ratio is not None]
    return Grid(
        "Compiling, seconds: the first time, and again in the same process",
        ("program", "positions", "tracr", "native", "ratio", "again, tracr", "native", "ratio"),
        (
            *(
                (
                    r.name,
                    str(r.longest),
                    seconds(r.tracr.first),
                    seconds(r.native.first),
                    times(r.time_ratio),
                    seconds(r.tracr.again),
                    seconds(r.native.again),
                    times(r.again_ratio),
                )
                for r in records
            ),
            (
                "median",
                *[""] * 3,
                times(median(r.time_ratio for r in records)),
                *[""] * 2,
                times(median(again) if 2 * len(again) > len(records) else None),
            ),
        ),
    )


def memory_grid(records: Sequence[Record]) -> Grid:
    return Grid(
        "Compiling, peak memory added, MB",
        ("program", "tracr", "native", "ratio"),
        (
            *(
                (
                    r.name,
                    megabytes(r.tracr.megabytes),
                    megabytes(r.native.megabytes),
                    times(r.memory_ratio),
                )
                for r in records
            ),
            ("median", *[""] * 2, times(median(r.memory_ratio for r in records))),
        ),
    )


def models_grid(records: Sequence[Record]) -> Grid:
    return Grid(
        "Models",
        (
            "program",
            "layers, tracr",
            "native",
            "width, tracr",
            "native",
            "parameters, tracr",
            "native",
            "right, tracr",
            "native",
        ),
        tuple(
            (
                r.name,
                str(r.tracr.layers),
                str(r.native.layers),
                f"{r.tracr.width:,}",
                f"{r.native.width:,}",
                f"{r.tracr.parameters:,}",
                f"{r.native.parameters:,}",
                f"{r.tracr.agreeing}/{r.tracr.inputs}",
                f"{r.native.agreeing}/{r.native.inputs}",
            )
            for r in records
        ),
    )


def running_grid(records: Sequence[Record]) -> Grid:
    return Grid(
        "Running, sequences a second",
        ("program", "tracr", "run_batch", "ratio", "graph", "graph / run_batch"),
        (
            *(
                (
                    r.name,
                    rate(r.tracr.sequences_per_second),
                    rate(r.native.sequences_per_second),
                    times(r.run_ratio),
                    rate(r.graph_sequences_per_second),
                    times(r.graph_ratio),
                )
                for r in records
            ),
            (
                "median",
                *[""] * 2,
                times(median(r.run_ratio for r in records)),
                "",
                times(median(r.graph_ratio for r in records)),
            ),
        ),
    )


def growth_grid(growth: Sequence[Growth]) -> Grid:
    return Grid(
        "Memory of one process that compiles different shapes",
        ("compiler", "compilations", "MB before", "MB after", "MB a compilation"),
        tuple(
            (
                entry.backend,
                f"{entry.compiles:,}",
                megabytes(entry.before),
                megabytes(entry.after),
                f"{entry.megabytes / entry.compiles:.3f}",
            )
            for entry in growth
        ),
    )


def aims_grid(report: Report) -> Grid:
    return Grid(
        "Aims",
        ("aim", "measured", "required", "reached"),
        tuple(
            (
                aim.text,
                f"{aim.measured:,.1f}",
                f"{aim.required:,.0f}",
                "yes" if aim.is_reached else "no",
            )
            for aim in aims(report.records, report.growth)
        ),
        text_columns=(0, 3),
    )


def seconds(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 1 else f"{value:.2g}"


def times(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def megabytes(value: float) -> str:
    return f"< {LEAST_MEGABYTES:.0f}" if value < LEAST_MEGABYTES else f"{value:,.0f}"


def rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
