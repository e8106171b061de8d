"""The scheduler against an exhaustive search for the least depth."""

from __future__ import annotations

from contextlib import suppress

import pytest
from exact_schedule import TooMany, least_depth
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from program_examples import PAGES, Page
from programs_table import CASES, Case
from small_programs import programs

from rinject.graph import Graph, build_graph
from rinject.graph.fuse import Keep, fuse
from rinject.lang import Program, load_program

LIMITS = (4, 16, 64, 4096)
KEPT: tuple[Keep, ...] = ("named", "output")


def assert_least(graph: Graph, limit: int, keep: Keep) -> None:
    """Raises TooMany where that cannot be known."""
    asked = [node for node in graph.nodes if node.named] if keep == "named" else []
    for stepwise in (False, True):
        least = least_depth(graph, [*asked, graph.output_node], limit, stepwise=stepwise)
        plan = fuse(graph, table_limit=limit, keep=keep, stepwise=stepwise)
        assert plan.num_layers == least, stepwise


@pytest.mark.parametrize("keep", KEPT)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_small_programs_take_the_fewest_layers(case: Case, keep: Keep) -> None:
    output = load_program(text=case.source).output
    graph = build_graph(output, case.vocab, case.max_seq_len, causal=case.causal)
    for limit in LIMITS:
        with suppress(TooMany):
            assert_least(graph, limit, keep)


@settings(max_examples=60, deadline=None)
@given(programs(), st.sampled_from(LIMITS), st.sampled_from(KEPT))
def test_random_programs_take_the_fewest_layers(program: Program, limit: int, keep: Keep) -> None:
    graph = build_graph(program.output, (0, 1, 2), 3, causal=True)
    try:
        assert_least(graph, limit, keep)
    except TooMany:
        reject()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_program_can_be_shallower_where_that_can_be_known(page: Page) -> None:
    program = page.load()
    header = program.header
    longest = min(header.longest or 6, 6)
    graph = build_graph(program.output, header.vocabulary, longest, causal=header.causal)
    try:
        assert_least(graph, 4096, "named")
    except TooMany:
        pytest.skip("too many ways to try")
