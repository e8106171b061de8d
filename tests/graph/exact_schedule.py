"""The least depth of a graph by trying every way to compute each node: slow, and sure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

from rinject.graph import Aggregate, Elementwise, Graph, Node, Table, Width
from rinject.graph.forms import ROOM, Form, fold
from rinject.graph.nodes import is_scalar
from rinject.graph.timing import Times, attention_after, layer_of

MOST_FORMS = 300


class TooMany(Exception):
    """More ways than are worth trying."""


def least_depth(graph: Graph, wanted: Sequence[Node], limit: int, *, stepwise: bool = False) -> int:
    """The fewest layers in which all of `wanted` can be computed; `stepwise`: one after the other.

    Raises TooMany.
    """
    forms: dict[Node, list[Form]] = {}
    times = Times(stepwise=stepwise)
    for node in graph.nodes:
        if isinstance(node, Elementwise):
            found = _all_forms(node, forms, times, limit)
            times[node] = min(form.ready for form in found)
            forms[node] = [] if stepwise and node in wanted else found
        elif isinstance(node, Width | Aggregate):
            last = max((_earliest(n, forms, times) for n in node.inputs), default=0)
            times[node] = attention_after(last) + is_scalar(node)
        else:
            times[node] = 0
    return layer_of(max(times[node] for node in wanted))


def _earliest(node: Node, forms: dict[Node, list[Form]], times: Times) -> int:
    single = (form.arguments[0] for form in forms.get(node, ()) if len(form.arguments) == 1)
    return min(times[source] for source in (node, *single))


def _all_forms(
    node: Elementwise, forms: dict[Node, list[Form]], times: Times, limit: int
) -> list[Form]:
    """Every choice, for each argument, between itself and all the ways to compute it.

    A table over a single variable may be of any size.
    """
    choices = [(None, *forms.get(argument, ())) for argument in node.arguments]
    found: dict[tuple[Node, ...], Form] = {}
    for count, chosen in enumerate(product(*choices)):
        if count > MOST_FORMS:
            raise TooMany
        inner = {
            argument: form
            for argument, form in zip(node.arguments, chosen, strict=True)
            if form is not None
        }
        sources = {
            source
            for argument in node.arguments
            for source in (inner[argument].arguments if argument in inner else (argument,))
        }
        is_free = not inner or len(sources) == 1
        folded = fold(node.arguments, node.table, inner, math.inf if is_free else ROOM * limit)
        if folded is not None and (is_free or folded[1].cells.size <= limit):
            arguments, table = folded
            found[tuple(sorted(arguments, key=id))] = _form(arguments, table, times)
    return list(found.values())


def _form(arguments: tuple[Node, ...], table: Table, times: Times) -> Form:
    last = max((times[argument] for argument in arguments), default=-1)
    return Form(arguments, table, last, times.function_ready(arguments))
