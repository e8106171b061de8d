"""A program as a graph of finite-domain nodes, evaluated exactly and in batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rinject.errors import InputError
from rinject.graph.evaluation import Known, evaluate_nodes
from rinject.graph.nodes import Node, Value
from rinject.graph.tables import NONE


@dataclass(frozen=True)
class Variable:
    """A node that lives in the residual stream."""

    name: str
    values: tuple[Value, ...]
    layer: int
    """The first residual stream that holds it: 0 is the embedding, i is after layer i."""

    @property
    def size(self) -> int:
        """Number of values, and of dimensions of its slice."""
        return len(self.values)


def _is_known(token: Value, place: Mapping[Value, int]) -> bool:
    try:
        return token in place
    except TypeError:  # it cannot be hashed
        return False


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which inputs come first."""

    vocab: tuple[Value, ...]
    max_seq_len: int
    """The longest input, without BOS."""
    causal: bool
    nodes: tuple[Node, ...]
    output_node: Node
    layers: Mapping[Node, int] = field(default_factory=dict)
    """Where each node of the residual stream first appears; empty before scheduling."""

    @property
    def output(self) -> str:
        """Name of the variable that the program computes."""
        return self.output_node.name

    @property
    def output_index(self) -> int:
        """Its place among the variables."""
        return self.stream.index(self.output_node)

    @property
    def stream(self) -> tuple[Node, ...]:
        """The nodes in the residual stream, in the order of their slices."""
        return tuple(node for node in self.nodes if node in self.layers)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What the residual stream holds, in the order of the slices."""
        return tuple(Variable(n.name, n.values, self.layers[n]) for n in self.stream)

    @property
    def num_layers(self) -> int:
        """How many layers of attention and MLP compute them: the embedding is layer 0."""
        return max(self.layers.values(), default=0)

    def variable(self, name: str) -> Variable:
        """A variable by name; raises KeyError."""
        return {v.name: v for v in self.variables}[name]

    def encode(self, inputs: Sequence[Sequence[Value]]) -> np.ndarray:
        """Inputs as rows of vocabulary indices, PAD = -1 on the right. Shape (B, T), int64.

        Raises InputError for unknown tokens and for inputs longer than `max_seq_len`.
        """
        place = {value: index for index, value in enumerate(self.vocab)}
        longest = max(map(len, inputs), default=0)
        if longest > self.max_seq_len:
            raise InputError(
                f"the input has {longest} tokens, the program's positions are {self.max_seq_len}",
                hint="compile for a longer input (--max-seq-len)",
            )
        ids = np.full((len(inputs), longest), NONE, dtype=np.int64)
        for row, tokens in enumerate(inputs):
            for unknown in (token for token in tokens if not _is_known(token, place)):
                shown = " ".join(map(str, self.vocab[:40]))
                raise InputError(
                    f"{unknown!r} is not in the vocabulary", hint=f"the vocabulary is {shown}"
                )
            ids[row, : len(tokens)] = [place[token] for token in tokens]
        return ids

    def evaluate(self, ids: np.ndarray) -> dict[Node, np.ndarray]:
        """The index of every node's value on rows of vocabulary indices (B, T); None is -1."""
        return evaluate_nodes(self.nodes, ids, causal=self.causal)

    def variable_values(self, ids: np.ndarray) -> np.ndarray:
        """int32 [B, T, V]: the index of each variable's value; None and PAD are -1."""
        return self._stream_values(ids, self.evaluate(ids))

    def resumed(self, ids: np.ndarray, layer: int, values: np.ndarray) -> np.ndarray:
        """int32 [B, T, V]: all variables where the stream after `layer` holds certain values.

        Variables of layers up to that one are as `values` [B, T, V] say, whatever they were
        computed from; those of later layers are computed from them, as the compiled model would
        where its stream is intervened on. PAD is -1, and so is a copy of several different values,
        which the program itself never makes.
        """
        given = {
            node: values[..., place].astype(np.int64)
            for place, node in enumerate(self.stream)
            if self.layers[node] <= layer
        }
        known = evaluate_nodes(self.nodes, ids, causal=self.causal, given=given)
        return self._stream_values(ids, known)

    def _stream_values(self, ids: np.ndarray, known: Known) -> np.ndarray:
        values = np.stack([known[node] for node in self.stream], axis=-1)  # [B, T, V]
        values[ids == NONE] = NONE
        return values.astype(np.int32)

    def run(self, inputs: Sequence[Sequence[Value]]) -> list[list[Value]]:
        """The program's output on each input, one value for each token."""
        ids = self.encode(inputs)
        if not ids.size:
            return [[] for _ in inputs]
        result = self.evaluate(ids)[self.output_node]
        values = (*self.output_node.values, None)
        return [
            [values[i] for i in row[: len(tokens)]]
            for row, tokens in zip(result, inputs, strict=True)
        ]

    def to_record(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The graph as JSON and arrays; see :mod:`rinject.graph.record`."""
        from rinject.graph.record import to_record

        return to_record(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Graph:
        """The graph that :meth:`to_record` described."""
        from rinject.graph.record import from_record

        return from_record(record, arrays)
