"""Selectors as attention heads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rinject.compiler.blur import EXACT, ROUNDINGS, UNIT, Blur
from rinject.graph import Aggregate, Node, Part, Selector, Width
from rinject.graph.stream import Stream
from rinject.graph.tables import Table

SELECTED = 48.0
"""Attention score of a selected position for an aggregate; an unselected one has 0 or less, and BOS
half of it: above the unselected, below the selected."""
ITSELF = 4 * SELECTED
"""Score of BOS for BOS: it attends to nothing else."""

DEFAULT_CODE = 1.5
"""The number of an aggregate that selects nothing."""
MISSING_CODE = 3.0
"""Less than the number of a mean over positions of which one has no value."""


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


@dataclass(frozen=True)
class Shares:
    """How far the weights of a head may be from equal shares of what it selects."""

    uneven: float
    """Selected positions may score by so much more or less than each other."""
    off: float
    """The same for all selected positions together, beside BOS."""
    to_others: float
    """What goes to positions that are not selected, in all."""
    to_bos: float
    """What goes to BOS where any position is selected."""
    rounding: float
    """In proportion to a share."""


def width_score(longest: int) -> float:
    """Score of a selected position, and of BOS, where a width is counted.

    As low as can be, since blurred keys move a share the more, the higher the score: all others
    together move a count of `longest` by 1/64 at most.
    """
    return math.ceil(4 * math.log(64 * longest * (longest + 1))) / 4


def head(node: Width | Aggregate, stream: Stream, scratch: int | None) -> Head:
    """The head of a width or an aggregate; a number goes to the dimension `scratch`."""
    if isinstance(node, Width):
        assert scratch is not None
        score = width_score(stream.longest)
        pattern = _pattern(node.selector, stream, score, score)
        return Head(*pattern, *_bos_share(stream, scratch))
    values = _copy(node, stream) if scratch is None else _mean(node, stream, scratch)
    return Head(*_pattern(node.selector, stream, SELECTED, SELECTED / 2), *values)


# --- scores -------------------------------------------------------------------------------------


Pattern = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Query [D, E], its bias [E], key [D, E], its bias [E]."""


def _pattern(selector: Selector, stream: Stream, selected: float, bos_score: float) -> Pattern:
    """Queries and keys: the scores of all parts added up, and one dimension for BOS.

    Each part scores `selected` where it lets a key through and 0 elsewhere; as many are taken off
    as there are parts beyond the first, so that only what passes all of them is above 0.
    """
    readers = [_scores(part, selected) for part in selector.parts]
    width = sum(queries.shape[1] for queries, _ in readers) + 2
    query, query_bias = np.zeros((stream.width, width)), np.zeros(width)
    key, key_bias = np.zeros((stream.width, width)), np.zeros(width)
    start = 0
    for part, (query_rows, key_rows) in zip(selector.parts, readers, strict=True):
        columns = slice(start, start + query_rows.shape[1])
        _read(stream, part.queries, query_rows, query[:, columns], query_bias[columns])
        _read(stream, part.keys, key_rows, key[:, columns], key_bias[columns])
        start = columns.stop
    key_bias[-2], query_bias[-2] = 1.0, selected * (1 - len(readers))
    key[stream.bos] = -key_bias  # BOS has no values: it is no key by itself
    query_bias[-1] = bos_score
    query[stream.bos, -1] = ITSELF
    key[stream.bos, -1] = 1.0
    return query, query_bias, key, key_bias


def head_width(node: Width | Aggregate) -> int:
    """Columns of the queries, or keys, and of the values of a head together, before it is made."""
    inner = sum(min(_classes(part).cells.shape) for part in node.selector.parts) + 2
    is_number = isinstance(node, Width) or node.numbers is not None
    return inner + (2 if is_number else len(node.values))


def _classes(part: Part) -> Table:
    """What keys and queries must be told apart for: 0 where they match, else -1."""
    return Table.of(np.where(part.table, 0, -1))


def _scores(part: Part, selected: float) -> tuple[np.ndarray, np.ndarray]:
    """What queries and keys hold for each of their values: [queries + 1, E] and [keys + 1, E].

    Their product is `selected` or 0. One side is one-hot by classes that the other tells apart.
    """
    table = _classes(part)
    key_class, query_class = table.classes
    scores = np.where(table.cells >= 0, selected, 0.0)  # [key classes, query classes]
    if scores.shape[0] <= scores.shape[1]:
        used = scores.any(axis=1)
        return scores[used].T[query_class], np.eye(len(scores))[used].T[key_class]
    used = scores.any(axis=0)
    return np.eye(scores.shape[1])[used].T[query_class], scores[:, used][key_class]


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


def shares(node: Width | Aggregate, stream: Stream, blurs: Mapping[Node, Blur]) -> Shares:
    """Bounds on the weights of a head, from the blur of what its scores are made of."""
    is_width = isinstance(node, Width)
    longest = stream.longest
    selected = width_score(longest) if is_width else SELECTED
    readers = [
        (part, *_readers(np.where(part.table, selected, 0.0), part, stream))
        for part in node.selector.parts
    ]
    uneven = sum(blurs.get(part.keys, EXACT).reading(keys) for part, keys, _ in readers)
    off = uneven + sum(blurs.get(part.queries, EXACT).reading(rows) for part, _, rows in readers)
    spread = min(2 * off, 300.0)  # beyond that all is lost anyway
    if is_width:
        to_others = longest * math.exp(spread - selected)
        return Shares(uneven, off, to_others, 0.0, (longest / 2 + ROUNDINGS) * UNIT)
    # Where nothing is selected, the others compete with BOS.
    to_bos = math.exp(spread - selected / 2)
    return Shares(uneven, off, longest * to_bos, to_bos, (longest + ROUNDINGS) * UNIT)


def _readers(scores: np.ndarray, part: Part, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
    """The weights of scores [keys + 1, queries + 1] on the slots of keys and of queries, as
    :func:`_read` makes them."""
    keys = scores[:-1] - (scores[-1:] if part.keys in stream.optional else 0.0)
    by_query = scores.T
    rows = by_query[:-1] - (by_query[-1:] if part.queries in stream.optional else 0.0)
    return keys, rows


# --- values -------------------------------------------------------------------------------------


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
    """The mean as a number from 0 to 1, or one of the codes above.

    What a position without a value adds has a channel of its own: it is far larger than the
    numbers, and would cost them their last digits.
    """
    numbers, missing = mean_rows(node, stream)
    value, bias = _operand(node, np.stack([numbers, missing], axis=1), stream)
    value[stream.bos, 0] += DEFAULT_CODE
    return value, bias, np.repeat(_to(scratch, stream), 2, axis=0)


def mean_rows(node: Aggregate, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
    """What a mean takes of each value of its operand, None last: its code, and the lift of None.

    [operand values + 1] each.
    """
    assert node.numbers is not None
    numbers = np.append(codes(node, node.numbers), 0.0)
    missing = np.append(np.zeros(len(node.numbers)), largest_code(stream))
    return numbers, missing


def largest_code(stream: Stream) -> float:
    """What a position without a value adds: one of them lifts the whole mean above MISSING_CODE."""
    return 4 / 3 * MISSING_CODE * stream.longest


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
