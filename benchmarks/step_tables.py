"""The tables of the training steps, for the terminal and for Markdown alike."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from benchmarks.step_records import ShapeRecord, StepRecord, StepReport
from benchmarks.tables import Grid, rate


def step_grids(report: StepReport) -> Iterator[Grid]:
    """All tables of a report."""
    for record in report.shapes:
        yield sides_grid(record)
        yield parts_grid(record)


def sides_grid(record: ShapeRecord) -> Grid:
    """The ways to take a step, side by side."""
    return Grid(
        f"A step on {record.shape} ({record.description}), {_where(record)}",
        ("step", "ms", "times ours", "lowest", "highest", "tokens/s", "peak MB", "GFLOP"),
        tuple(_side_row(record, side) for side in record.sides),
    )


def _side_row(record: ShapeRecord, side: StepRecord) -> tuple[str, ...]:
    ratios = record.ratios(side)
    return (
        side.name,
        rate(side.milliseconds),
        f"{median(ratios):.2f}",
        f"{min(ratios):.2f}",
        f"{max(ratios):.2f}",
        rate(side.tokens_per_second),
        rate(side.megabytes),
        rate(side.gigaflop),
    )


def parts_grid(record: ShapeRecord) -> Grid:
    """Where the time of our step goes, and the least that its matrix products need."""
    total = sum(record.parts.values())
    rows = [
        (part, rate(milliseconds), f"{100 * milliseconds / total:.0f}")
        for part, milliseconds in record.parts.items()
    ]
    floor = f"matrix products alone, at {rate(record.gigaflops)} GFLOP/s"
    return Grid(
        f"Parts of our step on {record.shape}, {_where(record)}",
        ("part", "ms", "%"),
        (*rows, ("all", rate(total), "100"), (floor, rate(record.floor), "")),
    )


def _where(record: ShapeRecord) -> str:
    if record.threads:
        return f"{record.threads} thread{'s' if record.threads > 1 else ''}"
    return record.machine.split(";")[0]
