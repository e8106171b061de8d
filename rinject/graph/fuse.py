"""Fewer layers: elementwise nodes are folded into their readers, and into selectors.

Time runs in half layers: 0 is the embedding, 2l - 1 is after the attention of layer l, 2l after its
MLP. An elementwise node takes one MLP, whatever the number of its arguments; so where folding its
arguments makes it ready earlier, it is computed from *their* arguments, and they are computed
beside it if they are needed themselves (a node named by its author always is).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from rinject.graph.graph import Graph
from rinject.graph.limits import LARGEST_TABLE
from rinject.graph.nodes import Aggregate, Elementwise, Indices, Node, Selector, Tokens, Width
from rinject.graph.tables import NONE, Table, compose, composed_cells


@dataclass
class Fusion:
    """The rewritten graph while it grows."""

    limit: int
    """Most cells of a folded table."""
    new: dict[Node, Node] = field(default_factory=dict)
    ready: dict[Node, int] = field(default_factory=dict)
    """For each rewritten node, the half layer after which it is in the residual stream."""


def fuse(graph: Graph, *, table_limit: int = 4096) -> Graph:
    """The same program in fewer layers; the result knows the layer of each node it keeps."""
    state = Fusion(table_limit)
    for node in graph.nodes:
        rewritten = _rewrite(node, state)
        state.new[node] = rewritten
        state.ready[rewritten] = _ready(rewritten, state.ready)
    output = state.new[graph.output_node]
    wanted = [state.new[node] for node in graph.nodes if node.named or node is graph.output_node]
    kept = _needed(wanted)
    nodes = tuple(n for n in dict.fromkeys(state.new.values()) if n in kept)
    shown = [n for n in nodes if not is_constant(n) or n.named or n is output]
    layers = {n: (state.ready[n] + 1) // 2 for n in shown}
    return replace(graph, nodes=nodes, output_node=output, layers=layers)


def is_constant(node: Node) -> bool:
    """Whether the node has the same value everywhere, by construction."""
    return isinstance(node, Elementwise) and not node.arguments


def is_scalar(node: Node) -> bool:
    """Whether attention yields the node as one number, decoded by the MLP of the same layer."""
    return isinstance(node, Width) or (isinstance(node, Aggregate) and node.numbers is not None)


def _rewrite(node: Node, state: Fusion) -> Node:
    if isinstance(node, Elementwise):
        moved = replace(node, arguments=tuple(state.new[a] for a in node.arguments))
        moved = _fold_private(moved, state)
        # A private node is there to be folded into its readers: early is no use to it.
        return moved if _is_private(node) else _earliest(moved, state)
    if isinstance(node, Width):
        return replace(node, selector=_fold_selector(node.selector, state))
    if isinstance(node, Aggregate):
        return _fold_operand(node, state)
    return node


# --- elementwise --------------------------------------------------------------------------------


def _fold_private(node: Elementwise, state: Fusion) -> Elementwise:
    """Fold arguments that nobody asked to see, and constants."""
    private = [a for a in node.arguments if isinstance(a, Elementwise) and _is_private(a)]
    for argument in private:
        node = _folded(node, [argument], state) or node
    return node


def _is_private(node: Elementwise) -> bool:
    return not node.named or not node.arguments


def _earliest(node: Elementwise, state: Fusion) -> Elementwise:
    """Fold the arguments that are ready last, as long as the node is ready earlier for it."""
    while node.arguments:
        last = max(state.ready[a] for a in node.arguments)
        late = [a for a in node.arguments if state.ready[a] == last]
        tables = [a for a in late if isinstance(a, Elementwise)]
        folded = _folded(node, tables, state) if len(tables) == len(late) else None
        if folded is None or _ready(folded, state.ready) >= _ready(node, state.ready):
            return node
        node = folded
    return node


def _folded(node: Elementwise, inner: list[Elementwise], state: Fusion) -> Elementwise | None:
    """`node` computed from the arguments of `inner` instead, None when its table is too large."""
    arguments: list[Node] = []
    slots: list[list[int]] = []
    tables: list[Table | None] = []
    for argument in node.arguments:
        folds = isinstance(argument, Elementwise) and argument in inner
        sources = argument.inputs if folds else (argument,)
        arguments += [source for source in sources if source not in arguments]
        slots.append([arguments.index(source) for source in sources])
        tables.append(argument.table if folds and isinstance(argument, Elementwise) else None)
    if composed_cells(node.table, tables, slots) > state.limit:
        return None
    table = compose(node.table, tables, slots)
    return replace(node, arguments=tuple(arguments), table=table)


# --- selectors and aggregates -------------------------------------------------------------------


def _fold_selector(selector: Selector, state: Fusion) -> Selector:
    """Read keys and queries from what they are functions of, where that is one node each.

    These may have many more values: where the table grows too large, they stay.
    """
    fst, snd = state.new[selector.keys], state.new[selector.queries]
    keys, key_map = _source(fst)
    queries, query_map = _source(snd)
    if len(key_map) * len(query_map) > LARGEST_TABLE:
        return Selector(fst, snd, selector.table)
    return Selector(keys, queries, selector.table[np.ix_(key_map, query_map)])


def _fold_operand(node: Aggregate, state: Fusion) -> Aggregate:
    selector = _fold_selector(node.selector, state)
    operand = state.new[node.operand]
    source, table = _source(operand)
    if node.numbers is not None and (table[:-1] == NONE).any():
        source, table = operand, _identity(operand)  # a mean needs a number at every position
    numbers = None if node.numbers is None else node.numbers[table[:-1]]
    return replace(
        node, selector=selector, operand=source, numbers=numbers, copies=node.copies[table]
    )


def _source(node: Node) -> tuple[Node, np.ndarray]:
    """The one node that `node` is a function of (or itself), and that function, None last."""
    if isinstance(node, Elementwise) and len(node.arguments) == 1:
        return node.arguments[0], node.table.dense()
    return node, _identity(node)


def _identity(node: Node) -> np.ndarray:
    return np.append(np.arange(len(node.values)), NONE)


# --- time ---------------------------------------------------------------------------------------


def _ready(node: Node, ready: dict[Node, int]) -> int:
    """The half layer after which a node is in the residual stream."""
    last = max((ready[n] for n in node.inputs), default=0)
    if isinstance(node, Elementwise):
        return _elementwise_ready(node, last)
    if isinstance(node, Width | Aggregate):
        attention = last + 1 + last % 2  # the next odd half layer
        return attention + is_scalar(node)
    return 0


def _elementwise_ready(node: Elementwise, last: int) -> int:
    if not node.arguments:
        return 0
    if len(node.arguments) == 1:
        (argument,) = node.arguments
        if isinstance(argument, Tokens | Indices):
            return 0  # part of the embedding
        if is_scalar(argument):
            return last  # read off the same number, in the same MLP
    return last + 2 - last % 2  # the next even half layer


def _needed(wanted: list[Node]) -> set[Node]:
    found: set[Node] = set()
    stack = list(wanted)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(node.inputs)
    return found
