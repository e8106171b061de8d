"""Decode tables of a program that writes its answers symbol by symbol."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from evaluate.spelled_bundle import spelled_bundle
from inject import small_injection
from inject.small_injection import without_end

from rinject.evaluate import decode
from rinject.evaluate.decode_answers import SHOWN_TOKENS, write_answers
from rinject.inject.bundle import Bundle


@pytest.fixture
def spelling() -> Bundle:
    return spelled_bundle()


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
    assert decode(always(spelling, "3"), "312").answer == "3" * SHOWN_TOKENS
    assert decode(always(spelling, "<|endoftext|>"), "312").answer == ""


@pytest.mark.parametrize(("longest", "room"), [(40, 40), (200, small_injection.POSITIONS)])
def test_answers_go_on_as_far_as_program_and_student_have_room(longest: int, room: int) -> None:
    longer = small_injection.SPELLED.replace("longest    20;", f"longest    {longest};")
    bundle = always(spelled_bundle(longer), "3")
    prompt = bundle.reconciliation.student_ids("Say 312 again:")
    (written,) = write_answers(bundle, [prompt], ["312"])
    assert written.answer == "3" * (room - len(prompt) + 1)
    assert not written.is_ended


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


def test_true_values_go_on_over_the_answer(spelling: Bundle) -> None:
    bundle = always(spelling, "2")
    plain, followed = decode(bundle, "31"), decode(bundle, "31", generate=True)
    written = followed.tokens[followed.prompt_tokens :]
    assert followed.tokens[: followed.prompt_tokens - 1] == plain.tokens[:-1]
    assert [token.text for token in written] == ["2"] * SHOWN_TOKENS
    assert [token.symbol for token in written] == ["2"] * SHOWN_TOKENS
    read = sum(token.is_read for token in followed.tokens)
    assert read == bundle.graph.max_seq_len
    symbols = [token.symbol or "" for token in followed.tokens[:read]]
    named = [row for row in followed.rows if row.name in bundle.program.names]
    assert "next" in [row.name for row in named]
    for row in named:
        program = bundle.program.evaluate(symbols, row.name)
        assert [cell.true for cell in row.cells] == [*program, *[None] * (len(row.cells) - read)]


def test_the_end_is_what_is_written_last(spelling: Bundle) -> None:
    followed = decode(always(spelling, "<|endoftext|>"), "31", generate=True)
    assert len(followed.tokens) == followed.prompt_tokens
    assert [token.writes for token in followed.tokens][-2:] == [None, ""]
    assert followed.is_followed


def test_without_end_the_last_token_is_not_read(spelling: Bundle) -> None:
    followed = decode(without_end(always(spelling, "3")), "312", generate=True)
    assert [token.text for token in followed.tokens[-3:]] == ["3", "3", "3"]
    assert [token.is_read for token in followed.tokens[-3:]] == [True, True, False]
    assert [token.writes for token in followed.tokens[-4:]] == ["3", "3", "3", None]
