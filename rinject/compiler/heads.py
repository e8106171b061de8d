"""Selectors as attention heads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rinject.graph import Aggregate, Node, Selector, Width
from rinject.graph.stream import Stream
from rinject.graph.tables import Table

SELECTED = 40.0
"""Attention score of a selected position; an unselected one has 0, so it weighs e^-40."""
FALLBACK = SELECTED / 2
"""Score of BOS for an aggregate: above the unselected, below the selected."""
ITSELF = 4 * SELECTED
"""Score of BOS for BOS: it attends to nothing else."""


DEFAULT_CODE = 1.5
"""The number of an aggregate that selects nothing."""
MISSING_CODE = 4.0
"""At least the number of a mean over positions of which one has no value."""


@dataclass(frozen=True)
class Head:
    """Weights of one head: keys of width E, values of width V, on a stream of width D."""

    query: np.ndarray  # [D, E]
    query_bias: np.ndarray  # [E]
    key: np.ndarray  # [D, E]
    key_bias: np.ndarray  # [E]
    value: np.ndarray  # [D, V]
    value_bias: np.ndarray  # [V]
    output: np.ndarray  # [V, D]


def head(node: Node, stream: Stream, scratch: int | None) -> Head:
    """The head of a width or an aggregate; a number goes to the dimension `scratch`."""
    if isinstance(node, Width):
        assert scratch is not None
        return Head(*_pattern(node.selector, stream, SELECTED), *_bos_share(stream, scratch))
    assert isinstance(node, Aggregate)
    values = _copy(node, stream) if scratch is None else _mean(node, stream, scratch)
    return Head(*_pattern(node.selector, stream, FALLBACK), *values)


def _pattern(
    selector: Selector, stream: Stream, bos_score: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Queries and keys: one dimension for each class of keys that some query tells apart."""
    table = Table.of(np.where(selector.table, 0, -1))
    key_class, query_class = table.classes
    scores = np.where(table.cells >= 0, SELECTED, 0.0)  # [key classes, query classes]
    width = len(scores) + 1  # the last one is for BOS
    query = np.zeros((stream.width, width))
    query_bias = np.zeros(width)
    _read(stream, selector.queries, scores.T[query_class], query[:, :-1], query_bias[:-1])
    query_bias[-1] = bos_score
    query[stream.bos, -1] = ITSELF
    key = np.zeros((stream.width, width))
    key_bias = np.zeros(width)
    _read(stream, selector.keys, np.eye(len(scores))[key_class], key[:, :-1], key_bias[:-1])
    key[stream.bos, :-1] = -key_bias[:-1]  # BOS has no values: it is no key by itself
    key[stream.bos, -1] = 1.0
    return query, query_bias, key, key_bias


def _read(
    stream: Stream, node: Node, rows: np.ndarray, weight: np.ndarray, bias: np.ndarray
) -> None:
    """Make `x @ weight + bias` the row of the node's value (None: the last row)."""
    if node not in stream.start:  # a constant, known to everybody
        bias += rows[0 if node.values else -1]
        return
    missing = rows[-1] if node in stream.optional else np.zeros_like(rows[-1])
    bias += missing
    weight[stream.slot(node)] += rows[:-1] - missing


Values = tuple[np.ndarray, np.ndarray, np.ndarray]
"""What a head reads [D, V], the bias of that [V], and where it writes it [V, D]."""


def _bos_share(stream: Stream, scratch: int) -> Values:
    value = np.zeros((stream.width, 1))
    value[stream.bos, 0] = 1.0
    return value, np.zeros(1), _to(scratch, stream)


def _copy(node: Aggregate, stream: Stream) -> Values:
    """The one selected value goes straight to its dimension."""
    size = len(node.values)
    rows = np.vstack([np.eye(size), np.zeros(size)])[node.copies]  # [operand values + 1, size]
    value, bias = _operand(node, rows, stream)
    if node.default >= 0:
        value[stream.bos, node.default] += 1.0
    output = np.zeros((size, stream.width))
    output[:, stream.slot(node)] = np.eye(size)
    return value, bias, output


def _mean(node: Aggregate, stream: Stream, scratch: int) -> Values:
    """The mean as a number from 0 to 1, or one of the codes above."""
    assert node.numbers is not None
    missing = 2 * MISSING_CODE * stream.longest  # one such position lifts the whole mean
    rows = np.append(codes(node, node.numbers), missing)[:, None]  # [operand values + 1, 1]
    value, bias = _operand(node, rows, stream)
    value[stream.bos, 0] += DEFAULT_CODE
    return value, bias, _to(scratch, stream)


def _operand(node: Aggregate, rows: np.ndarray, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
    """Reads the row of the operand's value; at BOS, which has no values, nothing."""
    value, bias = np.zeros((stream.width, rows.shape[1])), np.zeros(rows.shape[1])
    _read(stream, node.operand, rows, value, bias)
    value[stream.bos] = -bias
    return value, bias


def _to(dimension: int, stream: Stream) -> np.ndarray:
    output = np.zeros((1, stream.width))
    output[0, dimension] = 1.0
    return output


def codes(node: Aggregate, numbers: np.ndarray) -> np.ndarray:
    """Numbers scaled so that those of the operand span 0 to 1."""
    assert node.numbers is not None
    low = float(node.numbers.min(initial=np.inf))
    high = float(node.numbers.max(initial=-np.inf))
    if low > high:
        return numbers  # no number is ever there to be averaged
    return (numbers - low) / ((high - low) or 1.0)
