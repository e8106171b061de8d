"""Answers that a program writes symbol by symbol and reads back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inject import small_injection
from inject.small_injection import one_thread as one_thread

from rinject.errors import InputError, RinjectError
from rinject.lang import Program, load_program
from rinject.tasks import answer_text, example, examples, find_task
from rinject.tasks.drawn import Drawn
from rinject.tasks.oracle import Oracle
from rinject.tokens import reconcile

ECHO = """
program echo {
    vocabulary "0", "1", "|", "_";
    longest    14;
    attention  causal;
    output     next;

    prompt     "Say {input} |";
    otherwise  "_";
    spell      answers;
    answer     "0" is "0", "1" is "1", "|" is "";
    alphabet   "0", "1";
    lengths    1, 5;
}

# What follows the bar repeats the digits before it, one after another, and then the bar.
is_digit = tokens in "01";
is_read = is_digit or tokens == "|";
number = selector_width(select(is_read, True, ==));
after_bar = contains(tokens, "|");
before_bar = selector_width(select(after_bar, False, ==) and select(is_digit, True, ==));
next = aggregate(select(number if is_read else -1, number - before_bar, ==), tokens, "_");
"""


def echo(old: str = "", new: str = "") -> Program:
    return load_program(text=ECHO.replace(old, new))


ORACLE = Oracle(echo())


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text("01", min_size=1, max_size=5), max_size=8))
def test_many_answers_of_different_lengths(inputs: list[str]) -> None:
    outputs = ORACLE.outputs([ORACLE.read(text) for text in inputs])
    assert outputs == [tuple(text) for text in inputs]
    assert [answer_text(ORACLE.program.header, output) for output in outputs] == inputs


def test_examples_have_whole_answers() -> None:
    task = find_task(echo())
    assert isinstance(task, Drawn)
    found = examples(task, "train", 30, seed=0)
    assert all(one.answer == one.input for one in found)
    assert example(task, "0110").prompt == "Say 0110 |"


def test_an_answer_without_an_end() -> None:
    oracle = Oracle(echo("longest    14", "longest    11"))
    assert oracle.output("01") == ("0", "1")
    with pytest.raises(InputError, match="does not end within the 11 tokens") as caught:
        oracle.output("01101")
    assert "raise `longest`" in str(caught.value.hint)
    assert "'|'" in str(caught.value.hint)


def test_a_value_that_cannot_be_written_is_an_error_there() -> None:
    program = echo(', "1" is "1"', "")
    assert Oracle(program).output("0010") == ("0", "0", "1")
    with pytest.raises(RinjectError, match=r"how to write the output '1' on the input '0010'"):
        example(Drawn(program), "0010")


def test_an_answer_that_ends_before_it_began() -> None:
    task = Drawn(echo())
    assert task.output("") == ()
    with pytest.raises(RinjectError, match="ends its answer before it began on the input ''"):
        example(task, "")


def test_every_symbol_of_an_answer_is_one_token_of_a_student() -> None:
    program = echo()
    reconciliation = reconcile(small_injection.tokenizer(), program.header)
    for one in examples(find_task(program), "train", 20, seed=0):
        prompt, answer = (reconciliation.encode(text) for text in (one.prompt, one.answer))
        assert len(answer) == len(one.answer)
        values = program.evaluate(reconciliation.symbols(prompt + answer))
        assert values[len(prompt) - 1 :] == [*one.answer, "|"]
