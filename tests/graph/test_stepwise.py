"""Schedules with a layer for each step of the program."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program_examples import PAGES, Page
from programs_table import CASES, Case
from small_programs import program_of, programs

from rinject.compiler import compile_program
from rinject.graph import Graph, Indices, Node, Tokens, build_graph
from rinject.graph.fuse import Keep, fuse
from rinject.graph.nodes import is_constant, is_scalar
from rinject.lang import Program, load_program

KEPT: tuple[Keep, ...] = ("output", "named", "all")
INPUTS = [(0,), (2, 1), (1, 0, 2), (2, 2, 2), (0, 1, 1)]


@pytest.fixture(scope="module", params=[*CASES, *PAGES], ids=str)
def graph(request: pytest.FixtureRequest) -> Graph:
    source: Case | Page = request.param
    if isinstance(source, Case):
        output = load_program(text=source.source).output
        return build_graph(output, source.vocab, source.max_seq_len, causal=source.causal)
    header = source.load().header
    longest = min(header.longest or 10, 10)
    return build_graph(source.load().output, header.vocabulary, longest, causal=header.causal)


def small_graph(program: Program) -> Graph:
    return build_graph(program.output, (0, 1, 2), 3, causal=True)


def read_in_stream(node: Node, plan: Graph) -> set[Node]:
    """What a node is computed from in the stream: a number that is not there, from its inputs."""
    found: set[Node] = set()
    for one in node.inputs:
        found |= {one} if one in plan.layers else read_in_stream(one, plan)
    return found


def named_inputs(node: Node) -> set[str]:
    """The variables with a name that the program computes a node from."""
    found: set[str] = set()
    for one in node.inputs:
        found |= {one.name} if one.named else named_inputs(one)
    return found


def assert_stepwise(plan: Graph) -> None:
    for node in plan.stream:
        for read in read_in_stream(node, plan):
            is_embedded = plan.layers[node] == 0 and isinstance(read, Tokens | Indices)
            is_read_off = is_scalar(read) and not read.named
            if not (is_embedded or is_read_off or is_constant(read)):
                assert plan.layers[read] < plan.layers[node], (node.name, read.name)


def test_what_a_variable_is_computed_from_is_there_a_layer_before(graph: Graph) -> None:
    for keep in KEPT:
        assert_stepwise(fuse(graph, keep=keep, stepwise=True))


def test_edges_between_names_are_those_of_the_program(graph: Graph) -> None:
    plan = fuse(graph, stepwise=True)
    of_program = {node.name: named_inputs(node) for node in graph.nodes}
    for node in plan.stream:
        if node.named:
            assert named_inputs(node) <= of_program[node.name]


@settings(max_examples=40, deadline=None)
@given(programs(), st.sampled_from(KEPT), st.sampled_from((1, 16, 4096)))
def test_random_programs_mean_the_same_stepwise(program: Program, keep: Keep, limit: int) -> None:
    plan = fuse(small_graph(program), keep=keep, table_limit=limit, stepwise=True)
    assert_stepwise(plan)
    model = compile_program(
        program, vocab=(0, 1, 2), max_seq_len=3, keep=keep, table_limit=limit, stepwise=True
    )
    right = small_graph(program).run(INPUTS)
    assert model.run_batch(INPUTS) == model.graph.run(INPUTS) == right


@pytest.mark.parametrize("case", CASES, ids=str)
def test_small_programs_compile_stepwise(case: Case) -> None:
    model = compile_program(
        load_program(text=case.source),
        vocab=case.vocab,
        max_seq_len=case.max_seq_len,
        causal=case.causal,
        stepwise=True,
    )
    right = [list(values) for _, values in case.examples]
    assert model.run_batch([tokens for tokens, _ in case.examples]) == right
    assert model.num_layers == model.graph.num_layers


COUNTED = program_of(
    "count = selector_width(select(tokens, tokens, ==))",
    "is_twice = count == 2",
    "out = is_twice or tokens == 0",
)


def test_functions_of_a_number_with_a_name_wait_a_layer() -> None:
    packed, stepwise = (fuse(small_graph(COUNTED), stepwise=which) for which in (False, True))
    layers = {
        plan: {node.name: layer for node, layer in plan.layers.items()}
        for plan in (packed, stepwise)
    }
    assert layers[packed] == {"tokens": 0, "count": 1, "is_twice": 1, "out": 2}
    assert layers[stepwise] == {"tokens": 0, "count": 1, "is_twice": 2, "out": 3}
