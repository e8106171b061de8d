"""Which variables the residual stream holds, what each is computed from, and in which layer.

Two sweeps. Forwards, every node gets its earliest half layer: all ways to compute it are tried
(`forms`), and they do not compete for anything, since a layer may be as wide as it likes. So the
depth is the least there is for these forms. Backwards, from the variables that are wanted, each
node takes the form, and each selector the variables to read, that add the fewest dimensions to the
stream among those that are ready in time. What nobody reads is not computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from rinject.errors import InputError
from rinject.graph.forms import ROOM, Form, fold, forms_of
from rinject.graph.graph import Graph
from rinject.graph.limits import LARGEST_TABLE
from rinject.graph.nodes import (
    Aggregate,
    Elementwise,
    Indices,
    Joint,
    Node,
    Part,
    Refreshed,
    Selector,
    Tokens,
    Width,
    identity,
    is_constant,
    is_scalar,
    with_inputs,
)
from rinject.graph.stream import Stream
from rinject.graph.tables import NONE
from rinject.graph.timing import (
    NEVER,
    Times,
    attention_after,
    attention_inputs,
    is_embedded,
    layer_of,
)

Keep = Literal["named", "all", "output"]
"""The variables that stay in the residual stream: those with a name, every s-op, or the output."""
Objective = Literal["depth", "width", "balanced"]
"""What to save: layers, dimensions of the residual stream, or the product of the two."""
TABLE_LIMIT = 4096
"""Cells of a folded table, by default."""
LARGE_VOCABULARY = 1024
"""So many symbols stay in the stream only where something reads them."""


def fuse(
    graph: Graph,
    *,
    table_limit: int = TABLE_LIMIT,
    keep: Keep = "named",
    objective: Objective = "depth",
    stepwise: bool = False,
) -> Graph:
    """The same program, scheduled; the result knows the layer of each node in the stream.

    `depth` takes the fewest layers, then few dimensions; `width` the other way round; `balanced`
    whichever of the two has the smaller product of layers and dimensions. `stepwise` takes a layer
    for each step: a variable that is kept is computed from those kept that the program computes it
    from, and these are in the stream of an earlier layer, but for functions of a token or position,
    which are embedded. (With `keep="output"` a function of a number that has a name waits a layer
    all the same.) Raises InputError for any other choice.
    """
    _check(keep, get_args(Keep), "variables to keep")
    _check(objective, get_args(Objective), "objective")
    if not isinstance(table_limit, int):
        raise InputError(f"the table limit must be a whole number, not {table_limit!r}")
    wanted = _wanted(graph, keep)
    likely = _wanted(graph, "named")
    plans = [
        _Plan(graph, table_limit, wanted, in_time, guess, Times(stepwise=stepwise)).scheduled()
        for in_time in ((True,) if objective == "depth" else (True, False))
        for guess in ({wanted, likely})
    ]
    return min(plans, key=lambda plan: _costs(plan, objective))


def _check(choice: str, choices: Sequence[str], what: str) -> None:
    if choice not in choices:
        raise InputError(f"unknown {what}: {choice!r}", hint=f"use {', '.join(choices)}")


def _costs(graph: Graph, objective: Objective) -> tuple[int, ...]:
    """What to compare plans by, the most important first."""
    depth, width = graph.num_layers, Stream.of(graph).width
    if objective == "balanced":
        return depth * width, depth
    return (depth, width) if objective == "depth" else (width, depth)


def _wanted(graph: Graph, keep: Keep) -> frozenset[Node]:
    """The nodes that the stream must hold."""
    asked = (node for node in graph.nodes if _is_kept(node, keep))
    return frozenset((*asked, graph.output_node))


def _is_kept(node: Node, keep: Keep) -> bool:
    if isinstance(node, Joint | Refreshed) or keep == "output":
        return False
    if isinstance(node, Tokens) and len(node.values) > LARGE_VOCABULARY:
        return keep == "all"
    return node.named or (keep == "all" and not is_constant(node))


@dataclass
class _Plan:
    """What has been decided about the nodes of a graph."""

    graph: Graph
    limit: int
    wanted: frozenset[Node]
    in_time: bool
    """Whether every wanted node must be ready as early as it can be."""
    likely: frozenset[Node]
    """The nodes that the stream is expected to hold, so that reading them costs nothing more."""
    times: Times
    """The earliest half layer of each node."""
    forms: dict[Node, tuple[Form, ...]] = field(default_factory=dict)
    foldable: dict[Node, tuple[Form, ...]] = field(default_factory=dict)
    """Those of the nodes that may be computed within what reads them."""
    burdens: dict[Node, int] = field(default_factory=dict)
    deadlines: dict[Node, int] = field(default_factory=dict)
    """For each node that is computed, the half layer by which it is needed."""
    in_stream: set[Node] = field(default_factory=set)
    """The nodes that have dimensions of their own."""
    decided: dict[Node, Node] = field(default_factory=dict)
    """The nodes that are computed, from the old nodes that they will read."""

    def scheduled(self) -> Graph:
        for node in self.graph.nodes:
            self._look_ahead(node)
        self._require(self.wanted)
        for node in reversed(self.graph.nodes):
            if node in self.deadlines:
                self.decided[node] = self._decide(node)
        return self._rewritten()

    # --- forwards: the earliest half layer of each node ---

    def _look_ahead(self, node: Node) -> None:
        if isinstance(node, Refreshed):
            self.times[node] = self.times.ready(node)
        elif isinstance(node, Elementwise):
            forms = forms_of(node, self.foldable, self.times, self.limit)
            self.forms[node] = forms
            if not (self.times.stepwise and node in self.wanted):
                self.foldable[node] = forms
            self.times[node] = min(form.ready for form in forms)
        elif isinstance(node, Width | Aggregate):
            self.times[node] = attention_after(self._inputs_ready(node)) + is_scalar(node)
        else:
            self.times[node] = 0
        self.burdens[node] = self._burden(node)

    def _inputs_ready(self, node: Width | Aggregate) -> int:
        last = max((self._earliest(n) for n in node.selector.inputs), default=0)
        if isinstance(node, Aggregate):
            return max(last, self._earliest(node.operand, complete=_is_mean(node)))
        return last

    def _earliest(self, node: Node, *, complete: bool = False) -> int:
        return min(self.times[source] for source, _ in self._sources(node, complete=complete))

    def _sources(self, node: Node, *, complete: bool = False) -> list[tuple[Node, np.ndarray]]:
        """The single nodes that a head can read `node` from, with the map from their values (None
        last) to its values; itself first. `complete`: each of their values must map to one."""
        found: list[tuple[Node, np.ndarray]] = [(node, identity(node))]
        for form in self.foldable.get(node, ()):
            if len(form.arguments) == 1:
                values = form.table.dense()
                if not (complete and (values[:-1] == NONE).any()):
                    found.append((form.arguments[0], values))
        return found

    # --- backwards: what to compute, and from what ---

    def _burden(self, node: Node) -> int:
        """Dimensions that the stream needs for a node and for what it is made of; shared parts
        count twice."""
        if node in self.wanted or node in self.likely or is_constant(node):
            return 0
        if isinstance(node, Elementwise) and not isinstance(node, Refreshed):
            below = min(self._form_burden(form) for form in self.forms[node])
        else:
            below = sum(self._source_burden(n) for n in node.inputs)
        return len(node.values) + below

    def _form_burden(self, form: Form) -> int:
        if is_embedded(form.arguments):
            return 0
        if self.times.is_read_off(form.arguments):
            return 1 + sum(self._source_burden(n) for n in form.arguments[0].inputs)
        return sum(self.burdens[argument] for argument in form.arguments)

    def _source_burden(self, node: Node) -> int:
        return min(self.burdens[source] for source, _ in self._sources(node))

    def _require(self, nodes: Iterable[Node], deadline: int = NEVER) -> None:
        """Have nodes in the stream by a half layer."""
        for node in nodes:
            in_time = self.in_time and node in self.wanted
            latest = min(deadline, self.times[node] if in_time else NEVER)
            self.deadlines[node] = min(latest, self.deadlines.get(node, NEVER))
            self.in_stream.add(node)

    def _cost(self, nodes: Sequence[Node]) -> int:
        """Dimensions that the stream would need in addition to hold nodes."""
        return sum(self.burdens[node] for node in nodes if node not in self.in_stream)

    def _decide(self, node: Node) -> Node:
        if isinstance(node, Refreshed):
            self._require(node.arguments, self.times.mlp_inputs(self.deadlines[node]))
        elif isinstance(node, Elementwise):
            return self._decide_elementwise(node)
        elif isinstance(node, Width | Aggregate):
            return self._decide_attention(node)
        return node

    def _decide_elementwise(self, node: Elementwise) -> Node:
        deadline = self.deadlines[node]
        able = [form for form in self.forms[node] if form.ready <= deadline]
        able += [leaner for form in able for leaner in self._leaner(form, deadline)]
        form = min(able, key=lambda form: (self._form_cost(form), form.table.cells.size))
        if not is_embedded(form.arguments):
            if self.times.is_read_off(form.arguments):
                (source,) = form.arguments
                self.deadlines[source] = min(deadline, self.deadlines.get(source, NEVER))
            else:
                self._require(form.arguments, self.times.mlp_inputs(deadline))
        return replace(node, arguments=form.arguments, table=form.table)

    def _form_cost(self, form: Form) -> int:
        if is_embedded(form.arguments):
            return 0
        if not self.times.is_read_off(form.arguments):
            return self._cost(form.arguments)
        return 0 if form.arguments[0] in self.in_stream else self._form_burden(form)

    def _leaner(self, form: Form, deadline: int) -> Iterator[Form]:
        """Forms with less and less of what would be in the stream for the node alone."""
        while inner := self._private(form, deadline):
            folded = fold(form.arguments, form.table, inner, ROOM * self.limit)
            if folded is None or folded[1].cells.size > self.limit:
                return
            arguments, table = folded
            last = max((self.times[argument] for argument in arguments), default=-1)
            form = Form(arguments, table, last, form.ready)
            is_free = self.times.is_read_off(form.arguments) or is_embedded(form.arguments)
            if not is_free and last > self.times.mlp_inputs(deadline):
                return
            yield form

    def _private(self, form: Form, deadline: int) -> dict[Node, Form]:
        """Cheaper ways to have the arguments that would need dimensions of their own."""
        latest = self.times.mlp_inputs(deadline)
        inner: dict[Node, Form] = {}
        for argument in form.arguments:
            cost = self._cost([argument])
            for other in self.foldable.get(argument, ()) if cost else ():
                # A function of one variable may be folded for nothing: that is a step further.
                least = 0 if len(other.arguments) == 1 else 1
                if other.last <= latest and cost - self._cost(other.arguments) >= least:
                    inner[argument] = other
                    break
        return inner

    def _decide_attention(self, node: Width | Aggregate) -> Node:
        deadline = self.deadlines[node]
        latest = deadline if deadline >= NEVER else attention_inputs(deadline - is_scalar(node))
        parts = []
        for part in node.selector.parts:
            keys, key_map = self._choose(part.keys, latest)
            queries, query_map = self._choose(part.queries, latest, other=len(key_map))
            parts.append(Part(keys, queries, part.table[np.ix_(key_map, query_map)]))
        selector = Selector(tuple(parts), node.selector.formula)
        if isinstance(node, Width):
            return replace(node, selector=selector)
        source, operand_map = self._choose(node.operand, latest, complete=_is_mean(node))
        numbers = None if node.numbers is None else node.numbers[operand_map[:-1]]
        copies = node.copies[operand_map]
        return replace(node, selector=selector, operand=source, numbers=numbers, copies=copies)

    def _choose(
        self, node: Node, latest: int, *, other: int = 1, complete: bool = False
    ) -> tuple[Node, np.ndarray]:
        """The node that a head reads `node` from, and the map to its values.

        It needs the fewest dimensions of its own; of several such the first, whose table is the
        smallest. `complete`: each of its values must map to one, for a mean of them.
        """
        able = [
            (source, values)
            for source, values in self._sources(node, complete=complete)
            if self.times[source] <= latest and len(values) * other <= LARGEST_TABLE
        ] or self._sources(node)[:1]
        source, values = min(able, key=lambda pair: self._cost([pair[0]]))
        self._require([source], latest)
        return source, values

    # --- the result ---

    def _rewritten(self) -> Graph:
        new: dict[Node, Node] = {}
        times = Times(stepwise=self.times.stepwise)
        for node in self.graph.nodes:
            moved = (
                with_inputs(self.decided.get(node, node), new) if self._is_needed(node) else None
            )
            if moved is not None:
                new[node] = moved
                times[moved] = times.ready(moved)
        output = new[self.graph.output_node]
        nodes = _needed([new[node] for node in self.wanted], tuple(new.values()))
        layers = {
            new[node]: layer_of(times[new[node]])
            for node in self.graph.nodes
            if node in self.in_stream and (new[node] is output or not _is_hidden(node))
        }
        return replace(self.graph, nodes=nodes, output_node=output, layers=layers)

    def _is_needed(self, node: Node) -> bool:
        return node in self.decided or isinstance(node, Tokens | Indices) or is_constant(node)


def _is_mean(node: Aggregate) -> bool:
    return node.numbers is not None


def _is_hidden(node: Node) -> bool:
    """A constant without a name is part of the weights of what reads it."""
    return is_constant(node) and not node.named


def _needed(wanted: Sequence[Node], nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Of `nodes` those that the wanted ones are made of."""
    found: set[Node] = set()
    stack = list(wanted)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(node.inputs)
    return tuple(node for node in nodes if node in found)
