"""Whether the program is in the student: read, swapped, and under noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rinject.evaluate.probe.noise import Gap
from rinject.evaluate.results.groups import Group, runs_of
from rinject.evaluate.results.record import Interchanged, Noise, Run
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


def mechanism(groups: Sequence[Group]) -> Section:
    """The headline: fidelity, interchange of the final result, and noise, a row for each group."""
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
        spread([run.evaluation.accuracy.value for run in runs], 100),
        spread([run.evaluation.fidelity for run in runs], places=3),
        spread([one.value for one in shares], 100),
        spread([one.random for one in finals], 100),
        _noisier(runs, lambda gap: gap.accuracy_ci),
        _noisier(runs, lambda gap: gap.loss_ci),
    )


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


def fidelity(groups: Sequence[Group]) -> Section:
    """Tables of those runs that carry a program on purpose; pictures of all."""
    tables = []
    for group, run in runs_of(groups):
        found = run.by_layer
        if found is None or not run.carries_program:
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


def interchange(groups: Sequence[Group]) -> Section:
    """Every variable swapped, a table for each run."""
    tables = []
    for group, run in runs_of(groups):
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


def noise(groups: Sequence[Group]) -> Section:
    """The paper's Figure 3, a table for each run."""
    tables = []
    for group, run in runs_of(groups):
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


def decoding(groups: Sequence[Group]) -> Section:
    """The paper's Figures 4 to 6: one prompt read, of runs that carry a program on purpose."""
    tables = []
    for group, run in runs_of(groups):
        found = run.decoded
        if found is None or not run.carries_program:
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
        for group, run in runs_of(groups)
        if kind in run.pictures
    )
