"""Programs that an earlier compiler got wrong, or that made it stop or go on for ever."""

from __future__ import annotations

from typing import Any

import pytest
from tracr.rasp import rasp

from rinject.compiler import compile_program, verify
from rinject.errors import InputError

EQ, LT, LEQ, TRUE = (
    rasp.Comparison.EQ,
    rasp.Comparison.LT,
    rasp.Comparison.LEQ,
    rasp.Comparison.TRUE,
)
FULL = rasp.Select(rasp.tokens, rasp.tokens, TRUE)


def folded_later() -> rasp.SOp:
    """Arguments that are functions of one another, ready at different times."""
    fourth = rasp.SequenceMap(lambda i, t: t if i == 4 else None, rasp.indices, rasp.tokens)
    absent = rasp.Map(lambda v: not v, fourth)
    number = rasp.Map(lambda v: 1 if v is False else v, absent)
    pair = rasp.SequenceMap(lambda p, q: (p, q), absent, rasp.tokens)
    return rasp.SequenceMap(lambda u, v: u == v, number, pair)


def two_names_of_positions() -> rasp.SOp:
    mixed = rasp.SequenceMap(
        lambda a, b: (a + 2 * b) % 3, rasp.indices, rasp.indices.named("position")
    )
    return rasp.SelectorWidth(rasp.Select(mixed, rasp.indices, LEQ))


def means_and_a_text() -> rasp.SOp:
    lower = rasp.Select(rasp.tokens, rasp.tokens, LT)
    return rasp.SequenceMap(
        lambda x, y: (x, y),
        rasp.Aggregate(lower, rasp.tokens, default="1"),
        rasp.Aggregate(lower, rasp.Map(lambda t: 2 * t, rasp.tokens), default=0),
    )


def sum_of_means() -> rasp.SOp:
    double = rasp.Map(lambda t: 2 * t, rasp.tokens)
    return rasp.SequenceMap(
        lambda x, y: x + y, rasp.Aggregate(FULL, rasp.tokens), rasp.Aggregate(FULL, double)
    )


def nothing_selected_often() -> rasp.SOp:
    copied = rasp.Aggregate(rasp.Select(rasp.tokens, rasp.Full("b"), EQ), rasp.tokens, default="c")
    return rasp.SelectorWidth(rasp.Select(copied, copied, EQ))


PROGRAMS: dict[str, tuple[rasp.SOp, Any, int, bool]] = {
    "folded later": (folded_later(), ("e", "c"), 5, True),
    "two names of positions": (two_names_of_positions(), "ab", 5, True),
    "means and a text": (means_and_a_text(), (1, 2, 3), 4, False),
    "means of small and large": (sum_of_means(), (0.00001, 0.5), 15, False),
    "very small numbers": (rasp.Aggregate(FULL, rasp.tokens), (1e-7, 2e-7, 5e-7), 5, False),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_exact(name: str) -> None:
    output, vocab, longest, causal = PROGRAMS[name]
    model = compile_program(output, vocab=list(vocab), max_seq_len=longest, causal=causal)
    result = verify(model, output=output, random_inputs=60)
    assert result.mismatches == 0, result.first
    assert result.inputs > 30


def test_nothing_is_selected_at_many_positions() -> None:
    output = nothing_selected_often()
    model = compile_program(output, vocab="ab", max_seq_len=400, causal=False)
    inputs = ["a" * 400, "a" * 399 + "b", "ab" * 150]
    assert model.run_batch(inputs) == model.graph.run(inputs)
    assert model.run(inputs[0]) == [400] * 400


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"vocab": ["a", None]}, "no symbol"),
        ({"vocab": [["a"]]}, "cannot be told apart"),
        ({"max_seq_len": 2.5}, "at least 1 position"),
        ({"keep": "everything"}, "everything"),
        ({"objective": "speed"}, "depth, width"),
        ({"table_limit": None}, "whole number"),
    ],
)
def test_what_cannot_be_asked_for(given: dict[str, Any], words: str) -> None:
    options = {"vocab": ["a", "b"], "max_seq_len": 3, **given}
    with pytest.raises(InputError) as caught:
        compile_program(rasp.tokens, **options)
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_tokens_that_cannot_be_hashed() -> None:
    model = compile_program(rasp.tokens, vocab="ab", max_seq_len=3)
    with pytest.raises(InputError, match="not in the vocabulary"):
        model.run([["a"]])


def test_a_map_that_fails_where_it_is_never_asked() -> None:
    text = rasp.Map(lambda t: t if isinstance(t, str) else "number", rasp.tokens)
    upper = rasp.Map(lambda t: t.upper(), text, simplify=False)
    model = compile_program(upper, vocab=["a", 1], max_seq_len=3)
    assert model.run(["a", 1]) == ["A", "NUMBER"]
    broken = rasp.Map(lambda t: t.upper(), rasp.tokens)
    assert compile_program(broken, vocab=["a", 1], max_seq_len=3).run(["a"]) == ["A"]


def test_rows_of_different_lengths() -> None:
    ragged = rasp.ConstantSelector([[True], [True, False]])
    with pytest.raises(InputError, match="one length"):
        compile_program(rasp.SelectorWidth(ragged), vocab="ab", max_seq_len=2, causal=False)
