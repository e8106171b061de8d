"""How a student fares on inputs unlike those it learned from, and where its mechanism gives up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from rinject.errors import InputError, RinjectError
from rinject.evaluate.fidelity import fidelity
from rinject.evaluate.intervals import wilson
from rinject.evaluate.progress import Progress, unseen
from rinject.inject.answering import right_answers
from rinject.inject.bundle import Bundle
from rinject.inject.positions import which_fit
from rinject.inject.rows import Rows
from rinject.lang import Program
from rinject.lang.diagnostics import did_you_mean
from rinject.tasks import Example, Task, examples, find_suites
from rinject.tasks.agreement import check_agreement
from rinject.tasks.oracle import Oracle
from rinject.tasks.registry import TASKS, task_source
from rinject.tasks.suites import SUITES, Suite

TRAINED_ON = {
    "spread": "inputs that the task's rule allows but hardly ever draws, none of its suites",
    "coverage": "inputs of any kind that the program reads: no suite is out of distribution",
}
"""What training had by the data rules that are not the paper's."""
ALL = "all"
UNTOUCHED = "none"
"""The method of a student without a program."""
FEW = 4
"""Outputs of a task that a header must be able to write before its program is run on more."""


@dataclass(frozen=True)
class SuiteReport:
    """One suite, and one student."""

    task: str
    """The task whose suite it is: the program's, or a built-in one that the program computes."""
    suite: str
    method: str
    """How the program came into the student; `none` is the student before that."""
    supported: bool
    """Whether the program itself answers every example right, found by running it; one that does
    not fit its positions it does not answer. False without examples."""
    solved: float | None
    """The share of the n that it answers right; None where none could be asked."""
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
    where it can read none, no variable changes, or the student holds no program."""
    read: int
    """Examples that the program can read."""
    data: str = "paper"
    """The rule of the training inputs, see `TRAINED_ON`."""

    def to_record(self) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        return asdict(self) | {"ci": None if self.ci is None else list(self.ci)}


@dataclass(frozen=True)
class TaskSuite:
    """A suite, and the task that it belongs to."""

    task: str
    suite: Suite


# --- which suites ---------------------------------------------------------------------------------


def bundle_suites(
    bundle: Bundle, task: Task, name: str = ALL, *, beside: Sequence[Bundle] = ()
) -> list[TaskSuite]:
    """The suites of a bundle's task, and of every other built-in task that its program computes.

    Which those are is found by running the program. Of their suites only inputs of the test split
    are taken, since training may have had the others; and so of all where it covered the program
    (`--data coverage`), that of the bundle or of those `beside` it which are asked as well. A task
    of one's own parts its inputs in its own way and has its own suites alone. `name` chooses those
    of one name. Raises InputError where there is none.
    """
    program = bundle.program
    covered = any(one.record.settings.goes_beyond_task for one in (bundle, *beside))
    own = find_suites(task)
    found = [TaskSuite(program.name, one.held_out() if covered else one) for one in own]
    if task_source(task) is None:
        taken = {*own}
        for other, suites in SUITES.items():  # programs of one task share its suites
            if not taken.issuperset(suites) and _computes(program, other):
                found += [TaskSuite(other, suite.held_out()) for suite in suites]
                taken.update(suites)
    if not found:
        raise InputError(
            f"there are no out-of-distribution suites for `{program.name}`",
            hint=f"programs that compute {', '.join(SUITES)} have some; a task of your own may"
            " bring `suites`",
        )
    if name == ALL:
        return found
    names = list(dict.fromkeys(one.suite.name for one in found))
    if name not in names:
        hint = did_you_mean(name, names, otherwise=f"they are: {', '.join(names)}")
        raise InputError(f"`{program.name}` has no suite {name!r}", hint=hint)
    return [one for one in found if one.suite.name == name]


def _computes(program: Program, name: str) -> bool:
    """Whether a program answers as a built-in task does, on a few inputs."""
    task = TASKS[name](program.header)
    try:
        examples(task, "train", FEW, seed=0)
        check_agreement(program, task, name)
    except (RinjectError, TypeError):  # a header that spells its answers writes no number
        return False
    return True


# --- measuring ------------------------------------------------------------------------------------


def measure_suites(
    bundle: Bundle,
    suites: Sequence[Suite | TaskSuite],
    *,
    n: int = 500,
    seed: int = 42,
    base: PreTrainedModel | None = None,
    report: Progress = unseen,
) -> list[SuiteReport]:
    """Each suite on up to `n` examples; a suite without a task is of the program's own.

    With `base`, that model is asked in place of the bundle's: the student before the injection, on
    the same tokens. Raises InputError where an output cannot be written, and for a suite of one's
    own that fails.
    """
    oracle = Oracle(bundle.program)
    found: list[SuiteReport] = []
    for done, one in enumerate(suites):
        report(done, len(suites))
        kept = one if isinstance(one, TaskSuite) else TaskSuite(bundle.program.name, one)
        drawn = kept.suite.examples(bundle.program.header, n, seed)
        found.append(_measure(bundle, base, oracle, kept, drawn))
    return found


def _measure(
    bundle: Bundle,
    base: PreTrainedModel | None,
    oracle: Oracle,
    one: TaskSuite,
    drawn: Sequence[Example],
) -> SuiteReport:
    rows = bundle.rows(drawn)
    fits = which_fit(bundle.model, rows)  # [B]
    asked = rows.take(fits)
    read = asked.take(asked.read_lengths <= bundle.graph.max_seq_len)
    right = right_answers(bundle.model if base is None else base, asked)
    solved = which_solved(bundle, oracle, asked, list(compress(drawn, fits)))
    n = len(asked)
    return SuiteReport(
        task=one.task,
        suite=one.suite.name,
        method=bundle.record.settings.method if base is None else UNTOUCHED,
        supported=bool(n and solved.all()),
        solved=float(solved.mean()) if n else None,
        n=n,
        skipped=len(rows) - n,
        accuracy=float(right.mean()) if n else None,
        ci=wilson(int(right.sum()), n) if n else None,
        fidelity=fidelity(bundle, read).mean if len(read) and base is None else None,
        read=len(read),
        data=bundle.record.settings.data if base is None else "paper",
    )


# --- what the program itself answers --------------------------------------------------------------


def which_solved(
    bundle: Bundle, oracle: Oracle, rows: Rows, drawn: Sequence[Example]
) -> np.ndarray:
    """bool [B]: the examples that the program solves on the tokens of the student."""
    prompts = [
        bundle.reconciliation.symbols(ids[:length])
        for ids, length in zip(rows.ids, rows.prompt_lengths, strict=True)
    ]
    answers = oracle.answers(prompts)
    pairs = zip(answers, drawn, strict=True)
    return np.array([given == one.answer for given, one in pairs], dtype=bool)
