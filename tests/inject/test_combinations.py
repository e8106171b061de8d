"""What examples are worth for the combinations of arguments that they show."""

from __future__ import annotations

import numpy as np
import pytest
from inject import small_injection

from rinject.compiler import compile_program
from rinject.graph.meeting import combinations_met
from rinject.inject.combinations import Combinations
from rinject.inject.rows import Rows, example_rows
from rinject.inject.targets import Targets
from rinject.lang import load_program
from rinject.tasks import Example, examples
from rinject.tasks.task import fill_prompt
from rinject.tokens import reconcile


@pytest.fixture(scope="module")
def combined() -> Combinations:
    return Combinations(small_injection.program(), small_injection.targets())


def drawn(count: int) -> list[Example]:
    return examples(small_injection.task(), "train", count, 0)


def rows_of(some: list[Example]) -> Rows:
    return example_rows(some, small_injection.reconciliation(), ended=True)


def test_what_meets_where_the_answer_is_due(combined):
    answers = {"(())": " yes", "())(": " no", "((": " no"}
    header = small_injection.program().header
    some = [Example(text, fill_prompt(header, text), answers[text]) for text in answers]
    met, counts = combined.met(rows_of(some))
    assert counts.tolist() == [1, 1, 1]
    assert met.shape == (3, len(combined.operations))
    for place, node in enumerate(combined.operations):
        for row, example in enumerate(some):
            symbols = small_injection.reconciliation().symbols(
                small_injection.reconciliation().student_ids(example.prompt)
            )
            known = combined.graph.evaluate(combined.graph.encode([symbols]))
            first, second = (int(known[one][0, len(symbols) - 1]) for one in node.arguments)
            assert met[row, place] == first * len(node.arguments[1].values) + second
    assert len({*map(tuple, met.tolist())}) == 3


def test_a_program_compiled_for_other_positions_and_symbols_in_another_order(combined):
    program = small_injection.program()
    vocab = tuple(reversed(program.header.vocabulary))
    other = compile_program(program, vocab=vocab, max_seq_len=40)
    targets = Targets(other.graph, small_injection.reconciliation())
    rows = rows_of(drawn(20))
    assert np.array_equal(
        values_met(Combinations(program, targets), rows), values_met(combined, rows)
    )


def values_met(combined: Combinations, rows: Rows) -> list[tuple[object, ...]]:
    """The arguments of each operation, by their values."""
    met, _ = combined.met(rows)
    return [
        tuple(
            argument.values[place]
            for node, one in zip(combined.operations, row, strict=True)
            for argument, place in zip(
                node.arguments,
                np.unravel_index(one, [len(a.values) for a in node.arguments]),
                strict=True,
            )
        )
        for row in met
    ]


def test_an_argument_without_a_value_meets_nothing(combined):
    node = combined.operations[0]
    first, second = node.arguments
    known = {first: np.array([[1, -1, 1]]), second: np.array([[1, 1, -1]])}
    assert combinations_met(node, known).tolist() == [[len(second.values) + 1, -1, -1]]


def test_what_meets_but_one_combination_is_worth_nothing():
    header, _, _ = small_injection.SOURCE.partition("opened =")
    body = 'answer = tokens == "compute" and indices > 0;'
    program = load_program(text=header + body)
    graph = compile_program(program).graph
    combined = Combinations(program, Targets(graph, small_injection.reconciliation()))
    assert len(combined.operations) == 1
    assert combined.worth([rows_of(drawn(5))]) is None


def test_combinations_of_an_operation_are_worth_the_same(combined):
    rows = rows_of(drawn(300))
    worth = combined.worth([rows.take(slice(0, 100)), rows.take(slice(100, 300))])
    assert worth == pytest.approx(combined.worth([rows]))
    assert worth.sum() == pytest.approx(1)
    met, _ = combined.met(rows)
    changing = [column for column in met.T if len(np.unique(column)) > 1]
    fewest = max(1.0, 0.003 * len(rows))
    expected = sum(
        (1 / np.maximum(np.bincount(column), fewest))[column] / len(np.unique(column))
        for column in changing
    )
    assert worth == pytest.approx(expected / expected.sum())


def test_of_a_spelled_answer_every_place_counts():
    program = load_program(text=small_injection.SPELLED)
    reconciliation = reconcile(small_injection.tokenizer(), program.header)
    targets = Targets(compile_program(program).graph, reconciliation)
    combined = Combinations(program, targets)
    text = fill_prompt(program.header, "12")
    rows = example_rows([Example("12", text, "12")], reconciliation, spelled=True, ended=True)
    met, counts = combined.met(rows)
    assert counts.tolist() == [3]  # two digits and the end
    assert len(met) == 3
