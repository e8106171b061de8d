"""A scheduled graph to exact transformer weights.

Every variable is one-hot in its slot of the residual stream (all zeros: no value). Two more kinds
of dimension follow the slots: one that marks BOS, and scratch that carries a number from the
attention of a layer to its MLP, which takes it out again. So after each layer the stream holds the
variables and the BOS mark, and nothing else.

BOS is what attention falls back on. A width adds BOS to the selected positions, so the share of
attention that BOS gets is 1 / (width + 1). An aggregate attends to BOS only where nothing is
selected, and the value of BOS there is the default.

Source of the construction: Lindner et al., "Tracr" (arXiv 2301.05062), appendix; here tables of any
number of arguments become one MLP, and every indicator saturates, so that no error is passed on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rinject.circuit import Layer, ResidualLayout, Slot, Transformer
from rinject.circuit.wiring import HeadRecord, LayerRecord
from rinject.compiler.blur import EXACT, Blur
from rinject.compiler.heads import Head, head, head_width, shares
from rinject.compiler.margins import Margins
from rinject.compiler.mlp import Units, points_of
from rinject.compiler.size import check_size
from rinject.graph import Aggregate, Elementwise, Graph, Indices, Node, Width
from rinject.graph.nodes import identity, is_constant, is_scalar
from rinject.graph.stream import Stream, decoded_from, scalars


@dataclass(frozen=True)
class Assembly:
    """A compiled transformer, and what there is to know about it."""

    transformer: Transformer
    layout: ResidualLayout
    wiring: tuple[LayerRecord, ...]
    margins: Margins


def assemble(graph: Graph) -> Assembly:
    """The transformer of a scheduled graph, and where its variables are.

    Raises InputError where it would have more than LARGEST_MODEL weights.
    """
    stream = Stream.of(graph)
    depth = graph.num_layers
    plant = _Plant(graph, stream)
    layers, wiring = [], []
    for index in range(1, depth + 1):
        layer, record = plant.layer(index)
        layers.append(layer)
        wiring.append(record)
    tokens, positions = _embeddings(graph, stream)
    slots = tuple(_slot(node, stream) for node in graph.stream)
    transformer = Transformer(_tensor(tokens), _tensor(positions), tuple(layers), graph.causal)
    layout = ResidualLayout(slots, stream.width)
    return Assembly(transformer, layout, tuple(wiring), plant.margins)


def _embeddings(graph: Graph, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
    """Tokens, positions and all functions of one of them. [V + 1, D], [longest + 1, D]."""
    tokens = np.zeros((len(graph.vocab) + 1, stream.width))
    positions = np.zeros((graph.max_seq_len + 1, stream.width))
    tokens[-1, stream.bos] = 1.0
    for node in graph.stream:
        if graph.layers[node] > 0:
            continue
        source, results = _embedded(node)
        rows = positions[1:] if isinstance(source, Indices) else tokens[:-1]
        for index, result in enumerate(np.broadcast_to(results, len(rows))):
            if result >= 0:
                rows[index, stream.start[node] + result] = 1.0
    return tokens, positions


def _embedded(node: Node) -> tuple[Node | None, np.ndarray]:
    """The primitive that a node of the embedding depends on, and its value for each of that."""
    if not isinstance(node, Elementwise):
        return node, np.arange(len(node.values))
    if is_constant(node):
        return None, node.table.cells
    return node.arguments[0], node.table.dense()[:-1]


class _Plant:
    """Makes the layers, in their order; each builds on how exact those before it are."""

    def __init__(self, graph: Graph, stream: Stream) -> None:
        self.margins = Margins()
        self._graph, self._stream = graph, stream
        self._blurs: dict[Node, Blur] = {}
        self._scalars = scalars(graph)
        self._weights = 0
        self._pay(len(graph.vocab) + graph.max_seq_len + 2)

    def layer(self, index: int) -> tuple[Layer, LayerRecord]:
        """The weights of a layer, and what they are for."""
        here = [n for n in self._graph.stream if self._graph.layers[n] == index]
        numbers = [node for layer, node in self._scalars if layer == index]
        carried = [node for node in numbers if node not in self._stream.numbers]
        scratch = {node: self._stream.scratch + i for i, node in enumerate(carried)}
        scratch |= {n: self._stream.start[n] for n in numbers if n in self._stream.numbers}
        copies = [n for n in here if isinstance(n, Aggregate) and n not in scratch]
        attended: list[Width | Aggregate] = [*scratch, *copies]  # type: ignore[list-item]
        self._pay(2 * len(attended) * max(map(head_width, attended), default=0))  # all padded
        heads = [head(node, self._stream, scratch.get(node)) for node in attended]
        attention = _attention(heads, self._stream.width)
        for node in copies:
            self._note_copy(node)
        units = self._units(here, scratch)
        self._pay(units.count * 2)
        mlp = units.weights()
        layer = Layer(**{name: _tensor(array) for name, array in (attention | mlp).items()})
        return layer, LayerRecord(tuple(map(_head_record, attended)), tuple(units.blocks))

    def _units(self, here: list[Node], scratch: dict[Node, int]) -> Units:
        units = Units(self._stream, self._blurs, self.margins)
        spread = {node: shares(node, self._stream, self._blurs) for node in scratch}  # type: ignore[arg-type]
        for node in here:
            source = decoded_from(node, self._graph)
            if node in self._stream.numbers:
                units.leave(node, spread[node])
            elif source is not None:
                function = node.table.dense() if isinstance(node, Elementwise) else None
                results = identity(node) if function is None else function
                units.decode(node, source, scratch[source], results, spread[source])
            elif isinstance(node, Elementwise):
                units.compute(node)
            elif isinstance(node, Aggregate) and node.default >= 0:
                units.clear_at_bos(node, self._stream.start[node] + node.default)
            self._note_slot(node)
        for node, dimension in scratch.items():
            if node not in self._stream.numbers:
                units.clear(node, dimension)
        return units

    def _note_copy(self, node: Aggregate) -> None:
        """A copy is as blurred as what it copies, and by what leaks from other positions."""
        found = shares(node, self._stream, self._blurs)
        stray = found.to_others + found.to_bos + found.rounding
        copied = self._blurs.get(node.operand, EXACT).moved(node.copies)
        self._blurs[node] = copied + Blur.of_each(len(node.values), stray)

    def _note_slot(self, node: Node) -> None:
        """A value is read off where its dimension is above 1/2."""
        if node in self._stream.numbers:
            return
        worst = self._blurs[node].worst if node in self._blurs else 0.0
        blurred = [n for n in node.inputs if n in self._blurs]
        self.margins.note(node, 1 - worst / 0.5, blurred)

    def _pay(self, columns: int) -> None:
        """Count weights before they are made: so many columns as wide as the stream."""
        self._weights += columns * self._stream.width
        check_size(self._weights)


def _slot(node: Node, stream: Stream) -> Slot:
    place = stream.slot(node)
    if node not in stream.numbers:
        return Slot(node.name, place.start, place.stop, node.values)
    points, values = points_of(node, identity(node))
    pairs = tuple(zip(points.tolist(), values.tolist(), strict=True))
    return Slot(node.name, place.start, place.stop, node.values, "number", pairs)


def _head_record(node: Width | Aggregate) -> HeadRecord:
    is_width = isinstance(node, Width)
    parts = node.selector.parts
    return HeadRecord(
        variable=node.name,
        kind="width" if is_width else "mean" if is_scalar(node) else "copy",
        selector=node.selector.formula,
        keys=_variables(part.keys for part in parts),
        queries=_variables(part.queries for part in parts),
        operand=None if isinstance(node, Width) else node.operand.name,
    )


def _variables(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Names, each once; constants are part of the weights."""
    return tuple(dict.fromkeys(node.name for node in nodes if not is_constant(node)))


def _attention(heads: list[Head], width: int) -> dict[str, np.ndarray]:
    """Heads of one layer side by side, padded to the widest."""
    count = len(heads)
    inner = max((h.query.shape[1] for h in heads), default=0)
    outer = max((h.value.shape[1] for h in heads), default=0)
    weights = {
        "query": np.zeros((count, width, inner), dtype=np.float32),
        "query_bias": np.zeros((count, inner)),
        "key": np.zeros((count, width, inner), dtype=np.float32),
        "key_bias": np.zeros((count, inner)),
        "value": np.zeros((count, width, outer), dtype=np.float32),
        "value_bias": np.zeros((count, outer)),
        "output": np.zeros((count, outer, width), dtype=np.float32),
        "output_bias": np.zeros(width),
    }
    for i, h in enumerate(heads):
        weights["query"][i, :, : h.query.shape[1]] = h.query
        weights["query_bias"][i, : h.query.shape[1]] = h.query_bias
        weights["key"][i, :, : h.query.shape[1]] = h.key
        weights["key_bias"][i, : h.query.shape[1]] = h.key_bias
        weights["value"][i, :, : h.value.shape[1]] = h.value
        weights["value_bias"][i, : h.value.shape[1]] = h.value_bias
        weights["output"][i, : h.value.shape[1]] = h.output
    return weights


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
