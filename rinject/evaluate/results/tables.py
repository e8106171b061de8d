"""The results as the sections of a report, the paper's figures beside ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from rinject.evaluate.results import paper
from rinject.evaluate.results.record import (
    Interchanged,
    Noise,
    NoisePoint,
    Results,
    Run,
    Share,
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
    ordered = tuple(run for _, _, runs in _groups(results) for run in runs)
    results = replace(results, runs=ordered)
    found = [
        _mechanism(results),
        _table_1(results),
        _table_2(results),
        _table_3(results),
        _fidelity(results),
        _interchange(results),
        _noise(results),
        _decoding(results),
        _programs(results),
        _training(results),
        _missing(results),
    ]
    return [section for section in found if section.tables or section.pictures]


def _groups(results: Results) -> Iterator[tuple[str, str, tuple[Run, ...]]]:
    """Task, method and the runs of all seeds, in the paper's order."""
    methods = known_first((run.method for run in results.runs), paper.METHODS)
    for task in known_first((run.task for run in results.runs), paper.TASKS):
        for method in methods:
            if runs := results.of(task, method):
                yield task, method, runs


def _task(name: str) -> str:
    return paper.TASKS.get(name, name)


def _method(name: str) -> str:
    return paper.METHODS.get(name, name)


def _title(run: Run) -> str:
    seed = "" if run.seed is None else f", seed {run.seed}"
    return f"{_task(run.task)}, {_method(run.method)}{seed}"


# --- is the program in there? ---------------------------------------------------------------------


def _mechanism(results: Results) -> Section:
    rows = [
        _mechanism_row(task, method, runs)
        for task, method, runs in _groups(results)
        if method != "none"
    ]
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
            " than as much noise in random directions.",
        ),
        (Table("The program in the student", columns, tuple(rows), words=2),) if rows else (),
    )


def _mechanism_row(task: str, method: str, runs: Sequence[Run]) -> tuple[str, ...]:
    finals = [one for run in runs if (one := _final(run)) is not None]
    shares = [one.accuracy for one in finals if one.accuracy is not None]
    return (
        _task(task),
        _method(method),
        _accuracy(runs),
        spread([run.evaluation.fidelity for run in runs], places=3),
        spread([one.value for one in shares], 100),
        spread([one.random for one in finals], 100),
        _noisier(runs, lambda one: -one.accuracy),
        _noisier(runs, lambda one: one.loss),
    )


def _accuracy(runs: Sequence[Run]) -> str:
    return spread([run.evaluation.accuracy.value for run in runs], 100)


def _final(run: Run) -> Interchanged | None:
    """The interchange of the final result."""
    return next((one for one in run.interchange if one.variable == run.output), None)


def _noisier(runs: Sequence[Run], figure: Callable[[NoisePoint], float]) -> str:
    """At how many norms above 0, of how many; the seeds one after another."""
    words = []
    for run in runs:
        points = run.noise.points if run.noise else ()
        places = {(one.norm, one.where): figure(one) for one in points}
        norms = sorted({norm for norm, where in places if norm > 0 and where == "random"})
        worse = sum(places[norm, "final result"] > places[norm, "random"] for norm in norms)
        words += [f"{worse} of {len(norms)}"] if norms else []
    return ", ".join(words) or NOTHING


# --- the paper's tables ---------------------------------------------------------------------------


def _table_1(results: Results) -> Section:
    rows = []
    for task, method, runs in _groups(results):
        rows.append(
            (
                _task(task),
                _method(method),
                _accuracy(runs),
                _papers(task, method, "accuracy"),
                _retained(runs, LINES),
                _papers(task, method, "perplexity"),
                _retained(runs, TOKENS),
                spread([run.evaluation.perplexity for run in runs]),
            )
        )
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
            _students(results),
        ),
        (Table("Accuracy and perplexity", columns, tuple(rows), words=2),),
    )


def _papers(task: str, method: str, figure: str) -> str:
    """A figure of the paper's Table 3; a dash where it has none."""
    theirs = paper.RUNS.get((task, method))
    return NOTHING if theirs is None else number(getattr(theirs, figure))


def _students(results: Results) -> str:
    names = ", ".join(dict.fromkeys(run.base for run in results.runs))
    return f"The student here is {names}; the paper's is GPT-2-large."


def _retained(runs: Sequence[Run], which: tuple[str, str], scale: float = 1.0) -> str:
    values = [one.value for run in runs for one in run.retention if (one.set, one.measure) == which]
    return spread(values, scale)


def _table_2(results: Results) -> Section:
    tables = []
    for program in known_first((run.task for run in results.runs), paper.TASKS):
        reports = [one for run in results.runs if run.task == program for one in run.suites]
        named = known_first(((one.task, one.suite) for one in reports), paper.SUITES)
        rows = [row for task, suite in named for row in _suite_rows(results, program, task, suite)]
        if rows:
            tables.append(Table(_task(program), _SUITE_COLUMNS, tuple(rows), words=2))
    return Section(
        "table-2",
        "Table 2: out of distribution",
        (
            "Inputs unlike those of the training. The program: the share of the suite that the"
            " compiled program itself solves, found by running it. In brackets: 95 % confidence"
            " intervals. Fidelity: on the examples that the program can read. For “almost balanced”"
            " the published code draws longer strings than the paper says; the suite “almost"
            " balanced, long” follows the code.",
        ),
        tuple(tables),
    )


_SUITE_COLUMNS = (
    "suite", "method", "the program, %", "accuracy, %", "the paper's, %", "fidelity",
)  # fmt: skip


def _suite_rows(results: Results, program: str, task: str, suite: str) -> Iterator[tuple[str, ...]]:
    """A row for each method. The task is another one's where a program computes that too."""
    theirs = paper.SUITES.get((task, suite))
    for name, method, runs in _groups(results):
        found = [
            one for run in runs for one in run.suites if (one.task, one.suite) == (task, suite)
        ]
        if name == program and found:
            yield (
                suite if task == program else f"{_task(task)}: {suite}",
                _method(method),
                percent(found[0].solved),
                _suite_accuracy(found),
                NOTHING if theirs is None else number(theirs.of(method)),
                spread([one.fidelity for one in found], places=3),
            )


def _suite_accuracy(reports: Sequence[SuiteReport]) -> str:
    """With one seed, the interval comes with it; with several, their spread."""
    values = spread([one.accuracy for one in reports], 100)
    return values + interval(reports[0].ci) if len(reports) == 1 else values


def _table_3(results: Results) -> Section:
    rows = []
    for task, method, runs in _groups(results):
        if not any(run.retention for run in runs):
            continue
        shares = [
            cell
            for which, name in UNRELATED.values()
            for cell in (_retained(runs, which, 100), _papers(task, method, name))
        ]
        rows.append((_task(task), _method(method), *shares, _retained(runs, WHOLE_WORD, 100)))
    heads = [cell for name in UNRELATED for cell in (f"{name}, %", f"the paper's {name}")]
    columns = ("task", "method", *heads, "LAMBADA, whole word, %")
    return Section(
        "table-3",
        "Table 3: unrelated tasks",
        (
            "Accuracy with the paper's prompts; of LAMBADA the last token, as in the paper, and the"
            " whole last word. The other columns of its Table 3 are those of Table 1.",
        ),
        (Table("Unrelated tasks", columns, tuple(rows), words=2), _changes(results))
        if rows
        else (),
    )


def _changes(results: Results) -> Table:
    """What an injection changed on unrelated data, as sure as that is."""
    rows = tuple(
        (run.name, one.set, one.measure, *_change(one), f"{one.n:,}")
        for run in results.runs
        for one in run.retention
        if run.method != "none"
    )
    columns = ("bundle", "set", "measure", "before", "after", "difference", "n")
    return Table("Before and after, with 95 % confidence intervals", columns, rows, words=3)


def _change(report: RetentionReport) -> tuple[str, str, str]:
    """Before, after and difference; shares in percent."""
    scale, places = (1, 2) if "perplexity" in report.measure else (100, 1)
    values = (report.base, report.value, report.difference, *(report.ci or ()))
    before, after, change, *ends = (
        number(None if value is None else scale * value, places) for value in values
    )
    return before, after, change + (f" ({ends[0]} to {ends[1]})" if ends else "")


# --- the mechanism --------------------------------------------------------------------------------


def _fidelity(results: Results) -> Section:
    """Tables of those runs that carry a program on purpose; pictures of all."""
    tables = []
    for run in results.runs:
        found = run.by_layer
        if found is None or run.method != INJECTED:
            continue
        columns = ("variable", *(f"layer {layer} ({i})" for i, layer in enumerate(found.layers)))
        rows = tuple(
            (name, *(number(share, 3) for share in shares))
            for name, shares in zip(found.variables, found.shares, strict=True)
        )
        tables.append(Table(_title(run), columns, rows))
    return Section(
        "fidelity",
        "Fidelity by variable and layer",
        (
            "The share of positions at which a variable is read right, the mean over its values, at"
            " each layer of the student that is aligned with one of the program's (in brackets)."
            " A dash: the program has not computed it there. Only variables that change.",
        ),
        tuple(tables),
        _pictures(results, "fidelity by layer", "Fidelity"),
    )


def _interchange(results: Results) -> Section:
    tables = []
    for run in results.runs:
        rows = tuple(
            (
                one.variable + (" (the final result)" if one.variable == run.output else ""),
                str(one.layer),
                str(one.rank),
                _share(one.accuracy),
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
            tables.append(Table(_title(run), columns, rows))
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
        _pictures(results, "interchange", "Interchange"),
    )


def _share(share: Share | None) -> str:
    return NOTHING if share is None else percent(share.value) + interval(share.ci)


def _noise(results: Results) -> Section:
    tables = []
    for run in results.runs:
        if run.noise is not None:
            tables.append(_noise_table(run, run.noise))
    return Section(
        "figure-3",
        "Figure 3: noise in the symbolic subspace",
        (
            "Accuracy, and the loss of an answer in nats, when noise of a norm is added to the"
            " student's stream after the last aligned layer: in the subspace that holds the final"
            " result, in as many random directions, and in the complement.",
        ),
        tuple(tables),
        _pictures(results, "noise", "Noise"),
    )


def _noise_table(run: Run, noise: Noise) -> Table:
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
    words = f"{_title(run)}: {noise.rank} dimensions of stream {noise.student_layer}"
    return Table(words, columns, rows)


def _decoding(results: Results) -> Section:
    tables = []
    for run in results.runs:
        found = run.decoded
        if found is None or run.method != INJECTED:
            continue
        rows = tuple(
            (token, *(_reading(row.decoded[place], row.true[place]) for row in found.rows))
            for place, token in enumerate(map(repr, found.tokens))
        )
        columns = ("token", *(row.variable for row in found.rows))
        words = f"{_title(run)}: answer {found.answer!r}, the program's {found.true_answer!r}"
        tables.append(Table(words, columns, rows))
    return Section(
        "figure-6",
        "Figures 4 to 6: reading the residual stream",
        (
            "One prompt at the last aligned layer. A value that is not the program's is shown as"
            " read≠true; a dot: the program has no value there.",
        ),
        tuple(tables),
        _pictures(results, "decoding", "From above: figure 6, figure 4, figure 5"),
    )


def _reading(decoded: str, true: str | None) -> str:
    if true is None:
        return "·"
    return decoded if decoded == true else f"{decoded}≠{true}"


def _pictures(results: Results, kind: str, words: str) -> tuple[Picture, ...]:
    runs = [run for run in results.runs if kind in run.pictures]
    return tuple(Picture(run.pictures[kind], f"{words}: {_title(run)}") for run in runs)


# --- how it was done ------------------------------------------------------------------------------


def _programs(results: Results) -> Section:
    rows = tuple(
        (
            _task(name),
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


def _training(results: Results) -> Section:
    runs = [run for run in results.runs if run.method != "none"]
    rows = tuple(
        (
            run.name,
            _method(run.method),
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
    versions = tuple(results.versions.items())
    tables.append(Table("Versions at the measurements", ("package", "version"), versions, words=2))
    return Section("training", "Settings, seeds, times and versions", (), tuple(tables))


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


def _missing(results: Results) -> Section:
    rows = tuple(
        (run.name, part, run.missing[part]) for run in results.runs for part in run.missing
    )
    tables = (Table("Not measured", ("student", "part", "why"), rows, words=3),) if rows else ()
    return Section("missing", "What was not measured", (), tables)
