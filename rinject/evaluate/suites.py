"""How a student fares on inputs unlike those it learned from, and where its mechanism gives up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rinject.errors import InputError, RinjectError
from rinject.evaluate.fidelity import fidelity
from rinject.evaluate.intervals import wilson
from rinject.inject.answering import right_answers
from rinject.inject.bundle import Bundle
from rinject.inject.positions import most_positions
from rinject.inject.rows import Rows
from rinject.tasks import Example, answer_text
from rinject.tasks.oracle import ROWS, Oracle
from rinject.tasks.suites import Suite

Report = Callable[[int, int], None]
"""Sees how many suites are done, of how many."""


@dataclass(frozen=True)
class SuiteReport:
    """One suite, and one student with a program in it."""

    task: str
    """The name of the program."""
    suite: str
    method: str
    """How the program came into the student."""
    supported: float | None
    """Share of the examples that the program itself answers right, found by running it; one that
    does not fit its positions it does not answer. None without examples."""
    n: int
    """Examples asked: those that fit the student's positions."""
    skipped: int
    """Examples that do not."""
    accuracy: float | None
    """Share of the n answered right (greedy, exact); None where none could be asked."""
    ci: tuple[float, float] | None
    """Its 95 % confidence interval (Wilson)."""
    fidelity: float | None
    """Mean fidelity of the changing variables over the examples that the program can read; None
    where it can read none, or no variable changes."""
    read: int
    """Examples that the program can read."""

    def to_record(self) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        return asdict(self) | {"ci": None if self.ci is None else list(self.ci)}


def measure_suites(
    bundle: Bundle,
    suites: Sequence[Suite],
    *,
    n: int = 500,
    seed: int = 42,
    report: Report = lambda _done, _total: None,
) -> list[SuiteReport]:
    """Each suite on up to `n` examples. Raises InputError where an output cannot be written."""
    oracle = Oracle(bundle.program)
    found: list[SuiteReport] = []
    for done, suite in enumerate(suites):
        report(done, len(suites))
        examples = suite.examples(bundle.program.header, n, seed)
        found.append(_measure(bundle, oracle, suite, examples))
    return found


def _measure(
    bundle: Bundle, oracle: Oracle, suite: Suite, examples: Sequence[Example]
) -> SuiteReport:
    rows = bundle.rows(examples)
    fitting = rows.take(rows.lengths <= (most_positions(bundle.model) or np.inf))
    read = fitting.take(fitting.read_lengths <= bundle.graph.max_seq_len)
    right = right_answers(bundle.model, fitting)
    asked = len(fitting)
    return SuiteReport(
        task=bundle.record.program.name,
        suite=suite.name,
        method=bundle.record.settings.method,
        supported=_supported(bundle, oracle, rows, examples),
        n=asked,
        skipped=len(rows) - asked,
        accuracy=float(right.mean()) if asked else None,
        ci=wilson(int(right.sum()), asked) if asked else None,
        fidelity=fidelity(bundle, read).mean if len(read) else None,
        read=len(read),
    )


# --- what the program itself answers --------------------------------------------------------------


def _supported(
    bundle: Bundle, oracle: Oracle, rows: Rows, examples: Sequence[Example]
) -> float | None:
    """The share of the examples that the program solves on the tokens of the student."""
    prompts = [
        bundle.reconciliation.symbols(ids[:length])
        for ids, length in zip(rows.ids, rows.prompt_lengths, strict=True)
    ]
    answers = _program_answers(oracle, prompts)
    solved = [given == one.answer for given, one in zip(answers, examples, strict=True)]
    return float(np.mean(solved)) if solved else None


def _program_answers(oracle: Oracle, prompts: Sequence[list[str]]) -> list[str | None]:
    """The program's answer to each prompt; None where it has none that can be written."""
    found: list[str | None] = [None] * len(prompts)
    fitting = [i for i, symbols in enumerate(prompts) if len(symbols) <= oracle.longest]
    fitting.sort(key=lambda place: len(prompts[place]))
    for start in range(0, len(fitting), ROWS):
        places = fitting[start : start + ROWS]
        for place, output in zip(
            places, _outputs(oracle, [prompts[place] for place in places]), strict=True
        ):
            found[place] = _text(oracle, output)
    return found


def _outputs(oracle: Oracle, prompts: Sequence[list[str]]) -> Iterator[Any]:
    """The outputs of a few prompts; None where the answer does not end within the positions."""
    try:
        yield from oracle.outputs(prompts)
    except InputError:
        if len(prompts) == 1:
            yield None
        else:
            for prompt in prompts:
                yield from _outputs(oracle, [prompt])


def _text(oracle: Oracle, output: Any) -> str | None:
    try:
        return None if output is None else answer_text(oracle.program.header, output)
    except RinjectError:
        return None
