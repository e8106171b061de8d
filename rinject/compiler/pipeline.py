"""The passes from a program to a compiled transformer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tracr.rasp import rasp

from rinject.circuit import CompiledModel
from rinject.compiler.margins import Margin
from rinject.compiler.size import check_size
from rinject.compiler.weights import assemble
from rinject.errors import InputError
from rinject.graph import Graph, build_graph
from rinject.graph.fuse import TABLE_LIMIT, Keep, Objective, fuse
from rinject.graph.refresh import refresh
from rinject.lang import Program, load_program

Source: TypeAlias = str | Path | Program | rasp.SOp
Backend = Literal["native", "tracr"]


def compile_program(
    source: Source,
    *,
    vocab: Sequence[Any] | None = None,
    max_seq_len: int | None = None,
    causal: bool = True,
    backend: Backend = "native",
    keep: Keep = "named",
    table_limit: int = TABLE_LIMIT,
    objective: Objective = "depth",
    stepwise: bool = False,
) -> CompiledModel:
    """Compile a program into an exact transformer.

    `source` is the path of a `.rasp` file, a program, or any tracr RASP s-op; `vocab` and
    `max_seq_len` (without BOS) default to the program's header and are required otherwise.
    `causal` decides alone, whatever `attention` a header names. `keep` says which variables the
    residual stream holds, `objective` what to save, and `table_limit` how many cells a table may
    have that computes a variable from what its arguments are made of. `stepwise` gives each step
    of the program a layer of its own, so that edges between variables lead from one layer to a
    later one, but for what the embedding tells of a token or position.
    Raises InputError for what cannot be compiled, SourceError for a program with mistakes.
    """
    program = load_program(source) if isinstance(source, str | Path) else source
    output, vocab, longest = _domain(program, vocab, max_seq_len)
    check_size(longest)  # each position has a weight at least: before sets are made of them
    graph = build_graph(output, vocab, longest, causal=causal)
    kept = program if isinstance(program, Program) else None
    plan = partial(fuse, table_limit=table_limit, keep=keep, objective=objective, stepwise=stepwise)
    if backend == "tracr":
        return _with_tracr(output, plan(graph), kept)
    if backend != "native":
        raise InputError(f"unknown backend {backend!r}", hint="use native or tracr")
    return _exact(graph, plan, kept)


def _exact(graph: Graph, plan: Callable[[Graph], Graph], program: Program | None) -> CompiledModel:
    """The model of a graph, in which every variable is read where it is exact enough."""
    while True:
        scheduled = plan(graph)
        made = assemble(scheduled)
        if not made.margins.too_small:
            return CompiledModel(
                made.transformer,
                made.layout,
                scheduled,
                "native",
                program,
                made.wiring,
                made.margins.least,
            )
        graph = _refreshed(graph, made.margins.too_small)


def _refreshed(graph: Graph, margins: Sequence[Margin]) -> Graph:
    """Raises InputError where reading fresh copies changes nothing."""
    blurred = {margin.node.name: [n.name for n in margin.blurred] for margin in margins}
    graph, before = refresh(graph, blurred), len(graph.nodes)
    if len(graph.nodes) == before:
        worst = min(margins, key=lambda margin: margin.share)
        raise InputError(
            f"float32 cannot tell all values of `{worst.node.name}` apart",
            hint="compile for a shorter longest input, or average fewer different numbers",
        )
    return graph


def _domain(
    source: Program | rasp.SOp, vocab: Sequence[Any] | None, longest: int | None
) -> tuple[rasp.SOp, Sequence[Any], int]:
    """The output, the vocabulary and the longest input of a source."""
    if isinstance(source, Program):
        vocab = source.header.vocabulary or None if vocab is None else vocab
        longest = source.header.longest if longest is None else longest
        source = source.output
    if not isinstance(source, rasp.SOp):
        raise InputError(f"{type(source).__name__} is not a program or an s-op")
    if vocab is None or longest is None:
        raise InputError(
            "the vocabulary and the longest input are not known",
            hint="give vocab and max_seq_len, or a header with `vocabulary` and `longest`",
        )
    return source, vocab, longest


def _with_tracr(output: rasp.SOp, graph: Graph, program: Program | None) -> CompiledModel:
    from rinject.compiler.tracr_backend import assemble_with_tracr  # imports JAX

    transformer, layout = assemble_with_tracr(output, graph)
    return CompiledModel(transformer, layout, graph, "tracr", program)
