"""What the native compiler shall reach against tracr, and whether it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.records import Growth, Record

TIMES_FASTER = {"shuffle_dyck": 300, "count": 300, "int_sum": 50}
MEDIAN_TIMES_FASTER = 30
TIMES_LESS_MEMORY = 10
TIMES_MORE_SEQUENCES = 20
GRAPH_AGAINST_MODEL = 1
GROWTH_MEGABYTES = 10


@dataclass(frozen=True)
class Aim:
    """Something that can be reached."""

    text: str
    measured: float
    required: float
    is_upper_limit: bool = False

    @property
    def is_reached(self) -> bool:
        if self.is_upper_limit:
            return self.measured <= self.required
        return self.measured >= self.required


def aims(records: Sequence[Record], growth: Sequence[Growth]) -> Iterator[Aim]:
    """Those that the measurements say something about."""
    if records:
        yield from _aims_of_programs(records)
    for entry in growth:
        if entry.backend == "native":
            text = f"growth over {entry.compiles:,} compilations, MB, at most"
            yield Aim(text, entry.megabytes, GROWTH_MEGABYTES, is_upper_limit=True)


def _aims_of_programs(records: Sequence[Record]) -> Iterator[Aim]:
    for record in records:
        if record.name in TIMES_FASTER:
            text = f"{record.name} compiles faster, times"
            yield Aim(text, record.time_ratio, TIMES_FASTER[record.name])
    ratios = [record.time_ratio for record in records]
    yield Aim("compiles faster, times, median", median(ratios), MEDIAN_TIMES_FASTER)
    memory = min(record.memory_ratio for record in records)
    yield Aim("adds less peak memory, times, lowest", memory, TIMES_LESS_MEMORY)
    running = min(record.run_ratio for record in records)
    yield Aim("run_batch, times tracr's sequences a second, lowest", running, TIMES_MORE_SEQUENCES)
    graph = min(record.graph_ratio for record in records)
    yield Aim("graph, times run_batch's sequences a second, lowest", graph, GRAPH_AGAINST_MODEL)
