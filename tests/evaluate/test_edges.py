"""Edge faithfulness against plain loops, on small untrained students with fitted maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from evaluate.spelled_bundle import spelled_bundle
from inject import small_injection

from rinject.evaluate.edges import (
    EdgeFaithfulness,
    Positions,
    Shown,
    draw_sources,
    edge_faithfulness,
    first_to_break,
    mean_faithfulness,
    measure_edges,
    replacements,
    shown_by,
    training_rows,
)
from rinject.evaluate.edges.replacing import (
    Kind,
    agreement,
    other_tokens,
    replaced_prompts,
    same_symbol,
)
from rinject.evaluate.fidelity import fidelity
from rinject.evaluate.intervals import wilson
from rinject.evaluate.probe import Share
from rinject.graph import Graph
from rinject.graph.edges import edges_of
from rinject.inject.bundle import Bundle
from rinject.inject.fidelity import read_variables
from rinject.inject.projection import Projection, variable_slices
from rinject.inject.rows import Rows, rows_of
from rinject.inject.targets import Targets
from rinject.student import residual_streams
from rinject.tasks import Example, examples
from rinject.tasks.oracle import Oracle


def named(graph: Graph, index: int) -> str:
    return graph.variables[index].name


# --- structure ------------------------------------------------------------------------------------


def test_edges_of_a_small_program() -> None:
    graph = small_injection.compiled().graph
    found = {edge.name: edge for edge in edges_of(graph)}
    inputs = {
        name: ([named(graph, i) for i in edge.visible], [named(graph, i) for i in edge.here])
        for name, edge in found.items()
    }
    assert "tokens" not in found
    assert "indices" not in found
    assert found["opened"].kind == "width"
    assert inputs["opened"] == (["tokens"], [])
    assert found["depth"].kind == "elementwise"
    assert inputs["depth"] == ([], ["opened", "closed"])
    assert inputs["lows"] == (["depth"], [])
    assert found["before"].kind == "aggregate"
    assert set(inputs["before"][0]) == {"indices", "tokens"}  # what is seen includes what is here
    layers = [edge.layer for edge in edges_of(graph)]
    assert layers == sorted(layers)


def test_inputs_are_of_the_stream_and_computed_before() -> None:
    graph = spelled_bundle().graph
    order = [edge.index for edge in edges_of(graph)]
    missing = {node for node in graph.nodes if node not in graph.layers}
    assert missing  # else nothing would be passed over
    for place, edge in enumerate(edges_of(graph)):
        assert edge.index not in edge.inputs
        assert len(set(edge.inputs)) == len(edge.inputs)
        assert set(edge.inputs).isdisjoint(order[place:])


# --- faithfulness ---------------------------------------------------------------------------------


def test_what_training_showed() -> None:
    """A combination is what an edge reads at the position itself, and its own value."""
    graph = small_injection.compiled().graph
    names = [variable.name for variable in graph.variables]
    depth = next(edge for edge in edges_of(graph) if edge.name == "depth")
    columns = [names.index(name) for name in ("opened", "closed", "depth")]
    values = np.zeros((4, len(names)), dtype=int)
    values[:, columns] = [[1, 0, 1], [1, 1, 0], [1, 0, 1], [2, 1, 1]]
    shown = Shown(graph)
    shown.add(values[:1], examples=1)
    shown.add(values[1:3], examples=1)
    assert (shown.examples, shown.count(depth)) == (2, 2)
    assert shown.are_new(depth, values).tolist() == [False, False, False, True]
    assert shown.are_new(depth, values[:0]).tolist() == []


def test_a_bundles_own_training_is_never_new() -> None:
    bundle = small_injection.bundle("gpt2")
    rows = training_rows(bundle, small_injection.task())
    shown = shown_by(bundle, rows)
    assert shown.examples == len(rows) == 6 * 4  # what six steps of four rows need
    for edge in edge_faithfulness(bundle, rows, "all", shown):
        assert edge.new == 0
        assert shown.count(edge.edge) >= edge.values


def unseen(bundle: Bundle) -> Rows:
    return bundle.rows(examples(small_injection.task(), "test", 30, seed=3))


def fitted(bundle: Bundle, rows: Rows) -> Bundle:
    """With a map for each layer that fits these rows by least squares: right in part."""
    targets, layers = Targets(bundle.graph, bundle.reconciliation), bundle.record.layers
    values, read = targets.values(rows), torch.from_numpy(rows.are_read())
    streams = residual_streams(bundle.model, torch.from_numpy(rows.ids))
    slices = variable_slices(bundle.graph)
    projection = Projection(slices, small_injection.WIDTH, maps=len(layers))
    with torch.no_grad():
        for place, layer in enumerate(layers):
            stream = streams[layer][read].double()  # [N, D]
            hot = torch.zeros(len(stream), slices[-1].stop, dtype=torch.float64)
            for index, one in enumerate(slices):
                known = np.flatnonzero(values[:, index] >= 0)
                hot[known, one.start + values[known, index]] = 1
            centre = stream.mean(dim=0)
            solved = torch.linalg.lstsq(stream - centre, hot - hot.mean(dim=0)).solution.T
            projection.weight[place] = solved
            projection.bias[place] = hot.mean(dim=0) - solved @ centre
    return replace(bundle, projection=projection)


def by_hand(
    bundle: Bundle, rows: Rows, positions: str, layer: int | None = None
) -> dict[str, tuple[int, int, int, int]]:
    """Positions, those with right inputs, of these those that are right, and different values.

    Variables are read at one compiled layer, or at their own."""
    graph, targets = bundle.graph, Targets(bundle.graph, bundle.reconciliation)
    each = [rows.take(slice(row, row + 1)) for row in range(len(rows))]
    streams = range(bundle.last_layer + 1)
    maps, layers = bundle.projection.maps(), bundle.record.layers
    reads = [read_variables(bundle.model, maps, layers, one, streams) for one in each]
    found = {}
    for edge in edges_of(graph):
        count, given, right = 0, 0, 0
        seen: set[int] = set()
        for one, read in zip(each, reads, strict=True):
            true = targets.values(one)  # [T, V]
            length = int(one.read_lengths[0])
            answers = range(int(one.prompt_lengths[0]) - 1, length)

            def is_right(variable: int, at: int, true=true, read=read) -> bool:  # type: ignore[no-untyped-def]
                value = true[at, variable]
                where = graph.variables[variable].layer if layer is None else layer
                return value == -1 or read[where][at, variable] == value

            for at in answers if positions == "answer" else range(length):
                if true[at, edge.index] == -1:
                    continue
                count += 1
                sees = range(at + 1) if graph.causal else range(length)
                if not all(is_right(v, at) for v in edge.here):
                    continue
                if not all(is_right(v, key) for v in edge.visible for key in sees):
                    continue
                given += 1
                right += bool(is_right(edge.index, at))
                seen.add(int(true[at, edge.index]))
        found[edge.name] = (count, given, right, len(seen))
    return found


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("positions", ["answer", "all"])
def test_counts_are_those_of_a_plain_loop(
    bundle: Bundle, positions: Positions, causal: bool
) -> None:
    bundle = replace(bundle, graph=replace(bundle.graph, causal=causal))
    rows = unseen(bundle).take(slice(12))
    bundle = fitted(bundle, rows)
    counts = {
        one.edge.name: (one.positions, one.right.n, one.right.counts[0], one.values)
        for one in edge_faithfulness(bundle, rows, positions)
    }
    assert counts == by_hand(bundle, rows, positions)
    if positions == "all":  # so that all ways to be wrong are there
        assert any(right < given < count for count, given, right, _ in counts.values())


@pytest.mark.parametrize("causal", [True, False])
def test_what_is_wrong_by_an_edge_alone_is_counted_in_training_too(
    bundle: Bundle, causal: bool
) -> None:
    bundle = replace(bundle, graph=replace(bundle.graph, causal=causal))
    rows = unseen(bundle).take(slice(12))
    bundle = fitted(bundle, rows)
    hand = by_hand(bundle, rows, "all", bundle.last_layer)
    report = fidelity(bundle, rows)
    for edge in edges_of(bundle.graph):
        followed, of_all = report.followed[edge.index], report.counts[edge.index]
        _, given, right, values = hand[edge.name]
        assert (followed.occurring.sum(), followed.right.sum()) == (given, right)
        assert np.count_nonzero(followed.occurring) == values
        assert (followed.occurring <= of_all.occurring).all()
    assert any(right < given < count for count, given, right, _ in hand.values())
    names = [variable.name for variable in bundle.graph.variables]
    assert not report.followed[names.index("tokens")].occurring.any()


def test_counts_of_spelled_answers() -> None:
    bundle = spelled_bundle()
    made = [Example(d, f"Say {d} again:", d) for d in ("12", "3", "31", "2213")]
    rows = bundle.rows(made)
    bundle = fitted(bundle, rows)
    found = edge_faithfulness(bundle, rows)
    counts = {e.edge.name: (e.positions, e.right.n, e.right.counts[0], e.values) for e in found}
    assert counts == by_hand(bundle, rows, "answer")
    last = found[-1]
    assert last.edge.name == "next"
    assert last.positions == int(rows.before_answer().sum())


def test_an_exact_reading_is_faithful_everywhere() -> None:
    """One row has fewer tokens than the stream has dimensions, so a map can fit it.

    Of a student with embedded positions: the program's positions are in its first stream.
    """
    bundle = small_injection.bundle("gpt2")
    rows = rows_of([bundle.reconciliation.student_ids("Is it balanced? (())\nAnswer:")], [[0]])
    assert rows.ids.shape[1] <= small_injection.WIDTH + 1
    for one in edge_faithfulness(fitted(bundle, rows), rows, "all"):
        assert one.right.n == one.positions
        assert one.right.value == 1


def test_a_variable_without_a_value_is_not_counted(bundle: Bundle) -> None:
    rows = unseen(bundle)
    found = {e.edge.name: e for e in edge_faithfulness(bundle, rows, "all")}
    read = int(rows.read_lengths.sum())
    assert found["opened"].positions == read
    assert found["before"].positions == read - len(rows)  # none at the first token


def judged(right: int, n: int) -> EdgeFaithfulness:
    edge = edges_of(small_injection.compiled().graph)[0]
    return EdgeFaithfulness(edge, Share((right,), n), positions=n + 1, values=2)


def test_the_first_to_break_and_the_mean() -> None:
    few, good, poor, worse = judged(0, 19), judged(20, 20), judged(80, 100), judged(2, 40)
    assert wilson(80, 100)[1] < 0.9 < wilson(17, 20)[1]
    assert not judged(17, 20).breaks  # below, but not surely so
    assert first_to_break([few, good, poor, worse]) is poor
    assert first_to_break([few, good]) is None
    assert mean_faithfulness([few, good, poor]) == pytest.approx(0.9)
    assert mean_faithfulness([few]) is None
    assert few.inputs_right == 0.95


# --- replaced tokens ------------------------------------------------------------------------------


def prompts_of(rows: Rows) -> list[list[int]]:
    return [ids[:n].tolist() for ids, n in zip(rows.ids, rows.prompt_lengths, strict=True)]


def program_answer(bundle: Bundle, prompt: list[int]) -> str:
    symbols = bundle.reconciliation.symbols(prompt)
    texts = {rule.value: rule.text for rule in bundle.program.header.answers}
    return texts[bundle.program.evaluate(symbols, "answer")[-1]]


def student_says(bundle: Bundle, prompt: list[int], answer: str) -> bool:
    (token,) = bundle.reconciliation.student_ids(answer)[:1]
    logits = bundle.model(input_ids=torch.tensor([prompt])).logits[0, -1]
    return int(logits.argmax()) == token


def test_only_input_symbols_are_replaced(bundle: Bundle) -> None:
    others = other_tokens(bundle)
    symbols = bundle.reconciliation.symbols
    assert {symbols([token])[0] for token in others} == {"(", ")"}
    for token, instead in others.items():
        assert instead
        assert {*symbols([token]), *symbols(instead)} == {"(", ")"}


def test_replaced_prompts_differ_in_one_input_token(bundle: Bundle) -> None:
    prompts = prompts_of(unseen(bundle))
    before = [program_answer(bundle, prompt) for prompt in prompts]
    kinds = replaced_prompts(bundle, Oracle(bundle.program), prompts, before, seed=1)
    for is_attended, cases in enumerate(kinds):
        assert cases
        for changed, answer in cases:
            near = [
                (place, was)
                for place, prompt in enumerate(prompts)
                if len(prompt) == len(changed)
                for was in [[a for a, b in zip(prompt, changed, strict=True) if a != b]]
                if len(was) == 1
            ]
            assert any((before[place] != answer) == bool(is_attended) for place, _ in near)
            assert answer == program_answer(bundle, changed)


def test_a_token_of_the_same_symbol_changes_nothing_for_the_program(bundle: Bundle) -> None:
    prompts = prompts_of(unseen(bundle))
    before = [program_answer(bundle, prompt) for prompt in prompts]
    cases = same_symbol(bundle.reconciliation, prompts, before, seed=1)
    assert len(cases) == len(prompts)
    symbols, text_of = bundle.reconciliation.symbols, bundle.reconciliation.text_of
    for prompt, (changed, answer) in zip(prompts, cases, strict=True):
        ((was, became),) = ((a, b) for a, b in zip(prompt, changed, strict=True) if a != b)
        assert symbols([was]) == symbols([became])
        assert text_of(was).startswith(" ") is text_of(became).startswith(" ")
        assert text_of(became).removeprefix(" ").isalpha() or symbols([was]) != ["_"]
        assert answer == program_answer(bundle, changed)


def test_agreement_is_that_of_one_prompt_after_another() -> None:
    bundle = small_injection.with_direction()
    rows = unseen(bundle)
    prompts = prompts_of(rows)
    found = replacements(bundle, rows, seed=1)
    assert found.filler == "\n"
    (line,) = bundle.reconciliation.student_ids("\n")
    plain: dict[Kind, list[list[int]]]
    plain = {"as it is": prompts, "shifted": [[line, *prompt] for prompt in prompts]}
    for kind, asked in plain.items():
        asked = [p for p in asked if len(p) <= bundle.graph.max_seq_len]
        right = sum(student_says(bundle, p, program_answer(bundle, p)) for p in asked)
        assert found.agreed[kind] == Share((right,), len(asked))
    before = [program_answer(bundle, prompt) for prompt in prompts]
    kinds = replaced_prompts(bundle, Oracle(bundle.program), prompts, before, seed=1)
    names: tuple[Kind, ...] = ("ignored", "attended")
    for kind, cases in zip(names, kinds, strict=True):
        right = sum(student_says(bundle, prompt, answer or "") for prompt, answer in cases)
        assert found.agreed[kind] == Share((right,), len(cases))
    assert replacements(bundle, rows, seed=1) == found


def test_no_answer_is_no_case(bundle: Bundle) -> None:
    assert agreement(bundle, [([1, 2], None)]) == Share((0,), 0)


# --- the report -----------------------------------------------------------------------------------


def test_the_report_of_the_test_split(bundle: Bundle) -> None:
    sources = draw_sources(bundle, small_injection.task(), n=9, seed=4)
    assert [one.name for one in sources] == ["in distribution"]
    assert sources[0].is_supported is (sources[0].solved == 1)
    steps: list[tuple[int, ...]] = []
    report = measure_edges(bundle, sources, seed=4, report=lambda *step: steps.append(step))
    assert steps == [(0, 2), (1, 2)]
    record = report.to_record()
    (source,) = record["sources"]
    assert source["examples"] == 9
    assert [one["variable"] for one in source["edges"]] == [e.name for e in edges_of(bundle.graph)]
    for one in source["edges"]:
        assert one["positions"] >= one["n"]
        assert (one["faithfulness"] is None) == (one["n"] == 0)
