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

import numpy as np
import torch
from torch import Tensor

from rinject.circuit import Layer, ResidualLayout, Slot, Transformer
from rinject.compiler.heads import Head, head
from rinject.compiler.mlp import Units
from rinject.graph import Aggregate, Elementwise, Graph, Indices, Node, Width
from rinject.graph.fuse import is_constant, is_scalar
from rinject.graph.stream import Stream


def assemble(graph: Graph) -> tuple[Transformer, ResidualLayout]:
    """The transformer of a scheduled graph, and where its variables are."""
    stream = Stream.of(graph)
    depth = max(graph.layers.values(), default=0)
    layers = tuple(_layer(graph, stream, index) for index in range(1, depth + 1))
    tokens, positions = _embeddings(graph, stream)
    slots = tuple(
        Slot(n.name, stream.start[n], stream.start[n] + len(n.values), n.values)
        for n in graph.stream
    )
    transformer = Transformer(_tensor(tokens), _tensor(positions), layers, graph.causal)
    return transformer, ResidualLayout(slots, stream.width)


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


def _layer(graph: Graph, stream: Stream, index: int) -> Layer:
    here = [node for node in graph.stream if graph.layers[node] == index]
    attended = [node for node in here if isinstance(node, Width | Aggregate)]
    scratch: dict[Node, int] = {
        node: stream.scratch + i for i, node in enumerate(n for n in attended if is_scalar(n))
    }
    heads = [head(node, stream, scratch.get(node)) for node in attended]
    return Layer(**_attention(heads, stream.width), **_mlp(graph, here, stream, scratch))


def _attention(heads: list[Head], width: int) -> dict[str, Tensor]:
    """Heads of one layer side by side, padded to the widest."""
    count = len(heads)
    inner = max((h.query.shape[1] for h in heads), default=0)
    outer = max((h.value.shape[1] for h in heads), default=0)
    weights = {
        "query": np.zeros((count, width, inner)),
        "query_bias": np.zeros((count, inner)),
        "key": np.zeros((count, width, inner)),
        "key_bias": np.zeros((count, inner)),
        "value": np.zeros((count, width, outer)),
        "value_bias": np.zeros((count, outer)),
        "output": np.zeros((count, outer, width)),
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
    return {name: _tensor(array) for name, array in weights.items()}


def _mlp(
    graph: Graph, here: list[Node], stream: Stream, scratch: dict[Node, int]
) -> dict[str, Tensor]:
    units = Units(stream)
    for node in here:
        if node in scratch:
            units.decode(node, scratch[node], np.arange(len(node.values)), stream.start[node])
        elif isinstance(node, Elementwise):
            source = node.arguments[0]
            if len(node.arguments) == 1 and source in scratch:
                results = node.table.dense()[:-1]
                units.decode(source, scratch[source], results, stream.start[node])
            else:
                units.compute(node)
        elif isinstance(node, Aggregate) and node.default >= 0:
            units.clear_at_bos(stream.start[node] + node.default)
    for dimension in scratch.values():
        units.clear(dimension)
    return {name: _tensor(array) for name, array in units.weights().items()}


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
