"""Inputs drawn from a header: as it says, labelled by the program, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest
from tasks.drawn_programs import FIELDS, alike

from rinject.errors import InputError, RinjectError
from rinject.lang import Program, load_program
from rinject.tasks import SPLITS, Example, Exhausted, Split, examples, find_task, split_of, up_to
from rinject.tasks.drawn import Drawn

BALANCED = FIELDS + "balance answers;"
BRACKETS = """
program brackets {
    vocabulary "(", ")", "end", "_";
    longest    40;
    attention  causal;
    output     answer;
    prompt     "Is it balanced? {input}\\nAnswer:";
    symbol     ":" is "end";
    otherwise  "_";
    answer     True is " yes";
    answer     False is " no";
    lengths    4, 20;
    balance    answers;
}
depth = selector_width(select(tokens, "(", ==)) - selector_width(select(tokens, ")", ==));
lows = selector_width(select(depth, 0, <));
answer = depth == 0 and lows == 0 if tokens == "end" else False;
"""
HOW_MANY = "answer = {} if tokens == 'end' else 0;".replace("'", '"')


def letters(example: Example) -> list[str]:
    return example.input.split(" ")


def near(count: int, n: int, share: float) -> bool:
    """Whether a count is within four standard deviations of its expectation."""
    return abs(count - n * share) < 4 * sqrt(n * share * (1 - share))


def test_lengths_and_symbols_are_uniform() -> None:
    fields = 'separator " "; lengths 8, 15; alphabet "c", "a";'
    drawn = examples(Drawn(alike(fields)), "train", 1600, seed=0)
    lengths = Counter(len(letters(example)) for example in drawn)
    assert set(lengths) == set(range(8, 16))
    assert all(near(count, 1600, 1 / 8) for length, count in lengths.items() if length > 9)
    symbols = Counter(symbol for example in drawn for symbol in letters(example))
    assert set(symbols) == {"a", "c"}
    assert near(symbols["a"], symbols.total(), 1 / 2)


def test_answers_are_those_of_the_program() -> None:
    program = alike(BALANCED)
    task = Drawn(program)
    for example in examples(task, "train", 200, seed=3):
        meant = program.evaluate(["_", "_", "_", *letters(example), "end"])[-1]
        assert task.output(example.input) is meant
        assert example.answer == (" yes" if meant else " no")


def test_the_same_seed_gives_the_same_examples() -> None:
    first = examples(Drawn(alike(BALANCED)), "validation", 60, seed=7)
    assert first == examples(Drawn(alike(BALANCED)), "validation", 60, seed=7)
    assert first[:20] == examples(Drawn(alike(BALANCED)), "validation", 20, seed=7)
    assert first != examples(Drawn(alike(BALANCED)), "validation", 60, seed=8)


@pytest.mark.parametrize("fields", [FIELDS, BALANCED])
def test_splits_are_disjoint_and_without_repeats(fields: str) -> None:
    task = Drawn(alike(fields))
    for split in SPLITS:
        inputs = [example.input for example in examples(task, split, 300, seed=1)]
        assert len(set(inputs)) == 300
        assert {split_of(text) for text in inputs} == {split}


def test_without_balance_a_rare_answer_is_rare() -> None:
    program = load_program(text=BRACKETS.replace("balance    answers;", ""))
    drawn = examples(find_task(program), "train", 2000, seed=0)
    assert sum(example.answer == " yes" for example in drawn) < 200


@pytest.mark.parametrize("split", SPLITS)
def test_a_rare_answer_is_balanced_and_long_inputs_have_it_too(split: Split) -> None:
    drawn = examples(find_task(load_program(text=BRACKETS)), split, 200, seed=0)
    right = [len(example.input) for example in drawn if example.answer == " yes"]
    wrong = [len(example.input) for example in drawn if example.answer == " no"]
    assert near(len(right), 200, 1 / 2)
    for lengths in (right, wrong):
        assert 0.2 < sum(length > 12 for length in lengths) / len(lengths) < 0.95


def test_some_wrong_inputs_are_close_to_right_ones() -> None:
    drawn = examples(find_task(load_program(text=BRACKETS)), "train", 2000, seed=0)
    right = {example.input for example in drawn if example.answer == " yes"}
    wrong = [example.input for example in drawn if example.answer == " no"]
    flipped = {"(": ")", ")": "("}
    close = [
        text
        for text in wrong
        if right & {text[:i] + flipped[text[i]] + text[i + 1 :] for i in range(len(text))}
    ]
    assert len(close) > len(wrong) / 20


def test_many_answers_have_equal_shares_until_their_inputs_are_used_up() -> None:
    rules = " ".join(f'answer {n} is " {n}";' for n in range(7))
    source = f'separator " "; lengths 1, 6; alphabet "a", "b"; balance answers; {rules}'
    text = HOW_MANY.format('selector_width(select(tokens, "a", ==))')
    program = counting(source, text)
    drawn = up_to(find_task(program), "train", 200, seed=0)
    found = Counter(example.answer for example in drawn)
    possible = sum(2**length for length in range(1, 7))
    assert 0.8 * possible < len(drawn) <= possible
    assert found[" 6"] <= 1
    assert found[" 5"] <= 7
    early = Counter(example.answer for example in drawn[:60])
    assert min(early[f" {n}"] for n in (1, 2, 3)) >= 5
    with pytest.raises(Exhausted, match="no more train inputs"):
        examples(find_task(program), "train", 200, seed=0)


def counting(fields: str, body: str) -> Program:
    header = alike().source.split("answer     True")[0]
    return load_program(text=f"{header} {fields} }} {body}")


# --- how inputs are written -----------------------------------------------------------------------


def test_a_symbol_with_several_texts_is_written_as_any_of_them() -> None:
    fields = 'symbol "eins" is "a", "one" is "a"; alphabet "a", "b"; separator ", "; lengths 4, 8;'
    program = alike(fields)
    drawn = examples(find_task(program), "train", 100, seed=0)
    pieces = Counter(piece for example in drawn for piece in example.input.split(", "))
    assert set(pieces) == {"eins", "one", "b"}
    assert near(pieces["one"], pieces["one"] + pieces["eins"], 1 / 2)
    for example in drawn:
        ones = example.input.count("eins") + example.input.count("one")
        assert example.answer == (" yes" if ones == example.input.count("b") > 0 else " no")


def test_without_lengths_inputs_are_as_long_as_should_fit() -> None:
    task = Drawn(alike('separator " ";'))
    shortest, longest = task.lengths
    assert shortest == 1
    # "Equal", " counts", " in" are 3 + 4 + 2 tokens at most; ":" and each letter with its space 2
    assert longest == (40 - 9 - 2) // 2
    lengths = {len(letters(example)) for example in examples(task, "train", 500, seed=0)}
    assert lengths <= set(range(1, longest + 1))
    assert max(lengths) == longest


def test_outputs_of_any_text() -> None:
    task = Drawn(alike())
    assert task.output("b a") is True
    assert task.output("words and b between a") is True
    assert task.output("ba") is False  # a word


# --- what cannot be drawn -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message", "hint"),
    [
        (
            "lengths 2, 6;",
            "'aaaaaa' was meant to be a a a a a a",
            'add `separator " ";`',
        ),
        (
            'symbol "x" is "a", "y" is "b", "z" is "c";',
            "does not say which symbols its inputs have",
            "alphabet",
        ),
        ('alphabet "a", "_"; separator " ";', "cannot hold '_', which has no text", 'is "_"'),
        ('separator " "; lengths 2, 40;', "an input of 40 symbols .* do not fit into", "lengths"),
        (
            f'separator "{" other words" * 10} "; lengths 2, 3;',
            "an input of 3 symbols .* do not fit into the 40 tokens",
            "longest",
        ),
    ],
)
def test_headers_that_describe_no_input(fields: str, message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        find_task(alike(fields))
    assert hint in str(caught.value.hint)


def test_a_prompt_without_room() -> None:
    text = alike('separator " ";').source.replace("longest    40", "longest    9")
    with pytest.raises(InputError, match=r"an input of one symbol .* into the 9 tokens") as caught:
        find_task(load_program(text=text))
    assert "`longest`" in str(caught.value.hint)


def test_symbols_that_flow_together_are_found_when_they_do() -> None:
    text = BRACKETS.replace('"end", "_"', '"end", "_", "(()"').replace("balance    answers;", "")
    with pytest.raises(InputError, match=r"not read as it was drawn") as caught:
        examples(find_task(load_program(text=text)), "train", 100, seed=0)
    assert "separator" in str(caught.value.hint)


def test_an_answer_that_no_input_has() -> None:
    fields = BALANCED + 'answer "maybe" is " maybe";'
    with pytest.raises(InputError, match="with the answer ' maybe' was found") as caught:
        examples(find_task(alike(fields)), "train", 100, seed=0)
    assert "drop `balance answers`" in str(caught.value.hint)
    assert "`examples`" in str(caught.value.hint)


@pytest.mark.parametrize("fields", [FIELDS, BALANCED])
def test_an_output_without_an_answer(fields: str) -> None:
    task = find_task(alike(fields, body=HOW_MANY.format("7")))
    with pytest.raises(RinjectError, match=r"write the output 7 on the input '.+'") as caught:
        examples(task, "train", 10, seed=0)
    assert "`answer 7 is" in str(caught.value.hint)


def test_no_output_value() -> None:
    body = "answer = aggregate(select(indices, indices + 1, ==), tokens);"
    with pytest.raises(RinjectError, match=r"no value at the end of the prompt on the input '.+'"):
        examples(find_task(alike(body=body)), "train", 10, seed=0)


def test_what_its_header_draws_is_what_it_allows():
    task = Drawn(alike())
    found = [one.input for one in examples(task, "train", 100, seed=0)]
    assert all(map(task.allows, found))
    fewest, most = task.lengths
    assert not any(map(task.allows, ["", found[0] + " ", found[0] + " ?"]))
    letter = found[0][0]
    assert not task.allows(" ".join(letter * (most + 1)))
    assert not task.allows(" ".join(letter * (fewest - 1)))


def test_what_it_allows_without_separators_and_with_names_given_twice():
    """And soon, however long a text that it does not allow is."""
    text = BRACKETS.replace("lengths    4, 20;", 'lengths 4, 60; alphabet "(", ")", "(";')
    task = Drawn(load_program(text=text.replace("longest    40", "longest 90")))
    assert task.allows("(()))(")
    assert not task.allows("(()")
    assert not task.allows("(" * 50 + "?")
