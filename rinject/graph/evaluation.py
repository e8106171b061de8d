"""Exact evaluation of graph nodes on batches: the meaning of a program, in arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch

import numpy as np

from rinject.graph.nodes import Aggregate, Elementwise, Indices, Node, Selector, Tokens, Width
from rinject.graph.tables import NONE

Known = Mapping[Node, np.ndarray]


def evaluate_nodes(
    nodes: Sequence[Node], ids: np.ndarray, *, causal: bool, given: Known | None = None
) -> dict[Node, np.ndarray]:
    """Value indices [B, T] of each node, inputs first; `ids` [B, T] holds tokens, PAD = -1.

    Nodes that are `given` have those values; what follows from them is computed.
    """
    known: dict[Node, np.ndarray] = dict(given or {})
    length = ids.shape[1]
    visible = (ids != NONE)[:, None, :]  # [B, 1, keys]: PAD is never selected
    order = np.tri(length, dtype=bool) if causal else np.ones((length, length), dtype=bool)
    visible = visible & order  # [B, queries, keys]
    for node in nodes:
        if node not in known:
            known[node] = evaluate_node(node, ids, known, visible)
    return known


@singledispatch
def evaluate_node(node: Node, ids: np.ndarray, known: Known, visible: np.ndarray) -> np.ndarray:
    """Value indices [B, T] of one node."""
    raise NotImplementedError(type(node).__name__)


@evaluate_node.register
def _(node: Tokens, ids: np.ndarray, known: Known, visible: np.ndarray) -> np.ndarray:
    return ids


@evaluate_node.register
def _(node: Indices, ids: np.ndarray, known: Known, visible: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.arange(ids.shape[1]), ids.shape)


@evaluate_node.register
def _(node: Elementwise, ids: np.ndarray, known: Known, visible: np.ndarray) -> np.ndarray:
    result = node.table(*(known[argument] for argument in node.arguments))
    return np.broadcast_to(result, ids.shape)


@evaluate_node.register
def _(node: Width, ids: np.ndarray, known: Known, visible: np.ndarray) -> np.ndarray:
    return selected(node.selector, known, visible).sum(axis=-1) - node.values[0]


@evaluate_node.register
def _(node: Aggregate, ids: np.ndarray, known: Known, visible: np.ndarray) -> np.ndarray:
    chosen = selected(node.selector, known, visible)  # [B, queries, keys]
    operand = known[node.operand]  # [B, keys]
    count = chosen.sum(axis=-1)  # [B, queries]
    first = np.take_along_axis(operand, chosen.argmax(axis=-1), axis=1)  # [B, queries]
    result = np.where(count == 0, node.default, node.copies[first])
    if node.numbers is not None:
        return np.where(count > 1, _mean(node, chosen, operand, count), result)
    if (count > 1).any():  # only where a stream was intervened on: what is mixed is no value
        differ = (chosen & (operand[:, None, :] != first[..., None])).any(axis=-1)
        result = np.where(differ, NONE, result)
    return result


def _mean(
    node: Aggregate, chosen: np.ndarray, operand: np.ndarray, count: np.ndarray
) -> np.ndarray:
    """Index of the mean; None where a selected position has no value."""
    numbers = np.append(node.numbers if node.numbers is not None else [], 0.0)
    means = (chosen * numbers[operand][:, None, :]).sum(axis=-1) / np.maximum(count, 1)
    order = [i for i, value in enumerate(node.values) if isinstance(value, int | float)]
    known = np.array([float(node.values[i]) for i in order])
    between = (known[1:] + known[:-1]) / 2  # ascending, as the values are
    nearest = np.searchsorted(between, means)
    missing = (chosen & (operand == NONE)[:, None, :]).any(axis=-1)
    return np.where(missing, NONE, np.array(order)[nearest])


def selected(selector: Selector, known: Known, visible: np.ndarray) -> np.ndarray:
    """bool [B, queries, keys]: which visible positions each position selects."""
    chosen = visible
    for part in selector.parts:
        keys, queries = known[part.keys], known[part.queries]  # [B, T] each
        chosen = chosen & part.table[keys[:, None, :], queries[:, :, None]]
    return chosen
