"""tracr's own table of programs, with what they should output.

There the outputs are compared roughly: None is not looked at, and numbers agree to half a percent.
Here None equals only None and numbers are equal, alone, in a batch, and beside longer inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from tracr.compiler import test_cases as table
from tracr.rasp import rasp

from rinject import compile_program
from rinject.circuit import CompiledModel
from rinject.compiler import verify
from rinject.compiler.verify import same
from rinject.lang import interpret


@dataclass(frozen=True)
class TracrCase:
    """A row of tracr's table."""

    name: str
    program: rasp.SOp
    vocab: tuple[Any, ...]
    max_seq_len: int
    causal: bool
    tokens: tuple[Any, ...]
    right: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.name}{'-causal' if self.causal else ''}"

    @cached_property
    def model(self) -> CompiledModel:
        return compile_program(
            self.program, vocab=self.vocab, max_seq_len=self.max_seq_len, causal=self.causal
        )


def from_row(row: dict[str, Any], *, causal: bool) -> TracrCase:
    return TracrCase(
        row["testcase_name"],
        row["program"],
        tuple(sorted(row["vocab"])),
        row["max_seq_len"],
        causal,
        tuple(row["test_input"]),
        tuple(row["expected_output"]),
    )


FULL = [from_row(row, causal=False) for row in table.TEST_CASES]
CAUSAL = [from_row(row, causal=True) for row in table.CAUSAL_TEST_CASES]
CASES = FULL + CAUSAL


def test_the_table_is_whole() -> None:
    assert (len(FULL), len(CAUSAL), len(table.UNSUPPORTED_TEST_CASES)) == (43, 11, 9)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_expected_output(case: TracrCase) -> None:
    assert same(case.right, interpret(case.program, case.tokens, causal=case.causal))
    assert same(case.right, case.model.run(case.tokens)), case.model.run(case.tokens)
    assert same(case.right, case.model.graph.run([case.tokens])[0])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_padded_and_batched(case: TracrCase) -> None:
    longer = (case.vocab * case.max_seq_len)[: case.max_seq_len]
    inputs = [case.tokens[:1], case.tokens, longer, case.tokens[:-1], case.tokens]
    answers = case.model.run_batch(inputs)
    assert same(case.right, answers[1]), answers[1]
    assert answers[4] == answers[1]
    for tokens, answer in zip(inputs, answers, strict=True):
        assert same(interpret(case.program, tokens, causal=case.causal), answer), tokens


@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_other_inputs(case: TracrCase) -> None:
    result = verify(case.model, output=case.program, random_inputs=30)
    assert result.mismatches == 0, result.first
    assert result.inputs > 30


@dataclass(frozen=True)
class Refused:
    """What becomes here of a program that tracr refuses."""

    compiles: bool
    right: tuple[Any, ...]
    """Its causal output on 3 1 2, which is how tracr tries to compile it."""


REFUSED_BY_TRACR = {
    "numerical_categorical_aggregate": Refused(True, (3, 2.0, 2.0)),
    "categorical_numerical_aggregate": Refused(True, (3, 2.0, 2.0)),
    "numerical_numerical_aggregate": Refused(True, (3, 2.0, 2.0)),
    "aggregate_with_not_None_default": Refused(True, (3, 1, 2)),
    "numerical_selector": Refused(True, (0, 0, 1)),
    "numerical_SequenceMap": Refused(True, (3, 2, 4)),
    "categorical_LinearSequenceMap": Refused(True, (3, 2, 4)),
    "numerical_tokens": Refused(True, (3, 1, 2)),
    "numerical_indices": Refused(True, (0, 1, 2)),
}
"""All nine compile."""


def test_the_programs_that_tracr_refuses_are_all_here() -> None:
    names = [row["testcase_name"] for row in table.UNSUPPORTED_TEST_CASES]
    assert names == list(REFUSED_BY_TRACR)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("row", table.UNSUPPORTED_TEST_CASES, ids=lambda r: r["testcase_name"])
def test_what_tracr_refuses(row: dict[str, Any], causal: bool) -> None:
    known = REFUSED_BY_TRACR[row["testcase_name"]]
    assert known.compiles
    program, vocab = row["program"], sorted(row["vocab"])
    model = compile_program(program, vocab=vocab, max_seq_len=row["max_seq_len"], causal=causal)
    if causal:
        assert same(known.right, model.run([3, 1, 2])), model.run([3, 1, 2])
        assert same(known.right, model.run_batch([[1] * 5, [3, 1, 2]])[1])
    result = verify(model, output=program, random_inputs=30)
    assert (result.mismatches, result.undefined) == (0, 0), result.first
