"""Which variables stay in the residual stream, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program_examples import PAGES, Page
from programs_table import CASES, Case
from small_programs import program_of, programs
from tracr.rasp import rasp

from rinject.circuit import CompiledModel
from rinject.compiler import compile_program
from rinject.graph import Elementwise, Graph, Node, build_graph
from rinject.graph.fuse import Keep, Objective, fuse
from rinject.graph.nodes import Joint, is_constant
from rinject.graph.stream import Stream, decoded_from
from rinject.lang import Program, load_program

KEPT: tuple[Keep, ...] = ("output", "named", "all")
OBJECTIVES: tuple[Objective, ...] = ("depth", "width", "balanced")
PLANS = tuple(product(KEPT, OBJECTIVES))
LIMITS = (1, 4, 16, 64, 4096)


def case_graph(case: Case) -> Graph:
    output = load_program(text=case.source).output
    return build_graph(output, case.vocab, case.max_seq_len, causal=case.causal)


def page_graph(page: Page) -> Graph:
    header = page.load().header
    longest = min(header.longest or 10, 10)
    return build_graph(page.load().output, header.vocabulary, longest, causal=header.causal)


def page_of(name: str) -> Page:
    return next(page for page in PAGES if page.name == name)


@pytest.fixture(scope="module", params=[*CASES, *PAGES], ids=str)
def graph(request: pytest.FixtureRequest) -> Graph:
    source: Case | Page = request.param
    return case_graph(source) if isinstance(source, Case) else page_graph(source)


def size(graph: Graph) -> tuple[int, int]:
    """Layers and dimensions."""
    return max(graph.layers.values(), default=0), Stream.of(graph).width


def names(graph: Graph) -> set[str]:
    """The variables in the residual stream."""
    return {variable.name for variable in graph.variables}


def expected(graph: Graph, keep: Keep) -> set[str]:
    """The variables that must be there."""
    found = {graph.output}
    for node in graph.nodes:
        is_sop = not (isinstance(node, Joint) or is_constant(node))
        if keep != "output" and (node.named or (keep == "all" and is_sop)):
            found.add(node.name)
    return found


# --- what is kept ---


def test_what_is_asked_for_is_there_and_else_only_what_is_read(graph: Graph) -> None:
    for keep, objective in PLANS:
        plan = fuse(graph, keep=keep, objective=objective)
        read = {node.name for node in read_in_stream(plan)}
        asked = expected(graph, keep)
        assert asked <= names(plan) <= asked | read, (keep, objective)


def read_in_stream(graph: Graph) -> Iterator[Node]:
    """What heads and hidden units read in the stream of a scheduled graph."""
    for node in graph.nodes:
        if isinstance(node, Elementwise):
            if graph.layers.get(node, 0) > 0 and decoded_from(node, graph) is None:
                yield from node.arguments
        else:
            yield from node.inputs


STEPS = program_of(
    "count = selector_width(select(tokens, tokens, ==))",
    "double = count * 2 + indices",
    "out = double * 3 - 1 if tokens > 0 else 0",
)


def steps(keep: Keep, vocab: tuple[int, ...] = (0, 1, 2)) -> Graph:
    return fuse(build_graph(STEPS.output, vocab, 4, causal=True), keep=keep)


def test_the_three_ways_to_keep_variables() -> None:
    sops = {node.name for node in build_graph(STEPS.output, (0, 1, 2), 4, causal=True).nodes}
    assert names(steps("output")) == {"tokens", "indices", "count", "out"}
    assert names(steps("named")) == {"tokens", "indices", "count", "double", "out"}
    assert names(steps("all")) == {name for name in sops if not name.startswith("full")}
    assert size(steps("output"))[1] < size(steps("named"))[1] < size(steps("all"))[1]


def test_tokens_of_a_large_vocabulary_are_kept_only_where_they_are_read() -> None:
    label = rasp.Map(lambda token: token % 3, rasp.tokens).named("label")
    output = rasp.SelectorWidth(rasp.Select(label, label, rasp.Comparison.EQ))
    small, large = (build_graph(output, range(size), 3, causal=True) for size in (30, 3000))
    assert {"tokens", "label"} <= names(fuse(small))
    assert "tokens" not in names(fuse(large))
    assert {"tokens", "label"} <= names(fuse(large, keep="all"))
    assert size(fuse(large))[1] < 20
    kept = build_graph(rasp.tokens, range(3000), 3, causal=True)
    assert names(fuse(kept, keep="output")) == {"tokens"}


# --- what it means ---


def compiled(case: Case, keep: Keep, objective: Objective) -> CompiledModel:
    return compile_program(
        load_program(text=case.source),
        vocab=case.vocab,
        max_seq_len=case.max_seq_len,
        causal=case.causal,
        keep=keep,
        objective=objective,
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_plan_computes_the_same(case: Case) -> None:
    given = [tokens for tokens, _ in case.examples]
    right = [list(values) for _, values in case.examples]
    for keep, objective in PLANS:
        model = compiled(case, keep, objective)
        assert model.run_batch(given) == model.graph.run(given) == right, (keep, objective)


@settings(max_examples=30)
@given(programs(), st.sampled_from(KEPT), st.sampled_from(OBJECTIVES), st.sampled_from(LIMITS))
def test_random_programs_mean_the_same_in_every_plan(
    program: Program, keep: Keep, objective: Objective, limit: int
) -> None:
    inputs = [(0,), (2, 1), (1, 0, 2), (2, 2, 2), (0, 1, 1)]
    model = compile_program(
        program,
        vocab=(0, 1, 2),
        max_seq_len=3,
        keep=keep,
        objective=objective,
        table_limit=limit,
    )
    right = build_graph(program.output, (0, 1, 2), 3, causal=True).run(inputs)
    assert model.run_batch(inputs) == model.graph.run(inputs) == right
    assert set(model.variables) >= expected(model.graph, "output")


# --- what it costs ---


def test_an_objective_is_met(graph: Graph) -> None:
    for keep in KEPT:
        plans = {which: size(fuse(graph, keep=keep, objective=which)) for which in OBJECTIVES}
        depth, width, balanced = (plans[which] for which in OBJECTIVES)
        assert width[1] <= depth[1]
        assert depth[0] <= width[0]
        assert balanced[0] * balanced[1] <= min(depth[0] * depth[1], width[0] * width[1])


def test_keeping_more_costs_no_less(graph: Graph) -> None:
    depths = [size(fuse(graph, keep=keep))[0] for keep in KEPT]
    widths = [size(fuse(graph, keep=keep, objective="width"))[1] for keep in KEPT]
    assert depths == sorted(depths)
    assert widths == sorted(widths)


@pytest.mark.parametrize("name", ["palindrome", "int_sum4"])
def test_width_and_depth_can_be_at_odds(name: str) -> None:
    """Variables that need not come as early as they can may share what they are made of."""
    graph = page_graph(page_of(name))
    depth, width, balanced = (size(fuse(graph, objective=which)) for which in OBJECTIVES)
    assert depth[0] < width[0]
    assert width[1] < depth[1]
    assert balanced in (depth, width)


# --- the table limit ---


def test_folded_tables_keep_to_the_limit(graph: Graph) -> None:
    for limit, keep in product(LIMITS, KEPT[:2]):
        assert_within(limit, fuse(graph, table_limit=limit, keep=keep), graph)


def assert_within(limit: int, plan: Graph, graph: Graph) -> None:
    """Only tables that are as written, or of one variable, may have more than `limit` cells."""
    written = {
        node.name: {argument.name for argument in node.arguments}
        for node in graph.nodes
        if isinstance(node, Elementwise)
    }
    for node in plan.nodes:
        if isinstance(node, Elementwise) and len(node.arguments) > 1:
            arguments = {argument.name for argument in node.arguments}
            assert arguments == written[node.name] or node.table.cells.size <= limit, node.name


def test_a_larger_limit_saves_layers() -> None:
    graph = page_graph(page_of("shuffle_dyck"))
    depths = [size(fuse(graph, table_limit=limit))[0] for limit in LIMITS]
    assert depths == sorted(depths, reverse=True)
    assert depths[0] > depths[-1]
