"""Where the rows come from that edges are measured on: the test split, and suites beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

from rinject.errors import InputError
from rinject.evaluate.suites import TaskSuite, which_solved
from rinject.inject.bundle import Bundle
from rinject.inject.positions import which_fit
from rinject.inject.rows import Rows
from rinject.tasks import Example, Task
from rinject.tasks.oracle import Oracle
from rinject.tasks.task import up_to

IN_DISTRIBUTION = "in distribution"


@dataclass(frozen=True)
class Source:
    """Examples of one kind."""

    name: str
    sentence: str
    """What they are."""
    rows: Rows
    """Those that student and program can read."""
    drawn: int
    """Examples in all."""
    solved: float | None
    """The share of the rows that the program itself answers right; None without rows."""

    @property
    def is_supported(self) -> bool:
        """Whether the program answers all right that it can read, of which there are some."""
        return self.solved == 1


def draw_sources(
    bundle: Bundle, task: Task, suites: Sequence[TaskSuite] = (), *, n: int = 200, seed: int = 42
) -> list[Source]:
    """Up to `n` examples of the test split, and as many of each suite.

    Raises InputError where nothing of the test split can be read.
    """
    oracle = Oracle(bundle.program)
    plain = up_to(task, "test", n, seed)
    own = _source(bundle, oracle, IN_DISTRIBUTION, "inputs of the test split", plain)
    if not len(own.rows):
        raise InputError(
            "no example of the test split fits into the program and the student",
            hint="compile the program for longer inputs",
        )
    several = len({one.task for one in suites}) > 1
    beyond = []
    for one in suites:
        name = f"{one.task}: {one.suite.name}" if several else one.suite.name
        drawn = one.suite.examples(bundle.program.header, n, seed)
        beyond.append(_source(bundle, oracle, name, one.suite.sentence, drawn))
    return [own, *beyond]


def _source(
    bundle: Bundle, oracle: Oracle, name: str, sentence: str, drawn: Sequence[Example]
) -> Source:
    rows = bundle.rows(drawn)
    fits = which_fit(bundle.model, rows)  # [B]
    fits = fits & (rows.read_lengths <= bundle.graph.max_seq_len)
    kept = rows.take(fits)
    solved = which_solved(bundle, oracle, kept, list(compress(drawn, fits)))  # [b]
    share = float(solved.mean()) if len(kept) else None
    return Source(name, sentence, kept, len(drawn), share)
