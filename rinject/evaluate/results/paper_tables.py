"""The paper's tables 1 to 3, its figures beside ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rinject.evaluate.results import paper
from rinject.evaluate.results.groups import Group, runs_of, task_name
from rinject.evaluate.results.record import Run, known_first
from rinject.evaluate.results.sections import (
    NOTHING,
    Section,
    Table,
    interval,
    number,
    percent,
    spread,
)
from rinject.evaluate.retention import RetentionReport
from rinject.evaluate.suites import SuiteReport

LINES, TOKENS = ("tiny-shakespeare", "line perplexity"), ("tiny-shakespeare", "token perplexity")
UNRELATED: Mapping[str, tuple[tuple[str, str], str]] = {
    "SST-2": (("sst2", "accuracy"), "sst2"),
    "MRPC": (("mrpc", "accuracy"), "mrpc"),
    "LAMBADA": (("lambada", "last token"), "lambada"),
}
"""The set and the measure of each column of Table 3, and the paper's."""
WHOLE_WORD = ("lambada", "last word")


def table_1(groups: Sequence[Group]) -> Section:
    """Accuracy, and perplexity of ordinary text."""
    rows = [
        (
            *group.head,
            spread([run.evaluation.accuracy.value for run in group.runs], 100),
            _papers(group, "accuracy"),
            _retained(group.runs, LINES),
            _papers(group, "perplexity"),
            _retained(group.runs, TOKENS),
            spread([run.evaluation.perplexity for run in group.runs]),
        )
        for group in groups
    ]
    columns = (
        "task", "method", "accuracy, %", "the paper's, %",
        "line perplexity", "the paper's", "token perplexity", "perplexity, held-out text",
    )  # fmt: skip
    return Section(
        "table-1",
        "Table 1: accuracy, and what became of ordinary text",
        (
            "Accuracy on unseen examples: the greedy answer is right in every token. The first two"
            " perplexities are on Tiny Shakespeare: the paper's is the mean over lines of each"
            " line's own. The last one is the token perplexity on text held out from the training.",
            _students(groups),
        ),
        (Table("Accuracy and perplexity", columns, tuple(rows), words=2),),
    )


def _papers(group: Group, figure: str) -> str:
    """A figure of the paper's Table 3; a dash where it has none."""
    theirs = paper.RUNS.get((paper.task_of(group.task), group.method))
    return NOTHING if theirs is None else number(getattr(theirs, figure))


def _students(groups: Sequence[Group]) -> str:
    names = ", ".join(dict.fromkeys(run.base for _, run in runs_of(groups)))
    return f"The student here is {names}; the paper's is GPT-2-large."


def _retained(runs: Sequence[Run], which: tuple[str, str], scale: float = 1.0) -> str:
    values = [one.value for run in runs for one in run.retention if (one.set, one.measure) == which]
    return spread(values, scale)


def table_2(groups: Sequence[Group]) -> Section:
    """The suites out of distribution, a table for each program."""
    tables = []
    for program in dict.fromkeys(group.task for group in groups):
        own = [group for group in groups if group.task == program]
        reports = [one for _, run in runs_of(own) for one in run.suites]
        named = known_first(((one.task, one.suite) for one in reports), paper.SUITES)
        rows = [row for task, suite in named for row in _suite_rows(own, task, suite)]
        if rows:
            tables.append(Table(task_name(program), _SUITE_COLUMNS, tuple(rows), words=2))
    rules = {one.data for _, run in runs_of(groups) for one in run.suites}
    return Section(
        "table-2",
        "Table 2: out of distribution",
        (
            "Inputs unlike those of the training. The program: the share of the suite that the"
            " compiled program itself solves, found by running it. In brackets: 95 % confidence"
            " intervals. Fidelity: on the examples that the program can read. For “almost balanced”"
            " the published code draws longer strings than the paper says; the suite “almost"
            " balanced, long” follows the code.",
            *(_RULES[rule] for rule in MARKS if rule in rules),
        ),
        tuple(tables),
    )


MARKS = {"coverage": "†", "spread": "‡"}
"""Of students trained by a data rule that is not the paper's."""
_RULES = {
    "coverage": "†: trained with --data coverage, whose inputs are edited so that rare values come,"
    " and are of any length that the program reads. For these students the suites are not out of"
    " distribution, and the paper's figures are no match.",
    "spread": "‡: trained with --data spread, whose inputs are edited so that rare values come, as"
    " far as the task's rule allows them. The suites are out of distribution, but the paper's"
    " students had no such inputs.",
}
_SUITE_COLUMNS = (
    "suite", "method", "the program, %", "accuracy, %", "the paper's, %", "fidelity",
)  # fmt: skip


def _suite_rows(groups: Sequence[Group], task: str, suite: str) -> Iterator[tuple[str, ...]]:
    """A row for each group of a program. The task is another's where it computes that too."""
    theirs = paper.SUITES.get((paper.task_of(task), suite))
    for group in groups:
        found = [
            one
            for run in group.runs
            for one in run.suites
            if (one.task, one.suite) == (task, suite)
        ]
        if found:
            _, method = group.head
            yield (
                suite if task == group.task else f"{task_name(task)}: {suite}",
                " ".join(filter(None, (method, MARKS.get(found[0].data)))),
                percent(found[0].solved),
                _suite_accuracy(found),
                NOTHING if theirs is None else number(theirs.of(group.method)),
                spread([one.fidelity for one in found], places=3),
            )


def _suite_accuracy(reports: Sequence[SuiteReport]) -> str:
    """With one seed, the interval comes with it; with several, their spread."""
    values = spread([one.accuracy for one in reports], 100)
    return values + interval(reports[0].ci) if len(reports) == 1 else values


def table_3(groups: Sequence[Group]) -> Section:
    """Unrelated tasks, and what changed there with its interval."""
    rows = []
    for group in groups:
        if not any(run.retention for run in group.runs):
            continue
        shares = [
            cell
            for which, name in UNRELATED.values()
            for cell in (_retained(group.runs, which, 100), _papers(group, name))
        ]
        rows.append((*group.head, *shares, _retained(group.runs, WHOLE_WORD, 100)))
    heads = [cell for name in UNRELATED for cell in (f"{name}, %", f"the paper's {name}")]
    columns = ("task", "method", *heads, "LAMBADA, whole word, %")
    return Section(
        "table-3",
        "Table 3: unrelated tasks",
        (
            "Accuracy with the paper's prompts; of LAMBADA the last token, as in the paper, and the"
            " whole last word. The other columns of its Table 3 are those of Table 1.",
        ),
        (Table("Unrelated tasks", columns, tuple(rows), words=2), _changes(groups)) if rows else (),
    )


def _changes(groups: Sequence[Group]) -> Table:
    """What an injection changed on unrelated data, as sure as that is."""
    rows = tuple(
        (run.name, one.set, one.measure, *_change(one), f"{one.n:,}")
        for _, run in runs_of(groups)
        for one in run.retention
        if run.method != "none"
    )
    columns = ("bundle", "set", "measure", "before", "after", "difference", "n")
    return Table("Before and after, with 95 % confidence intervals", columns, rows, words=3)


def _change(report: RetentionReport) -> tuple[str, str, str]:
    """Before, after and difference; shares in percent."""
    scale, places = (100, 1) if report.is_share else (1, 2)
    values = (report.base, report.value, report.difference, *(report.ci or ()))
    before, after, change, *ends = (
        number(None if value is None else scale * value, places) for value in values
    )
    return before, after, change + (f" ({ends[0]} to {ends[1]})" if ends else "")
