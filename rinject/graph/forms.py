"""The ways to compute an elementwise node: from its arguments, or from what those are made of.

An elementwise node takes one MLP, whatever the number of its arguments. So each argument that is a
function itself can be folded in: the node is computed from the arguments of its argument, as long
as the table does not grow too large.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rinject.graph.nodes import Elementwise, Node
from rinject.graph.tables import Table, compose, composed_cells
from rinject.graph.timing import Times

ROOM = 16
"""So many times the limit may be made before it is known which cells are alike."""


@dataclass(frozen=True, eq=False)
class Form:
    """One way to compute a node."""

    arguments: tuple[Node, ...]
    table: Table
    last: int
    """The half layer after which all arguments are ready."""
    ready: int
    """The half layer after which the node is."""


Forms = Mapping[Node, Sequence[Form]]
"""For each elementwise node its forms, the nearest to how it was written first."""


def forms_of(node: Elementwise, forms: Forms, times: Times, limit: int) -> tuple[Form, ...]:
    """All forms worth having: each reads what is ready earlier than what the one before reads.

    For every half layer there is at most one form that reads nothing later: the one that folds
    only what is not ready by then, and more only where the table would exceed `limit` cells. Then
    come those that read a single variable, which may be embedded, or read off a number.
    """
    found = [_form(node.arguments, node.table, times)]
    while found[-1].arguments:
        earlier = _reading_before(found[-1].last, node, forms, times, limit)
        if earlier is None:
            break
        found.append(earlier)
    single = {form.arguments for form in found if len(form.arguments) == 1}
    found += [form for form in _of_one(node, forms, times) if form.arguments not in single]
    return tuple(found)


def _of_one(node: Elementwise, forms: Forms, times: Times) -> Iterator[Form]:
    """The node computed from one variable of which all its arguments are functions."""
    ways = [_ways_of_one(argument, forms) for argument in node.arguments]
    for source in ways[0] if ways else ():
        if all(source in way for way in ways):
            inner = {
                argument: form
                for argument, way in zip(node.arguments, ways, strict=True)
                if (form := way[source]) is not None
            }
            folded = fold(node.arguments, node.table, inner, math.inf)
            if folded is not None:
                yield _form(*folded, times)


def _ways_of_one(argument: Node, forms: Forms) -> dict[Node, Form | None]:
    """The single variables that an argument is a function of, with the form; itself with None."""
    ways: dict[Node, Form | None] = {argument: None}
    for form in forms.get(argument, ()):
        if len(form.arguments) == 1:
            ways.setdefault(form.arguments[0], form)
    return ways


def _form(arguments: Sequence[Node], table: Table, times: Times) -> Form:
    last = max((times[argument] for argument in arguments), default=-1)
    return Form(tuple(arguments), table, last, times.function_ready(arguments))


def _reading_before(
    time: int, node: Elementwise, forms: Forms, times: Times, limit: int
) -> Form | None:
    """The node computed from what is ready before `time`; None if it cannot be."""
    inner: dict[Node, Form] = {}
    for argument in node.arguments:
        if times[argument] >= time:
            early = [form for form in forms.get(argument, ()) if form.last < time]
            if not early:
                return None
            inner[argument] = early[0]
    folded = fold(node.arguments, node.table, inner, ROOM * limit)
    if folded is None:
        return None
    arguments, table = _leanest(*folded, forms, time)
    return _form(arguments, table, times) if table.cells.size <= limit else None


def _leanest(
    arguments: tuple[Node, ...], table: Table, forms: Forms, time: int
) -> tuple[tuple[Node, ...], Table]:
    """The same function with fewer axes: arguments that others tell are folded in, and arguments
    that are functions of one variable give way to it. Nothing that is not ready before `time`."""
    for inner in _joinable(arguments, forms, time):
        folded = fold(arguments, table, inner, math.inf)
        if folded is not None and folded[1].cells.size < max(table.cells.size, 2):
            return _leanest(*folded, forms, time)
    return arguments, table


def _joinable(arguments: tuple[Node, ...], forms: Forms, time: int) -> Iterator[dict[Node, Form]]:
    """Ways to have fewer arguments."""
    functions: dict[Node, dict[Node, Form]] = {}
    for argument in arguments:
        others = {other for other in arguments if other is not argument}
        for form in forms.get(argument, ()):
            if form.last >= time:
                continue
            if others.issuperset(form.arguments):
                yield {argument: form}
            elif len(form.arguments) == 1:
                functions.setdefault(form.arguments[0], {}).setdefault(argument, form)
    yield from (group for group in functions.values() if len(group) > 1)


def fold(
    arguments: Sequence[Node], table: Table, inner: Mapping[Node, Form], limit: float
) -> tuple[tuple[Node, ...], Table] | None:
    """A function of `arguments` as one of what `inner` computes them from.

    None where more than `limit` cells would have to be made.
    """
    sources: list[Node] = []
    slots: list[list[int]] = []
    for argument in arguments:
        used = inner[argument].arguments if argument in inner else (argument,)
        sources += [source for source in used if source not in sources]
        slots.append([sources.index(source) for source in used])
    tables = [inner[a].table if a in inner else None for a in arguments]
    if composed_cells(table, tables, slots) > limit:
        return None
    folded, used_slots = compose(table, tables, slots).without_idle()
    return tuple(sources[slot] for slot in used_slots), folded
