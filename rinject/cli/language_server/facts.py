"""What a compiled program would hold of each s-op: its values, and from which layer on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.graph.build import Builder
from rinject.graph.estimate import AFFORDABLE_CALLS
from rinject.graph.fuse import fuse
from rinject.graph.limits import LARGEST_TABLE, Budget
from rinject.graph.nodes import Node
from rinject.graph.program_cost import explosion_warnings, program_cost
from rinject.lang.diagnostics import Diagnostic
from rinject.lang.interpreter import dependencies
from rinject.lang.program import Program


@dataclass(frozen=True)
class Facts:
    """An s-op in the compiled program."""

    values: tuple[Any, ...]
    """Everything it can be."""
    layer: int | None
    """The first residual stream that holds it; None where none does."""


def facts_of(program: Program) -> Mapping[int, Facts]:
    """The facts of s-ops by their ids, as far as they can be had quickly; none without a header."""
    header = program.header
    if not header.vocabulary or header.longest is None:
        return {}
    needed = list(dependencies([program.output]))
    exprs = list(dependencies([program.output, *program.sops.values()]))
    budget = Budget(LARGEST_TABLE, AFFORDABLE_CALLS)
    builder = Builder(exprs, header.vocabulary, header.longest, causal=header.causal, budget=budget)
    _add(builder, needed)
    layers = _layers(builder, program.output)
    _add(builder, exprs)
    nodes = {id(expr): builder.built.get(id(expr)) for expr in exprs}
    return {
        key: Facts(node.values, layers.get(node.name))
        for key, node in nodes.items()
        if isinstance(node, Node)
    }


def cost_warnings(program: Program) -> list[Diagnostic]:
    """What is too large to compile; also nothing where that cannot be known."""
    try:
        estimate = program_cost(program)
    except InputError:
        return []
    return [] if estimate is None else explosion_warnings(program, estimate)


def _add(builder: Builder, exprs: Sequence[rasp.RASPExpr]) -> None:
    """Adds what is not there yet, without what cannot be compiled and what is made of it."""
    for expr in exprs:
        is_new = id(expr) not in builder.built
        if is_new and all(id(child) in builder.built for child in expr.children):
            try:
                builder.add(expr)
            except InputError:
                continue


def _layers(builder: Builder, output: rasp.SOp) -> Mapping[str, int]:
    """The layers of a program's variables by name; none if it cannot be compiled."""
    if id(output) not in builder.built:
        return {}
    graph = fuse(builder.graph(output))
    return {node.name: layer for node, layer in graph.layers.items()}
