"""What the heat maps of a compiled model show: matrices whose axes are cut by variable.

A variable may have two dimensions or ten thousand, and each has a label: an axis gives to each of
them a length that grows with its size only up to a limit, and neighbours that share less than a
point are pooled, the one furthest from 0 standing for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import torch

from rinject.circuit.layout import ResidualLayout
from rinject.circuit.model import CompiledModel
from rinject.circuit.transformer import Layer
from rinject.circuit.wiring import BlockRecord, HeadRecord

CELL = 7.0  # points that one value takes, where there are few
UNIT = 2.0  # points that a hidden unit takes, where there are few
SHORTEST, LONGEST = 9.0, 40.0  # of a variable's part of an axis
LONGEST_OF_WEIGHTS = 28.0
FEW = 10  # values that all have their full length in the stream
RANGE = 150.0  # points that many tokens or positions take together
BINS_A_POINT = 1.0
BIAS, BOS_MARK, SCRATCH = "bias", "BOS mark", "scratch"
EXAMPLE_LENGTH = 10
EXAMPLES = 500  # among which the one to show is searched


@dataclass(frozen=True)
class Group:
    """Neighbouring rows or columns of a matrix under one label."""

    label: str
    start: int
    stop: int
    values: tuple[str, ...] = ()
    """What each stands for, where that is known."""
    is_variable: bool = True
    """Not the bias, nor the circuit's own dimensions."""
    cell: float = CELL
    """Points for each row or column, as long as there are few."""

    @property
    def size(self) -> int:
        """Number of rows or columns."""
        return self.stop - self.start


@dataclass(frozen=True)
class Axis:
    """Groups one after the other, in points."""

    groups: tuple[Group, ...]
    longest: float = LONGEST_OF_WEIGHTS
    few: int = 0
    """So many rows or columns may take more."""

    @cached_property
    def lengths(self) -> tuple[float, ...]:
        """Of each group, in points."""
        return tuple(map(self._length, self.groups))

    def _length(self, group: Group) -> float:
        wanted = max(group.cell * group.size, SHORTEST)
        return wanted if group.size <= self.few else min(wanted, self.longest)

    @property
    def length(self) -> float:
        """Of all together."""
        return sum(self.lengths)

    @cached_property
    def starts(self) -> tuple[float, ...]:
        """Where each group begins; at the end, where the last one ends."""
        return tuple(np.cumsum([0.0, *self.lengths]).tolist())

    @cached_property
    def bins(self) -> tuple[int, ...]:
        """Number of cells drawn for each group."""
        room = [max(1, int(length * BINS_A_POINT)) for length in self.lengths]
        return tuple(min(g.size, most) for g, most in zip(self.groups, room, strict=True))

    @cached_property
    def edges(self) -> np.ndarray:
        """The ends of all cells, in points."""
        parts = [
            np.linspace(start, start + length, count + 1)[:-1]
            for start, length, count in zip(self.starts, self.lengths, self.bins, strict=False)
        ]
        return np.concatenate([*parts, [self.length]])

    @cached_property
    def members(self) -> np.ndarray:
        """The rows or columns that are shown."""
        return np.concatenate(
            [np.arange(g.start, g.stop) for g in self.groups] or [np.zeros(0, int)]
        )

    @cached_property
    def firsts(self) -> np.ndarray:
        """Of each cell the first among the members."""
        offsets = np.cumsum([0, *(g.size for g in self.groups)])
        return _joined(
            offset + np.linspace(0, group.size, count, endpoint=False).astype(int)
            for offset, group, count in zip(offsets, self.groups, self.bins, strict=False)
        )

    def of_cells(self, per_group: Sequence[Any]) -> np.ndarray:
        """A value of each group, repeated for its cells."""
        return np.repeat(np.asarray(per_group), self.bins)

    def only(self, wanted: Sequence[bool]) -> Axis:
        """With some of the groups."""
        kept = tuple(g for g, is_kept in zip(self.groups, wanted, strict=True) if is_kept)
        return replace(self, groups=kept)


def _joined(parts: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


@dataclass(frozen=True)
class Panel:
    """One heat map."""

    title: str
    rows: Axis
    columns: Axis
    cells: np.ndarray  # [row bins, column bins]

    @property
    def scale(self) -> float:
        """The largest number among the variables; what is larger elsewhere is cut off."""
        rows = self.rows.of_cells([g.is_variable for g in self.rows.groups])
        columns = self.columns.of_cells([g.is_variable for g in self.columns.groups])
        inner = np.abs(self.cells[np.ix_(rows, columns)]).max(initial=0.0)
        return float(inner or np.abs(self.cells).max(initial=0.0) or 1.0)


def pooled(matrix: np.ndarray, rows: Axis, columns: Axis) -> np.ndarray:
    """The cells of two axes in a matrix; each is the number in it that is furthest from 0."""
    if not rows.members.size or not columns.members.size:
        return np.zeros((len(rows.firsts), len(columns.firsts)))
    part = matrix[np.ix_(rows.members, columns.members)]
    return _furthest(_furthest(part, rows.firsts, 0), columns.firsts, 1)


def pooled_product(left: np.ndarray, right: np.ndarray, rows: Axis, columns: Axis) -> np.ndarray:
    """As :func:`pooled` of left [R, E] times the transpose of right [C, E], in little memory."""
    cells = np.zeros((len(rows.firsts), len(columns.firsts)))
    if not cells.size:
        return cells
    factor = right[columns.members].T  # [E, C]
    stops = np.append(rows.firsts[1:], len(rows.members))
    for index, (first, stop) in enumerate(zip(rows.firsts, stops, strict=True)):
        product = left[rows.members[first:stop]] @ factor
        cells[index] = _furthest(_furthest(product, np.array([0]), 0), columns.firsts, 1)[0]
    return cells


def _furthest(matrix: np.ndarray, firsts: np.ndarray, axis: int) -> np.ndarray:
    high = np.maximum.reduceat(matrix, firsts, axis=axis)
    low = np.minimum.reduceat(matrix, firsts, axis=axis)
    return np.where(high >= -low, high, low)


def panel(
    title: str, rows: Axis, columns: Axis, cells: np.ndarray, *, keep_columns: bool = False
) -> Panel | None:
    """Without the groups that are 0 everywhere; None where nothing is left."""
    used = cells != 0  # [row bins, column bins]
    if not used.any():
        return None
    kept_rows = _used(rows, used.any(axis=1))
    kept_columns = _used(columns, used.any(axis=0) | keep_columns)
    cells = cells[rows.of_cells(kept_rows)][:, columns.of_cells(kept_columns)]
    return Panel(title, rows.only(kept_rows), columns.only(kept_columns), cells)


def _used(axis: Axis, used: np.ndarray) -> list[bool]:
    """For each group whether one of its cells is used."""
    ends = np.cumsum([0, *axis.bins])
    return [bool(used[a:b].any()) for a, b in pairwise(ends)]


# --- axes ---------------------------------------------------------------------------------------


def dimensions(model: CompiledModel) -> tuple[Group, ...]:
    """The dimensions of the residual stream by variable, and last the bias."""
    layout = model.layout
    slots = sorted((slot for slot in layout.slots if slot.size), key=lambda slot: slot.start)
    groups = [
        Group(s.variable, s.start, s.stop, tuple(map(_shown, s.values)) or ("number",))
        for s in slots
    ]
    return (
        *groups,
        *_others(model, layout),
        Group(BIAS, layout.width, layout.width + 1, (), False),
    )


def _others(model: CompiledModel, layout: ResidualLayout) -> list[Group]:
    """What follows the variables: the BOS mark, which the embedding writes, and scratch."""
    marks = (model.transformer.token_embedding[-1] != 0).tolist()  # [D]
    rest = range(layout.variable_width, layout.width)
    groups = [Group(BOS_MARK, d, d + 1, (), False) for d in rest if marks[d]]
    scratch = [d for d in rest if not marks[d]]
    return groups + ([Group(SCRATCH, scratch[0], scratch[-1] + 1, (), False)] if scratch else [])


def _shown(value: object) -> str:
    """A value in few characters."""
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    if isinstance(value, str):
        text = "".join(c if c.isprintable() and not c.isspace() else "␣" for c in text)
    return text if len(text) <= 8 else text[:7] + "…"


def _each(names: Sequence[str]) -> tuple[Group, ...]:
    """A group for each name, such as a token of an input."""
    return tuple(Group(name, i, i + 1, cell=11.0) for i, name in enumerate(names))


# --- the stream ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class StreamPanels:
    """The residual stream on one input."""

    tokens: tuple[str, ...]
    panels: tuple[Panel, ...]
    """At the embedding, then after each layer; all of the same axes."""


def stream_panels(model: CompiledModel, tokens: Sequence[Any] | None = None) -> StreamPanels:
    """Dimensions by positions, BOS first; by default on an input that shows many values."""
    tokens = example_input(model) if tokens is None else list(tokens)
    ids = torch.from_numpy(model.graph.encode([tokens]))
    names = ("BOS", *map(_shown, tokens))
    columns = Axis(_each(names))
    shown = tuple(g for g in dimensions(model) if g.is_variable or g.label == BOS_MARK)
    rows = Axis(shown, LONGEST, FEW)
    panels = tuple(
        Panel(
            f"after layer {index}" if index else "embedding",
            rows,
            columns,
            pooled(stream[0].T.numpy(), rows, columns),
        )
        for index, stream in enumerate(model.transformer.residuals(ids))
    )
    return StreamPanels(names, panels)


def example_input(model: CompiledModel) -> list[Any]:
    """Of many random inputs, the one on which the variables take the largest part of their values.

    Always the same for the same program.
    """
    graph = model.graph
    length = min(graph.max_seq_len, EXAMPLE_LENGTH)
    ids = np.random.default_rng(0).integers(len(graph.vocab), size=(EXAMPLES, length))
    values = graph.variable_values(ids)  # [EXAMPLES, length, V]
    ordered = np.sort(values, axis=1)
    new = np.diff(ordered, axis=1, prepend=-1) > 0  # a value's first position; none for None
    shares = new.sum(axis=1) / [max(1, variable.size) for variable in graph.variables]
    best = ids[int(shares.sum(axis=1).argmax())]
    return [graph.vocab[index] for index in best]


# --- the weights --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Card:
    """Panels that belong together under one title."""

    title: str
    subtitle: str
    panels: tuple[Panel, ...]
    is_stacked: bool = False
    """One above the other, along the same columns."""


@dataclass(frozen=True)
class Section:
    """The embeddings, or a layer."""

    title: str
    cards: tuple[Card, ...]


def weight_sections(model: CompiledModel) -> list[Section]:
    """The embeddings, then each layer: its heads and its MLP."""
    groups = dimensions(model)
    sections = [Section("embeddings", tuple(_embeddings(model, groups)))]
    for index, layer in enumerate(model.transformer.layers):
        wired = model.wiring[index].heads if index < len(model.wiring) else ()
        cards = [
            _head_card(layer, h, wired[h] if h < len(wired) else None, groups)
            for h in range(layer.heads)
        ]
        cards += _mlp_cards(model, index, groups)
        sections.append(Section(f"layer {index + 1}", tuple(c for c in cards if c.panels)))
    return sections


def _embeddings(model: CompiledModel, groups: tuple[Group, ...]) -> list[Card]:
    """What a token writes, and what a position writes."""
    rows = Axis(groups[:-1])
    names = (*(_shown(value) for value in model.graph.vocab), "BOS")
    tables = {
        "tokens": (model.transformer.token_embedding, names),
        "positions": (
            model.transformer.position_embedding,
            ("BOS", *map(str, range(model.graph.max_seq_len))),
        ),
    }
    cards = []
    for title, (table, labels) in tables.items():
        columns = Axis(_each(labels) if len(labels) <= 24 else _range(labels), RANGE)
        found = panel("", rows, columns, pooled(table.numpy().T, rows, columns))
        cards += [Card(title, "", (found,))] if found else []
    return cards


def _range(labels: Sequence[str]) -> tuple[Group, ...]:
    """Many names as one group, of which only the ends are labelled."""
    return (Group("", 0, len(labels), tuple(labels), cell=RANGE / len(labels)),)


def _head_card(
    layer: Layer, head: int, wired: HeadRecord | None, groups: tuple[Group, ...]
) -> Card:
    def with_bias(weight: torch.Tensor, bias: torch.Tensor) -> np.ndarray:
        return torch.cat([weight[head], bias[head][None]]).numpy()  # [D + 1, E]

    rows, columns = Axis(groups), Axis(groups)
    query = with_bias(layer.query, layer.query_bias)
    key = with_bias(layer.key, layer.key_bias)
    value = with_bias(layer.value, layer.value_bias)
    output = np.pad(layer.output[head].numpy().T, ((0, 1), (0, 0)))  # [D + 1, V]
    panels = (
        panel(name, rows, columns, pooled_product(left, right, rows, columns))
        for name, left, right in (("Q·Kᵀ", query, key), ("V·O", value, output))
    )
    title = f"head {head + 1}" + (f": {wired.variable}" if wired else "")
    subtitle = f"{wired.kind}, {wired.selector}" if wired else ""
    return Card(title, subtitle, tuple(p for p in panels if p))


def _mlp_cards(model: CompiledModel, index: int, groups: tuple[Group, ...]) -> list[Card]:
    layer = model.transformer.layers[index]
    hidden = torch.cat([layer.hidden, layer.hidden_bias[None]]).numpy()  # [D + 1, F]
    written = torch.cat([layer.mlp_output, layer.mlp_output_bias[None]]).numpy().T  # [D, F + 1]
    rows, targets = Axis(groups), Axis(groups[:-1])
    units = Axis(_units(model, index, groups))
    outer = units
    if written[:, -1].any():
        outer = Axis((*units.groups, Group(BIAS, hidden.shape[1], hidden.shape[1] + 1, (), False)))
    reads = panel("reads", rows, units, pooled(hidden, rows, units), keep_columns=True)
    writes = panel("writes", targets, outer, pooled(written, targets, outer), keep_columns=True)
    panels = tuple(p for p in (reads, writes) if p)
    return [Card("MLP", f"{hidden.shape[1]:,} units", panels, is_stacked=True)] if panels else []


def _units(model: CompiledModel, index: int, groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """The hidden units by what they compute: as wired, or else by the variables they write."""
    if index < len(model.wiring):
        return tuple(_wired_units(model.wiring[index].blocks))
    written = model.transformer.layers[index].mlp_output.numpy() != 0  # [F, D]
    hits = np.stack([written[:, g.start : g.stop].any(axis=1) for g in groups[:-1]], axis=1)
    starts = [i for i in range(len(hits)) if i == 0 or (hits[i] != hits[i - 1]).any()]
    found = []
    for start, stop in zip(starts, [*starts[1:], len(hits)], strict=True):
        names = [g.label for g, is_hit in zip(groups[:-1], hits[start], strict=True) if is_hit]
        found.append(Group(", ".join(names), start, stop, cell=UNIT))
    return tuple(found)


def _wired_units(blocks: Sequence[BlockRecord]) -> Iterator[Group]:
    """A group for each block; neighbours that only clear are one."""
    for clears, neighbours in groupby(blocks, key=lambda block: block.kind == "clear"):
        found = list(neighbours)
        if clears:
            yield Group("(clear)", found[0].first, found[-1].stop, cell=UNIT)
        else:
            yield from (Group(b.variable, b.first, b.stop, cell=UNIT) for b in found)
