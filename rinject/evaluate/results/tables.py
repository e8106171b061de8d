"""The results as the sections of a report, the paper's figures beside ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict

from rinject.evaluate.probe.noise import Gap
from rinject.evaluate.results import paper
from rinject.evaluate.results.groups import Group, grouped, method_name, task_name
from rinject.evaluate.results.record import (
    Interchanged,
    Noise,
    Results,
    Run,
    known_first,
)
from rinject.evaluate.results.sections import (
    NOTHING,
    Picture,
    Section,
    Table,
    interval,
    number,
    percent,
    spread,
)
from rinject.evaluate.retention import RetentionReport
from rinject.evaluate.suites import SuiteReport

INJECTED = "tracr-injection"
LINES, TOKENS = ("tiny-shakespeare", "line perplexity"), ("tiny-shakespeare", "token perplexity")
UNRELATED: Mapping[str, tuple[tuple[str, str], str]] = {
    "SST-2": (("sst2", "accuracy"), "sst2"),
    "MRPC": (("mrpc", "accuracy"), "mrpc"),
    "LAMBADA": (("lambada", "last token"), "lambada"),
}
"""The set and the measure of each column of Table 3, and the paper's."""
WHOLE_WORD = ("lambada", "last word")


def sections(results: Results) -> list[Section]:
    """Everything that was measured, in the order of the paper. What is missing is said at last."""
    groups = grouped(results)
    found = [
        _mechanism(groups),
        _table_1(groups),
        _table_2(groups),
        _table_3(groups),
        _fidelity(groups),
        _interchange(groups),
        _noise(groups),
        _decoding(groups),
        _programs(results),
        _training(results, groups),
        _missing(groups),
    ]
    return [section for section in found if section.tables or section.pictures]


def _runs(groups: Sequence[Group]) -> Iterator[tuple[Group, Run]]:
    """All runs, each with its group."""
    return ((group, run) for group in groups for run in group.runs)


# --- is the program in there? ---------------------------------------------------------------------


def _mechanism(groups: Sequence[Group]) -> Section:
    rows = [_mechanism_row(group) for group in groups if group.method != "none"]
    columns = (
        "task", "method", "accuracy, %", "fidelity", "interchange, %", "random, %",
        "noise: accuracy", "noise: loss",
    )  # fmt: skip
    return Section(
        "mechanism",
        "Is the program in the student, and is it what answers?",
        (
            "Fidelity: the share of the program's changing variables that are read right from the"
            " student's stream. Interchange: how often the student answers what the program answers"
            " once the final result is swapped between two prompts in both, where that changes the"
            " answer; beside it the same for random subspaces of equal size. Noise: at how many of"
            " the norms noise in the final result's subspace costs more accuracy, and more loss,"
            " than as much noise in random directions; counted where the 95 % interval of the"
            " difference, example by example, lies above 0.",
            "A row is a student with all its seeds. Where those of one task and method differ in"
            " more than the seed, each recipe has a row of its own, named by what is different.",
        ),
        (Table("The program in the student", columns, tuple(rows), words=2),) if rows else (),
    )


def _mechanism_row(group: Group) -> tuple[str, ...]:
    runs = group.runs
    finals = [one for run in runs if (one := _final(run)) is not None]
    shares = [one.accuracy for one in finals if one.accuracy is not None]
    return (
        *group.head,
        _accuracy(runs),
        spread([run.evaluation.fidelity for run in runs], places=3),
        spread([one.value for one in shares], 100),
        spread([one.random for one in finals], 100),
        _noisier(runs, lambda gap: gap.accuracy_ci),
        _noisier(runs, lambda gap: gap.loss_ci),
    )


def _accuracy(runs: Sequence[Run]) -> str:
    return spread([run.evaluation.accuracy.value for run in runs], 100)


def _final(run: Run) -> Interchanged | None:
    """The interchange of the final result."""
    return next((one for one in run.interchange if one.variable == run.output), None)


def _noisier(runs: Sequence[Run], interval_of: Callable[[Gap], tuple[float, float]]) -> str:
    """At how many norms above 0 for sure, of how many; the seeds one after another."""
    measured = [run.noise.gaps for run in runs if run.noise and run.noise.gaps]
    worse = [sum(interval_of(gap)[0] > 0 for gap in gaps) for gaps in measured]
    return ", ".join(f"{n} of {len(gaps)}" for n, gaps in zip(worse, measured, strict=True)) or (
        NOTHING
    )


# --- the paper's tables ---------------------------------------------------------------------------


def _table_1(groups: Sequence[Group]) -> Section:
    rows = [
        (
            *group.head,
            _accuracy(group.runs),
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
    names = ", ".join(dict.fromkeys(run.base for _, run in _runs(groups)))
    return f"The student here is {names}; the paper's is GPT-2-large."


def _retained(runs: Sequence[Run], which: tuple[str, str], scale: float = 1.0) -> str:
    values = [one.value for run in runs for one in run.retention if (one.set, one.measure) == which]
    return spread(values, scale)


def _table_2(groups: Sequence[Group]) -> Section:
    tables = []
    for program in dict.fromkeys(group.task for group in groups):
        own = [group for group in groups if group.task == program]
        reports = [one for _, run in _runs(own) for one in run.suites]
        named = known_first(((one.task, one.suite) for one in reports), paper.SUITES)
        rows = [row for task, suite in named for row in _suite_rows(own, task, suite)]
        if rows:
            tables.append(Table(task_name(program), _SUITE_COLUMNS, tuple(rows), words=2))
    rules = {one.data for _, run in _runs(groups) for one in run.suites}
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


def _table_3(groups: Sequence[Group]) -> Section:
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
        for _, run in _runs(groups)
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


# --- the mechanism --------------------------------------------------------------------------------


def _fidelity(groups: Sequence[Group]) -> Section:
    """Tables of those runs that carry a program on purpose; pictures of all."""
    tables = []
    for group, run in _runs(groups):
        found = run.by_layer
        if found is None or run.method != INJECTED:
            continue
        columns = ("variable", *(f"layer {layer} ({i})" for i, layer in enumerate(found.layers)))
        rows = tuple(
            (name, *(number(share, 3) for share in shares))
            for name, shares in zip(found.variables, found.shares, strict=True)
        )
        tables.append(Table(group.title(run), columns, rows))
    return Section(
        "fidelity",
        "Fidelity by variable and layer",
        (
            "The share of positions at which a variable is read right, the mean over its values, at"
            " each layer of the student that is aligned with one of the program's (in brackets)."
            " A dash: the program has not computed it there. Only variables that change.",
        ),
        tuple(tables),
        _pictures(groups, "fidelity by layer", "Fidelity"),
    )


def _interchange(groups: Sequence[Group]) -> Section:
    tables = []
    for group, run in _runs(groups):
        rows = tuple(
            (
                one.variable + (" (the final result)" if one.variable == run.output else ""),
                str(one.layer),
                str(one.rank),
                _share(one),
                percent(one.random),
                str(one.accuracy.n if one.accuracy else 0),
                percent(one.everywhere),
            )
            for one in run.interchange
        )
        if rows:
            columns = (
                "variable", "layer", "rank", "accuracy, %", "random subspaces, %", "n",
                "alike in all cases, %",
            )  # fmt: skip
            tables.append(Table(group.title(run), columns, rows))
    return Section(
        "interchange",
        "Interchange interventions",
        (
            "A variable's subspace is swapped between two prompts at its layer, in the student; the"
            " same variable is swapped in the program. Accuracy: of the cases in which the answer"
            " of the program changes, those in which the student gives the new one, with 95 %"
            " confidence intervals; beside it the same for random subspaces of equal rank.",
        ),
        tuple(tables),
        _pictures(groups, "interchange", "Interchange"),
    )


def _share(one: Interchanged) -> str:
    return NOTHING if one.accuracy is None else percent(one.accuracy.value) + interval(one.ci)


def _noise(groups: Sequence[Group]) -> Section:
    tables = []
    for group, run in _runs(groups):
        if run.noise is not None:
            tables.append(_noise_table(group.title(run), run.noise))
    return Section(
        "figure-3",
        "Figure 3: noise in the symbolic subspace",
        (
            "Accuracy, and the loss of an answer in nats, when noise of a norm is added to the"
            " student's stream after the last aligned layer: in the subspace that holds the final"
            " result, in as many random directions, and in the complement.",
        ),
        tuple(tables),
        _pictures(groups, "noise", "Noise"),
    )


def _noise_table(title: str, noise: Noise) -> Table:
    kinds = list(dict.fromkeys(one.where for one in noise.points))
    norms = list(dict.fromkeys(one.norm for one in noise.points))
    points = {(one.norm, one.where): one for one in noise.points}
    rows = tuple(
        (
            number(norm),
            number(100 * norm / noise.stream_norm, 0),
            *(percent(points[norm, kind].accuracy) for kind in kinds),
            *(number(points[norm, kind].loss, 3) for kind in kinds),
        )
        for norm in norms
    )
    accuracies, losses = (f"{kind}, %" for kind in kinds), (f"{kind}, loss" for kind in kinds)
    columns = ("norm", "% of the stream's", *accuracies, *losses)
    words = f"{title}: {noise.rank} dimensions of stream {noise.student_layer}"
    return Table(words, columns, rows)


def _decoding(groups: Sequence[Group]) -> Section:
    tables = []
    for group, run in _runs(groups):
        found = run.decoded
        if found is None or run.method != INJECTED:
            continue
        rows = tuple(
            (token, *(_reading(row.decoded[place], row.true[place]) for row in found.rows))
            for place, token in enumerate(map(repr, found.tokens))
        )
        columns = ("token", *(row.variable for row in found.rows))
        words = f"{group.title(run)}: answer {found.answer!r}, the program's {found.true_answer!r}"
        tables.append(Table(words, columns, rows))
    return Section(
        "figure-6",
        "Figures 4 to 6: reading the residual stream",
        (
            "One prompt at the last aligned layer. A value that is not the program's is shown as"
            " read≠true; a dot: the program has no value there.",
        ),
        tuple(tables),
        _pictures(groups, "decoding", "From above: figure 6, figure 4, figure 5"),
    )


def _reading(decoded: str, true: str | None) -> str:
    if true is None:
        return "·"
    return decoded if decoded == true else f"{decoded}≠{true}"


def _pictures(groups: Sequence[Group], kind: str, words: str) -> tuple[Picture, ...]:
    return tuple(
        Picture(run.pictures[kind], f"{words}: {group.title(run)}")
        for group, run in _runs(groups)
        if kind in run.pictures
    )


# --- how it was done ------------------------------------------------------------------------------


def _programs(results: Results) -> Section:
    rows = tuple(
        (
            task_name(name),
            str(one.layers),
            str(one.width),
            f"{one.inputs:,}",
            str(one.mismatches),
            number(one.seconds, 2),
        )
        for name, one in results.programs.items()
    )
    columns = ("program", "layers", "width", "inputs compared", "mismatches", "seconds to compile")
    tables = (Table("Compiled programs", columns, rows),) if rows else ()
    words = "Each compiled program was compared with tracr's interpreter, input by input."
    return Section("programs", "The compiled programs", (words,), tables)


def _training(results: Results, groups: Sequence[Group]) -> Section:
    runs = [run for _, run in _runs(groups) if run.method != "none"]
    rows = tuple(
        (
            run.name,
            method_name(run.method),
            run.base,
            str(run.seed),
            str(run.steps),
            number(None if run.seconds is None else run.seconds / 60),
        )
        for run in runs
    )
    columns = ("bundle", "method", "student", "seed", "steps", "minutes of training")
    tables = [Table("Runs", columns, rows, words=3)] if rows else []
    tables += _settings(runs)
    effort = tuple(
        (_EFFORT[name], _EVERYTHING.get(name, NOTHING) if value is None else str(value))
        for name, value in asdict(results.effort).items()
    )
    tables.append(Table("The measurements", ("what", "value"), effort, words=2))
    tables.append(
        Table("Versions at the measurements", ("package", "version"), _versions(results), words=2)
    )
    return Section("training", "Settings, seeds, times and versions", (), tuple(tables))


_EFFORT = {
    "examples": "unseen examples",
    "suite_examples": "examples of each suite, at most",
    "probe_examples": "examples for noise and interchange",
    "retention_examples": "examples of each retention set, at most",
    "retention_data": "retention sets from",
    "seed": "seed",
}
_EVERYTHING = {"retention_examples": "all", "retention_data": "the Hugging Face hub"}


def _versions(results: Results) -> tuple[tuple[str, str], ...]:
    """Of each package: several where parts were measured with several."""
    found: dict[str, dict[str, None]] = {}
    for run in results.runs:
        for versions in run.measured.values():
            for package, version in versions.items():
                found.setdefault(package, {})[version] = None
    return tuple((package, ", ".join(versions)) for package, versions in found.items())


def _settings(runs: Sequence[Run]) -> list[Table]:
    """One table: a row for each setting, a column for each bundle; where all agree, one column."""
    if not runs:
        return []
    names = dict.fromkeys(name for run in runs for name in run.settings)
    shown = {name: [_setting(run.settings.get(name)) for run in runs] for name in names}
    alike = tuple((name, cells[0]) for name, cells in shown.items() if len(set(cells)) == 1)
    others = tuple((name, *cells) for name, cells in shown.items() if len(set(cells)) > 1)
    tables = [Table("Settings of all bundles", ("setting", "value"), alike, words=2)]
    if others:
        heads = ("setting", *(run.name for run in runs))
        tables.append(Table("Settings that differ", heads, others, words=len(heads)))
    return tables


def _setting(value: object) -> str:
    return "default" if value is None else str(value)


def _missing(groups: Sequence[Group]) -> Section:
    rows = tuple(
        (run.name, part, run.missing[part]) for _, run in _runs(groups) for part in run.missing
    )
    tables = (Table("Not measured", ("student", "part", "why"), rows, words=3),) if rows else ()
    return Section("missing", "What was not measured", (), tables)
