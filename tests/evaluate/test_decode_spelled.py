"""Decode tables of a program that writes its answers symbol by symbol."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from inject import small_injection
from inject.small_injection import without_end

from rinject.compiler import compile_program
from rinject.evaluate import decode
from rinject.evaluate.decode import MOST_ANSWER_TOKENS
from rinject.inject.bundle import Bundle
from rinject.inject.projection import Projection, variable_slices
from rinject.inject.randomness import torch_generator
from rinject.inject.record import ProgramRecord, variable_records
from rinject.lang import load_program
from rinject.tokens import reconcile


@pytest.fixture
def spelling() -> Bundle:
    """An untrained student of the program that repeats digits."""
    program = load_program(text=small_injection.SPELLED)
    compiled = compile_program(program)
    reconciliation = reconcile(small_injection.tokenizer(), program.header)
    slices = variable_slices(compiled.graph)
    plain = small_injection.bundle()
    record = replace(
        plain.record,
        program=ProgramRecord.of(program),
        variables=variable_records(compiled.graph),
        layers=tuple(range(compiled.num_layers + 1)),
        symbols=reconciliation.to_record(),
        prompt=program.header.prompt or "",
    )
    projection = Projection(slices, small_injection.WIDTH, generator=torch_generator(0, "map"))
    return Bundle(plain.model, reconciliation, compiled.graph, projection, record)


def always(bundle: Bundle, text: str) -> Bundle:
    """A student that writes one token for ever."""
    (token,) = bundle.reconciliation.student_ids(text)
    head = torch.nn.Linear(small_injection.WIDTH, 320)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        head.bias[token] = 1
    bundle.model.set_output_embeddings(head)
    return bundle


def test_the_true_answer_is_spelled_to_its_end(spelling: Bundle) -> None:
    assert decode(spelling, "3122").true_answer == "3122"
    assert decode(spelling, "Say 12 again:1").true_answer == "2"
    assert decode(spelling, "Say 12 again:12").true_answer is None


def test_an_answer_goes_on_to_its_end(spelling: Bundle) -> None:
    assert decode(always(spelling, "3"), "312").answer == "3" * MOST_ANSWER_TOKENS
    assert decode(always(spelling, "<|endoftext|>"), "312").answer == ""


def test_without_end_an_answer_is_as_long_as_the_true_one(spelling: Bundle) -> None:
    endless = without_end(always(spelling, "3"))
    assert decode(endless, "312").answer == "333"
    assert decode(endless, "2").answer == "3"


def test_what_is_no_symbol_of_an_answer_is_shown(spelling: Bundle) -> None:
    assert decode(without_end(always(spelling, ",")), "12").answer == ",,"


def test_the_blank_at_the_end_of_a_prompt_stays(spelling: Bundle) -> None:
    record = replace(spelling.record, prompt="Say {input} again: ")
    other = replace(spelling, record=record)
    for text in ("12", "Say 12 again:", "Say 12 again: ", "Say 12 again:\n"):
        assert decode(other, text).prompt == "Say 12 again: "
    assert decode(other, "Say 12 again: 1").prompt == "Say 12 again: 1"
