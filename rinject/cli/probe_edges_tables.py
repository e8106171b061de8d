"""The edges of a bundle as tables and lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from rinject.cli.blocks import visible
from rinject.cli.diagram_words import one_line
from rinject.cli.probe_tables import percent
from rinject.evaluate.edges import KINDS, EdgeFaithfulness, EdgeReport, SourceEdges
from rinject.evaluate.edges.faithfulness import FAITHFUL, LEAST_POSITIONS
from rinject.evaluate.probe import Share
from rinject.evaluate.suites import TRAINED_ON
from rinject.graph import Graph

NAMES, FIGURES = 26, 17
"""The cells that the first column of a table wants, and each other one with the gap before it."""
POSITIONS = {"answer": "where the answer is due", "all": "wherever the program reads"}


# --- edges ----------------------------------------------------------------------------------------


def edge_tables(report: EdgeReport, width: int) -> Iterator[Table]:
    """The variables in the order of computation, with each edge's figure on each kind of input."""
    names = [one_line(variable.name) for variable in report.graph.variables]
    for sources in _beside(report.sources, width):
        table = _table("edge faithfulness, %", "variable", sources)
        for place, one in enumerate(sources[0].edges):
            inputs = ", ".join(names[index] for index in one.edge.inputs) or "positions"
            attention = "" if one.edge.kind == "elementwise" else f"{one.edge.kind}: "
            made_of = Text(f"\n{one.edge.layer}  {attention}{inputs}", "dim")
            cells = (_edge_cell(source.edges[place], source) for source in sources)
            table.add_row(Text(names[one.edge.index], "bold") + made_of, *cells)
        table.add_section()
        means = ("-" if one.mean is None else f"{100 * one.mean:.1f}" for one in sources)
        table.add_row("mean", *means)
        yield table


def _edge_cell(edge: EdgeFaithfulness, source: SourceEdges) -> Text:
    """The share in percent with its interval; below it of how many, and whether that is a break;
    then, where there are such, the share of them that is new to the student."""
    only = "°" if edge.values == 1 else ""
    verdict = ""
    if edge.breaks:
        verdict = "✗ first, " if edge is source.first else "✗ "
    style = "bold red" if edge.breaks else "" if edge.is_judged else "dim"
    new = f"\nnew {_percent(edge.new_share)}" if edge.new else ""
    return Text(f"{percent(edge.right)}{only}\n{verdict}n {edge.right.n:,}{new}", style)


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0.0):.0f} %"


def verdicts(report: EdgeReport) -> list[Text]:
    """For each kind of input one sentence about the first edge that breaks."""
    return [
        Text(f"{one.source.name}: ", "bold") + Text(_verdict(one, report.graph))
        for one in report.sources
    ]


def _verdict(one: SourceEdges, graph: Graph) -> str:
    if one.first is None:
        judged = sum(edge.is_judged for edge in one.edges)
        return f"none of {judged} edges breaks" if judged else "too few positions to judge any edge"
    return f"first to break: {broken(one.first, graph)}"


def broken(edge: EdgeFaithfulness, graph: Graph) -> str:
    """What breaks, and how often its inputs were right."""
    names = [one_line(graph.variables[index].name) for index in edge.edge.inputs]
    right = f"right at {_percent(edge.right.value)} of {edge.right.n:,} positions"
    where = f" where {', '.join(names)} {'is' if len(names) == 1 else 'are'} right" if names else ""
    new = f"; no training example has {_percent(edge.new_share)} of these" if edge.new else ""
    return f"{one_line(edge.edge.name)} (layer {edge.edge.layer}), {right}{where}{new}"


def edge_notes(report: EdgeReport) -> list[str]:
    """What the tables mean."""
    return [
        f"measured {POSITIONS[report.positions]}; below each variable its layer and what it is"
        " computed from; in brackets: 95 % intervals",
        "of the n positions where what a variable is computed from is right, the share where it is"
        " right too; attention's keys and operand must be right wherever it sees",
        f"✗: even the upper end of the interval is below {100 * FAITHFUL:.0f}, of {LEAST_POSITIONS}"
        " positions or more; dim, and not in the mean: fewer; °: the variable has one value there",
        *_new_words(report),
        *_rule_words(report),
        *(_read(one) for one in report.sources),
    ]


def _new_words(report: EdgeReport) -> list[str]:
    if report.shown is None:
        return []
    return [
        "new: of these positions, those where what a variable reads at its own position and its own"
        f" value came together in none of the {report.shown.examples:,} training examples"
    ]


def _rule_words(report: EdgeReport) -> list[str]:
    words = TRAINED_ON.get(report.data)
    return [] if words is None else [f"trained with --data {report.data}: {words}"]


def _read(one: SourceEdges) -> str:
    source = one.source
    read = f", {len(source.rows):,} of them read" if len(source.rows) < source.drawn else ""
    return f"{source.name}: {source.sentence} (n = {source.drawn:,}{read})"


# --- replaced tokens ------------------------------------------------------------------------------


def replacement_tables(report: EdgeReport, width: int) -> Iterator[Table]:
    """How often the student answers as the program does where tokens are replaced."""
    for sources in _beside(report.sources, width):
        table = _table("answers that agree with the program's, %", "prompts", sources)
        for kind, name in KINDS.items():
            cells = (_replacement_cell(one.replacements.agreed[kind]) for one in sources)
            table.add_row(name, *cells)
        yield table


def _replacement_cell(share: Share) -> Text:
    return Text(f"{percent(share)}\nn {share.n:,}")


def replacement_notes(report: EdgeReport) -> list[str]:
    """What the tables mean."""
    lines = [
        "replaced: one token of the input by one of another input symbol; ignored where the"
        " program's answer stays, attended where it changes",
        "one of its symbol: any other token that is the same to the program, as all words are that"
        " it passes over",
    ]
    filler = report.sources[0].replacements.filler
    if filler is None:
        return [*lines, "not shifted: the program knows no token to pass over"]
    return [*lines, f"shifted: by {visible(filler)!r} in front of the prompt"]


# --- both -----------------------------------------------------------------------------------------


def _beside(sources: Sequence[SourceEdges], width: int) -> Iterator[Sequence[SourceEdges]]:
    """As many at a time as there is room for."""
    many = max(1, (width - NAMES) // FIGURES)
    for start in range(0, len(sources), many):
        yield sources[start : start + many]


def _table(title: str, head: str, sources: Sequence[SourceEdges]) -> Table:
    table = Table(
        head,
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.columns[0].overflow = "fold"  # names are told apart by their ends
    for one in sources:
        table.add_column(Text(one.source.name), justify="right", max_width=FIGURES - 2)
    return table
