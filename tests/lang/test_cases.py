"""Every program of the shared table computes what it should."""

from __future__ import annotations

import pytest
from programs_table import CASES, Case

from rinject.lang import interpret, load_program


@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs(case: Case) -> None:
    program = load_program(text=case.source)
    for tokens, expected in case.examples:
        values = program.evaluate(tokens, causal=case.causal)
        assert values == list(expected)
        assert list(map(type, values)) == list(map(type, expected))
        assert interpret(program.output, tokens, causal=case.causal) == values


@pytest.mark.parametrize("case", CASES, ids=str)
def test_public_names_are_annotated_and_stable(case: Case) -> None:
    program, again = load_program(text=case.source), load_program(text=case.source)
    assert program.names == again.names
    assert [sop.name for sop in program.sops.values()] == list(program.names)
    assert program.output.name == program.header.output


def test_case_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_inputs_fit_their_case() -> None:
    for case in CASES:
        for tokens, expected in case.examples:
            assert len(tokens) == len(expected) <= case.max_seq_len
            assert set(tokens) <= set(case.vocab)
