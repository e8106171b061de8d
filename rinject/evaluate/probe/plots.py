"""The probe's reports as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rinject.evaluate.probe.interchange import InterchangeReport, VariableInterchange
from rinject.evaluate.probe.noise import KINDS, NoiseReport
from rinject.evaluate.probe.shares import Share
from rinject.evaluate.probe.steering import SteeringReport, VariableSteering
from rinject.pictures import BLUE, FAINT, GREEN, LINE, RED

WIDTH = 7.0  # inches
ROW, MARGIN = 0.34, 1.5  # inches of a bar, and of all around the bars
TICKS = [digit * 10.0**power for power in range(-2, 5) for digit in (1, 2, 5)]
COLOURS = {"final result": RED, "random": BLUE, "complement": GREEN}
STYLES = {"final result": "-", "random": "--", "complement": ":"}
MARKERS = {"final result": "o", "random": "s", "complement": "^"}
OWN, OTHER = COLOURS["final result"], COLOURS["random"]


def draw_noise(report: NoiseReport) -> Figure:
    """Accuracy and loss by the norm of the noise (the paper's figure 3), with 95 % bands.

    Small marks are single draws.
    """
    figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for kind in KINDS:
        _accuracy(above, report, kind)
        levels = report.of(kind)
        style = {"ls": STYLES[kind], "marker": MARKERS[kind], "color": COLOURS[kind]}
        below.plot([x.norm for x in levels], [x.loss for x in levels], lw=1.8, ms=4, **style)
    above.set(ylabel="accuracy, %", ylim=(-3, 103))
    above.legend(frameon=False, loc="lower left")
    least = min(level.loss for level in report.levels)
    below.set_yscale("log", nonpositive="mask")
    below.set(ylabel="loss of the answer, nats", ylim=(max(least / 2, 1e-6), None))
    below.set_xlabel(f"norm of the noise added after layer {report.student_layer}")
    _norm_axis(below, report)
    for axes in (above, below):
        _plain(axes)
    return figure


def _norm_axis(axes: Axes, report: NoiseReport) -> None:
    """From 0 on, then by powers; the norm of the stream itself is marked."""
    norms = sorted({level.norm for level in report.levels})
    if len(norms) < 2:
        return
    axes.set_xscale("symlog", linthresh=norms[1], linscale=0.6)
    ticks = [tick for tick in TICKS if norms[1] <= tick <= norms[-1]]
    axes.set_xticks([0, *ticks], ["0", *(f"{tick:g}" for tick in ticks)], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlim(-0.15 * norms[1], 1.15 * max(norms[-1], report.stream_norm))
    for one in axes.figure.axes:
        one.axvline(report.stream_norm, color=FAINT, lw=1, ls=(0, (1, 2)))
    axes.annotate(
        "norm of the stream ",
        (report.stream_norm, 0.04),
        xycoords=("data", "axes fraction"),
        ha="right",
        fontsize=7,
        color=FAINT,
    )


def _accuracy(axes: Axes, report: NoiseReport, kind: str) -> None:
    levels = report.of(kind)
    norms, colour = [level.norm for level in levels], COLOURS[kind]
    shares = [level.accuracy for level in levels]
    edges = [one.ci or (0.0, 1.0) for one in shares]
    axes.fill_between(
        norms,
        [100 * low for low, _ in edges],
        [100 * high for _, high in edges],
        color=colour,
        alpha=0.15,
        lw=0,
    )
    for draw in range(report.draws):
        drawn = [100 * one.counts[draw] / one.n for one in shares]
        axes.plot(norms, drawn, MARKERS[kind], color=colour, ms=2, alpha=0.5)
    axes.plot(
        norms,
        [100 * (one.value or 0.0) for one in shares],
        ls=STYLES[kind],
        marker=MARKERS[kind],
        ms=5,
        lw=1.8,
        color=colour,
        label=_kind_label(report, kind),
    )


def _kind_label(report: NoiseReport, kind: str) -> str:
    rank, rest = report.rank, report.width - report.rank
    return {
        "final result": f"in the final result's {rank} of {report.width} dimensions",
        "random": f"in {rank} random dimension{'s' * (rank > 1)}",
        "complement": f"in the other {rest} dimensions",
    }[kind]


# --- bars by variable -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Bar:
    """One variable, and the random subspaces beside it."""

    label: str
    own: Share
    random: Share


def draw_interchange(report: InterchangeReport) -> Figure:
    """Interchange intervention accuracy by variable, with 95 % intervals.

    Variables whose swap never changes the program's answer are named below the picture.
    """
    label = "interchange intervention accuracy, %"
    return _bars(report.variables, label, "Swapping")


def draw_steering(report: SteeringReport) -> Figure:
    """How often the answer follows a variable that is set, with 95 % intervals."""
    return _bars(report.variables, "answers that follow, %", "Setting")


def _bars(
    variables: Sequence[VariableInterchange] | Sequence[VariableSteering], label: str, act: str
) -> Figure:
    bars = [
        _Bar(f"{one.name} ({one.layer})", one.effect.followed_changed, one.effect.random_changed)
        for one in variables
    ]
    shown = [bar for bar in bars if bar.own.n]
    silent = [bar.label.split(" (")[0] for bar in bars if not bar.own.n]
    lines = _wrapped(f"{act} never changes the program's answer here: ", silent)
    height = MARGIN + ROW * max(len(shown), 1) + 0.16 * len(lines)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    for place, bar in enumerate(shown):
        _mark(axes, place - 0.14, bar.own, OWN, "o", "its own subspace" if not place else None)
        _mark(axes, place + 0.18, bar.random, OTHER, "s", "random, of equal rank" * (not place))
    axes.set_yticks(range(len(shown)), [bar.label for bar in shown])
    for text in axes.get_yticklabels():
        text.set_parse_math(False)
    axes.set(xlim=(-2, 102), ylim=(max(len(shown), 1) - 0.5, -0.5), xlabel=label)
    # above the bars, not beside them: there one bar has no room for it
    axes.set_title("variable (layer of the program)", loc="left", fontsize=8, color=FAINT)
    for place, bar in enumerate(shown):
        axes.annotate(
            f"n = {bar.own.n:,}",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=7,
            color=FAINT,
        )
    if shown:
        figure.legend(frameon=False, loc="outside upper right", ncols=2)
    if lines:
        axes.annotate(
            "\n".join(lines),
            (0, 0),
            xycoords="axes fraction",
            xytext=(0, -38),
            textcoords="offset points",
            va="top",
            fontsize=7,
            color=FAINT,
            parse_math=False,
        )
    _plain(axes)
    return figure


def _mark(axes: Axes, at: float, share: Share, colour: str, marker: str, label: str | None) -> None:
    value = 100 * (share.value or 0.0)
    low, high = share.ci or (0.0, 1.0)
    axes.barh(at, value, height=0.28, color=colour, alpha=0.25)
    axes.errorbar(
        value,
        at,
        xerr=[[max(value - 100 * low, 0.0)], [max(100 * high - value, 0.0)]],
        fmt=marker,
        ms=4,
        lw=1.4,
        capsize=2,
        color=colour,
        label=label or None,
    )


def _wrapped(head: str, names: Sequence[str], width: int = 105) -> list[str]:
    """The names after a head, in lines; nothing without names."""
    if not names:
        return []
    lines = [head]
    for number, name in enumerate(names):
        word = name + ("," if number < len(names) - 1 else "")
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += word + " "
    return lines


def _plain(axes: Axes) -> None:
    axes.grid(color=LINE, lw=0.5)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
