"""What a probe found, as tables and lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from rinject.cli.blocks import visible
from rinject.cli.decode_words import word
from rinject.evaluate.probe import (
    InterchangeReport,
    NoiseReport,
    Share,
    Steered,
    SteeringReport,
    VariableInterchange,
    VariableSteering,
)
from rinject.evaluate.probe.effect import Effect
from rinject.evaluate.probe.interchange import LEAST_CASES
from rinject.evaluate.probe.noise import KINDS, Gap

if TYPE_CHECKING:
    from rinject.cli.probe import Reports

Shown = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Heads, and rows of as many cells."""


def tables(reports: Reports) -> Iterator[tuple[Table, list[str]]]:
    """A table for each report, with the lines that belong below it."""
    if reports.noise:
        title = f"noise after layer {reports.noise.student_layer}: accuracy, %"
        shown = noise_cells(reports.noise, full=False)
        yield _table(title, shown), noise_notes(reports.noise)
    if reports.interchange:
        title = "interchange interventions: agreement with the program, %"
        notes = interchange_notes(reports.interchange)
        yield _table(title, interchange_cells(reports.interchange, full=False)), notes
    if reports.steering:
        title = "steering: answers that follow the program, %"
        shown = steering_cells(reports.steering, full=False)
        yield _table(title, shown), steering_notes(reports.steering)


def _table(title: str, shown: Shown) -> Table:
    heads, rows = shown
    table = Table(
        *heads,
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.columns[0].overflow = "fold"  # names are told apart by their ends
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def percent(share: Share) -> str:
    """The share and its interval, in percent, or a dash."""
    if share.value is None or share.ci is None:
        return "-"
    low, high = (f"{100 * edge:.0f}" for edge in share.ci)
    return f"{100 * share.value:.1f} ({low}-{high})"


# --- noise ----------------------------------------------------------------------------------------


def noise_cells(report: NoiseReport, *, full: bool) -> Shown:
    """A row for each norm; in `full` with the loss."""
    gaps = {gap.norm: gap for gap in report.gaps}
    rows = []
    for levels in zip(*(report.of(kind) for kind in KINDS), strict=True):
        norm = levels[0].norm
        cells = [percent(level.accuracy) for level in levels]
        worse, costlier = _gap(gaps.get(norm))
        share = f"{100 * norm / report.stream_norm:.0f} %"
        rows.append([f"{norm:.3g} ({share})", *cells, worse, *([costlier] if full else [])])
    heads = ["norm (of stream)", *KINDS, "lost more"]
    return ([*heads, "loss gained more"] if full else heads), rows


def _gap(gap: Gap | None) -> tuple[str, str]:
    """Accuracy lost, in points, and loss gained."""
    if gap is None:
        return "-", "-"
    low, high = gap.accuracy_ci
    points = f"{100 * gap.accuracy:+.1f} ({100 * low:.0f} to {100 * high:.0f})"
    return points, f"{gap.loss:+.4f} ({gap.loss_ci[0]:.4f} to {gap.loss_ci[1]:.4f})"


def noise_notes(report: NoiseReport) -> list[str]:
    """What the table means, and whether noise hurts where it should."""
    lines = [
        f"{report.n:,} examples, {report.draws} draws; in brackets: 95 % intervals",
        f"final result: the {report.rank} of {report.width} dimensions that the map reads of"
        f" `{report.variable}`; the stream's mean norm is {report.stream_norm:.1f}",
        "lost more: the final result's subspace against random ones, in points of accuracy;"
        " loss in nats",
    ]
    if report.gaps:
        verdicts = {True: "at every norm", False: "not at every norm"}
        lines.append(
            "noise there costs more accuracy than in random directions"
            f" {verdicts[report.hurts_accuracy_more]}, more loss {verdicts[report.hurts_loss_more]}"
        )
    return lines


# --- interchange and steering ---------------------------------------------------------------------


def interchange_cells(report: InterchangeReport, *, full: bool) -> Shown:
    """A row for each variable; in `full` those too that change nothing, and all cases."""
    heads = ["variable", "layer", "rank", "change", "accuracy", "random"]
    rows = []
    for one in report.variables:
        effect = one.effect
        if full or effect.followed_changed.n:
            rest = [percent(effect.followed)] if full else []
            rows.append([*_place(one), *_changed(effect), *rest])
    return ([*heads, "of all cases"] if full else heads), rows


def _place(one: VariableInterchange | VariableSteering) -> list[str]:
    return [one.name, f"{one.layer}", f"{one.rank}"]


def _changed(effect: Effect) -> list[str]:
    changed = effect.followed_changed
    return [f"{changed.n:,}", percent(changed), percent(effect.random_changed)]


def interchange_notes(report: InterchangeReport) -> list[str]:
    """What the table means."""
    silent = [one.name for one in report.variables if not one.effect.followed_changed.n]
    unit = "answer positions" if report.is_spelled else "answers"
    where = "at the answer" if report.positions == "answer" else "at every token"
    lines = [
        f"{report.pairs:,} pairs, swapped {where}; cases are {unit};"
        f" {report.draws} random subspaces of equal rank; in brackets: 95 % intervals",
        "change: cases in which the swap changes what the program answers; accuracy: on those,"
        " the student answers as the program does (interchange intervention accuracy)",
        f"without a swap the student answers as the program in {percent(report.undisturbed)} %",
    ]
    if report.mean is not None:
        lines.append(
            f"mean accuracy over the {len(report.judged)} variables with {LEAST_CASES} such cases"
            f" or more: {100 * report.mean:.1f}"
        )
    if report.unpaired:
        lines.append(f"{report.unpaired:,} examples have no other of equal length")
    if silent:
        lines.append(f"swapping these here never changes the program's answer: {', '.join(silent)}")
    return lines


def steering_cells(report: SteeringReport, *, full: bool) -> Shown:
    """A row for each variable that was set; in `full` its values, and those that change nothing."""
    heads = ["variable", "layer", "rank", "change", "follow", "random"]
    rows = []
    for one in report.variables:
        if full or one.effect.followed_changed.n:
            values = ", ".join(word(steered.value) for steered in one.values) or "-"
            rows.append([*_place(one), *_changed(one.effect), *([values] if full else [])])
    return ([*heads, "set to"] if full else heads), rows


def steering_notes(report: SteeringReport) -> list[str]:
    """What the table means."""
    unit = "answer positions" if report.is_spelled else "answers"
    lines = [
        f"{report.n:,} examples, set to the values most frequent in as many others; cases are"
        f" {unit}; {report.draws} random subspaces of equal rank; in brackets: 95 % intervals,"
        " where a prompt counts once whatever it is set to",
        "change: cases in which the program then answers otherwise; follow: on those, the student"
        " answers as the program does",
    ]
    silent = [
        one.name for one in report.variables if one.values and not one.effect.followed_changed.n
    ]
    if silent:
        lines.append(f"setting these here never changes the program's answer: {', '.join(silent)}")
    unset = [one.name for one in report.variables if not one.values]
    if unset:
        lines.append(f"these have one value only where the answer is due: {', '.join(unset)}")
    return lines


def steered_lines(steered: Steered) -> list[Text]:
    """One prompt before and after."""
    more = "…" if steered.is_endless else ""
    before, after = _shown(steered.before), _shown(steered.after) + more
    program = _shown(steered.program_after) + more
    lines = [
        Text("before: ", "bold") + Text(before) + _beside(_shown(steered.program_before), before),
        Text(f"{steered.variable} = {word(steered.value)}: ", "bold")
        + Text(after)
        + _beside(program, after),
    ]
    where = f"layer {steered.layer} of the program, {steered.student_layer} of the student"
    lines.append(Text(f"set at {where}; mean of {steered.occurrences:,} answer positions", "dim"))
    return lines


def _beside(program: str, student: str) -> Text:
    if program == student:
        return Text(" (as the program)", "green")
    return Text(f" (the program: {program})", "bold red")


def _shown(answer: str | None) -> str:
    return "no answer" if answer is None else visible(answer.strip(" "))
