"""What tracr's compiler gets wrong or refuses, each seen on tracr-pypi 1.0.0, is right here.

The interpreter says what is right. Each program is compared with the values written here, and with
the interpreter on all short inputs and on random ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import and_, or_
from typing import Any

import pytest
from tracr.compiler import lib
from tracr.rasp import rasp

from rinject import compile_program
from rinject.circuit import CompiledModel
from rinject.compiler import verify
from rinject.compiler.verify import same
from rinject.errors import InputError
from rinject.lang import interpret

T, F, N = True, False, None
Comparison = rasp.Comparison
EVERYTHING = rasp.Select(rasp.tokens, rasp.tokens, Comparison.TRUE)
SAME = rasp.Select(rasp.tokens, rasp.tokens, Comparison.EQ)
EARLIER = rasp.Select(rasp.indices, rasp.indices, Comparison.LT)


@dataclass(frozen=True)
class Bug:
    """A program that tracr gets wrong, and what it means on an input."""

    name: str
    program: rasp.SOp
    vocab: tuple[Any, ...]
    max_seq_len: int
    tokens: tuple[Any, ...]
    right: tuple[Any, ...]

    def __str__(self) -> str:
        return self.name

    def compiled(self, *, causal: bool = False) -> CompiledModel:
        return compile_program(
            self.program, vocab=self.vocab, max_seq_len=self.max_seq_len, causal=causal
        )


def bug(name: str, program: rasp.SOp, longest: int, tokens: Any, right: Any, vocab: Any) -> Bug:
    return Bug(name, program, tuple(vocab), longest, tuple(tokens), tuple(right))


def mean(values: rasp.SOp) -> rasp.SOp:
    """Of all positions, as tracr's numerical encoding has it."""
    return rasp.numerical(rasp.Aggregate(EVERYTHING, rasp.numerical(values), default=0))


def composed(selector: rasp.Selector) -> rasp.SOp:
    return rasp.SelectorWidth(selector)


SORTABLE = tuple(range(1, 27))
UNSORTED = tuple((7 * i) % 26 + 1 for i in range(30))

TABLE = [
    bug("1 length of 11", lib.make_length(), 12, "a" * 11, [11] * 11, "ab"),
    bug("1 reverse 10", lib.make_reverse(rasp.tokens), 12, "abbaababab", "bababaabba", "ab"),
    bug(
        "2 fraction over a threshold",
        lib.make_frac_prevs(rasp.tokens == "x") > 0.6,
        3,
        "axx",
        [F, F, T],
        "ax",
    ),
    bug(
        "3 negative numbers",
        rasp.numerical(rasp.Map(lambda x: x - 3, rasp.tokens)),
        4,
        [1, 2, 3, 4],
        [-2, -1, 0, 1],
        [1, 2, 3, 4],
    ),
    bug(
        "4 mean of categorical values",
        rasp.Aggregate(EVERYTHING, rasp.tokens),
        3,
        [1, 2, 3],
        [2.0, 2.0, 2.0],
        [1, 2, 3],
    ),
    bug("5 None", lib.shift_by(1, rasp.tokens), 3, [3, 2, 1], [N, 3, 2], [1, 2, 3]),
    bug(
        "6 values wider than keys",
        rasp.Aggregate(
            rasp.Select(rasp.tokens == "a", rasp.tokens == "a", Comparison.EQ), rasp.tokens
        ),
        2,
        "ab",
        "ab",
        "abcdefgh",
    ),
    bug("7 mean beside PAD", mean(rasp.tokens == "x"), 5, "xxa", [2 / 3] * 3, "ax"),
    bug(
        "8 large vocabulary", mean(rasp.tokens == 0), 4, [0, 399, 0, 1], [0.5] * 4, list(range(400))
    ),
    bug(
        "9 a predicate that tests None",
        rasp.SelectorWidth(
            rasp.Select(lib.shift_by(1, rasp.tokens), rasp.tokens, lambda k, q: k is None or k == q)
        ),
        3,
        "aab",
        [3, 3, 1],
        "ab",
    ),
    bug(
        "10 sort of 30",
        lib.make_sort(rasp.tokens, rasp.tokens, max_seq_len=30, min_key=1),
        30,
        UNSORTED,
        sorted(UNSORTED),
        SORTABLE,
    ),
]

SENTENCES = [
    bug("length", rasp.length, 5, "abab", [4] * 4, "ab"),
    bug("length in a formula", rasp.length - rasp.indices, 5, "abab", [4, 3, 2, 1], "ab"),
    bug("and of selectors", composed(SAME & EARLIER), 5, "abaab", [0, 0, 1, 2, 1], "ab"),
    bug("or of selectors", composed(SAME | EARLIER), 4, "abaa", [3, 2, 4, 4], "ab"),
    bug("not of a selector", composed(~SAME), 4, "abaa", [1, 3, 1, 1], "ab"),
    bug("not of an and", composed(~(SAME & EARLIER)), 4, "abaa", [4, 4, 3, 2], "ab"),
    bug(
        "selectors that nothing simplifies",
        composed(rasp.SelectorOr(rasp.SelectorNot(SAME), rasp.SelectorAnd(SAME, EARLIER))),
        4,
        "abaa",
        [1, 3, 2, 3],
        "ab",
    ),
    bug(
        "an aggregate over an and",
        rasp.Aggregate(SAME & EARLIER, rasp.indices, default=-1),
        4,
        "abaa",
        [-1, -1, 0, 1.0],
        "ab",
    ),
    bug("only tokens", rasp.tokens, 3, "aba", "aba", "ab"),
    bug("only indices", rasp.indices, 3, "aba", [0, 1, 2], "ab"),
    bug("a constant", rasp.Full(7), 3, "aba", [7, 7, 7], "ab"),
    bug("no value at all", rasp.Full(None), 3, "aba", [N, N, N], "ab"),
    bug(
        "no tokens below a map",
        rasp.Map(lambda i: i % 2 == 0, rasp.indices),
        3,
        "aba",
        [T, F, T],
        "ab",
    ),
    bug("no tokens below a width", composed(EARLIER), 3, "aba", [0, 1, 2], "ab"),
    bug(
        "division by zero inside a map",
        rasp.Map(lambda x: 12 / x, rasp.tokens),
        4,
        [1, 2, 3],
        [12.0, 6.0, 4.0],
        [0, 1, 2, 3],
    ),
    bug(
        "division by zero inside a map of two",
        rasp.SequenceMap(lambda x, y: x / y, rasp.indices, rasp.tokens),
        4,
        [1, 2, 4],
        [0.0, 0.5, 0.5],
        [0, 1, 2, 4],
    ),
    bug(
        "nodes of one name",
        (rasp.tokens + 1).named("same") * (rasp.indices + 2).named("same"),
        3,
        [1, 2, 3],
        [4, 9, 16],
        [1, 2, 3],
    ),
]


@pytest.mark.parametrize("case", TABLE + SENTENCES, ids=str)
def test_it_is_right_here(case: Bug) -> None:
    model = case.compiled()
    assert interpret(case.program, case.tokens, causal=False) == list(case.right)
    assert same(case.right, model.run(case.tokens)), model.run(case.tokens)


@pytest.mark.parametrize("case", TABLE + SENTENCES, ids=str)
def test_it_is_right_beside_a_longer_input(case: Bug) -> None:
    longer = (case.vocab * case.max_seq_len)[: case.max_seq_len]
    shorter = case.tokens[:1]
    answers = case.compiled().run_batch([shorter, case.tokens, longer])
    assert same(case.right, answers[1]), answers[1]
    assert [len(answer) for answer in answers] == [1, len(case.tokens), len(longer)]


LARGE = {"10 sort of 30"}
"""Programs so large that many inputs take a while."""
VERIFIED = [
    pytest.param(case, id=str(case), marks=pytest.mark.slow if case.name in LARGE else ())
    for case in TABLE + SENTENCES
]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("case", VERIFIED)
def test_it_means_what_the_interpreter_says(case: Bug, causal: bool) -> None:
    if causal and case.name.startswith("length"):
        with pytest.raises(InputError, match="looks ahead"):
            case.compiled(causal=True)
        return
    result = verify(case.compiled(causal=causal), output=case.program, random_inputs=60)
    assert result.mismatches == 0, result.first
    assert result.inputs > 40


@pytest.mark.parametrize(("values", "longest"), [(2, 12), (4, 8), (9, 5)])
def test_sort(values: int, longest: int) -> None:
    program = lib.make_sort(rasp.tokens, rasp.tokens, max_seq_len=longest, min_key=1)
    model = compile_program(program, vocab=range(1, values + 1), max_seq_len=longest, causal=False)
    result = verify(model, output=program, random_inputs=60)
    assert result.mismatches == 0, result.first


@pytest.mark.parametrize("length", range(1, 31))
def test_a_width_is_exact_at_every_length(length: int) -> None:
    model = compile_program(lib.make_length(), vocab="ab", max_seq_len=30, causal=False)
    assert model.run("ab" * 15)[:1] == [30]
    assert model.run(("ab" * 15)[:length]) == [length] * length


@pytest.mark.parametrize("tokens", ["xxa", "x", "aaaax"])
def test_a_mean_does_not_see_pad(tokens: str) -> None:
    model = compile_program(mean(rasp.tokens == "x"), vocab="ax", max_seq_len=5, causal=False)
    alone = model.run(tokens)
    assert alone == [pytest.approx(tokens.count("x") / len(tokens))] * len(tokens)
    for longer in ("aaaaa", "xxxxx", "axaxa"):
        assert model.run_batch([longer, tokens])[1] == alone


@pytest.mark.parametrize("size", [2, 30, 400, 1000])
def test_a_mean_is_exact_with_any_vocabulary(size: int) -> None:
    program = mean(rasp.tokens == 0)
    model = compile_program(program, vocab=range(size), max_seq_len=4, causal=False)
    assert model.run([0, 1, 0, size - 1]) == [0.5] * 4
    assert model.run([0, 1, 1]) == [pytest.approx(1 / 3)] * 3


@pytest.mark.parametrize("values", [[-3, -1, 0, 2], [-0.5, 0.25, 1.75], [F, T], [-7], [0.0, T, -2]])
def test_every_number_is_a_value_like_any_other(values: list[Any]) -> None:
    for program in (
        rasp.numerical(rasp.Map(lambda x: x, rasp.tokens)),
        rasp.numerical(rasp.Map(lambda x: -x, rasp.tokens)),
        lib.shift_by(1, rasp.tokens),
        mean(rasp.tokens),
        rasp.numerical(
            rasp.LinearSequenceMap(rasp.numerical(rasp.tokens), mean(rasp.tokens), 1, -1)
        ),
    ):
        model = compile_program(program, vocab=values, max_seq_len=4, causal=False)
        result = verify(model, output=program, random_inputs=30)
        assert result.mismatches == 0, result.first


@pytest.mark.parametrize("simplified", [True, False])
@pytest.mark.parametrize("combine", [and_, or_], ids=["and", "or"])
def test_composed_selectors(combine: Callable[[Any, Any], Any], simplified: bool) -> None:
    """Over the same keys and queries, over others, and over constants."""
    make = {
        (and_, True): rasp.selector_and,
        (or_, True): rasp.selector_or,
        (and_, False): rasp.SelectorAnd,
        (or_, False): rasp.SelectorOr,
    }[combine, simplified]
    only_b = rasp.Select(rasp.tokens, rasp.Full("b"), Comparison.EQ)
    from_b = rasp.Select(rasp.Full("b"), rasp.tokens, Comparison.EQ)
    parts = (SAME, EVERYTHING, EARLIER, only_b, from_b)
    for first in parts:
        for second in parts:
            program = rasp.SelectorWidth(make(first, second))
            model = compile_program(program, vocab="abc", max_seq_len=4, causal=False)
            result = verify(model, output=program, random_inputs=10)
            assert result.mismatches == 0, result.first


def test_division_by_zero_has_no_meaning_and_is_reported_as_an_input_error() -> None:
    inverse = rasp.Map(lambda x: 1 / x, rasp.tokens)
    with pytest.raises(InputError, match="division by zero"):
        interpret(inverse, [1, 0], causal=False)
    model = compile_program(inverse, vocab=[0, 1, 2], max_seq_len=3, causal=False)
    assert model.run([2, 1]) == [0.5, 1.0]
    assert verify(model, output=inverse, random_inputs=0).undefined > 0


def test_nodes_of_one_name_stay_apart() -> None:
    before = rasp.Select(rasp.indices, rasp.indices, lambda k, q: k == q - 1)
    first = rasp.Aggregate(before, rasp.tokens).named("twin")
    second = rasp.Aggregate(before, rasp.indices, default=9).named("twin")
    output = rasp.SequenceMap(lambda x, y: (x, y), first, second).named("twin")
    model = compile_program(output, vocab="ab", max_seq_len=4, causal=False)
    assert len(set(model.variables)) == len(model.variables)
    assert sum(name.startswith("twin") for name in model.variables) == 3
    assert model.run("aba") == [N, ("a", 0), ("b", 1)]


def test_names_are_stable_over_compilations() -> None:
    def build() -> rasp.SOp:
        middle = rasp.Aggregate(SAME & EARLIER, rasp.indices, default=0)
        return rasp.SequenceMap(lambda x, y: x > y, middle, lib.make_frac_prevs(rasp.tokens == "a"))

    once, again = build(), build()
    compiled = [
        compile_program(program, vocab="ab", max_seq_len=4, causal=False)
        for program in (once, again, once)
    ]
    assert compiled[0].variables == compiled[1].variables == compiled[2].variables
    assert compiled[0].layout == compiled[1].layout == compiled[2].layout


def test_a_label_that_was_looked_at_does_not_matter() -> None:
    plain = rasp.Map(lambda x: x * 2, rasp.tokens)
    assert plain.label.startswith("map_")
    number = rasp.numerical(plain)
    assert number.label == plain.label  # what confuses tracr: two nodes, one label
    program = rasp.SequenceMap(lambda x, y: x + y, plain, mean(number))
    model = compile_program(program, vocab=[1, 2, 3], max_seq_len=3, causal=False)
    assert model.run([1, 2, 3]) == [6.0, 8.0, 10.0]
    assert verify(model, output=program, random_inputs=30).mismatches == 0


def test_a_program_that_looks_ahead_keeps_its_causal_meaning_or_is_refused() -> None:
    with pytest.raises(InputError, match="looks ahead"):
        compile_program(rasp.length, vocab="ab", max_seq_len=4, causal=True)
    for program in (
        lib.make_length(),
        lib.make_reverse(rasp.tokens),
        rasp.Aggregate(rasp.Select(rasp.indices, rasp.indices, Comparison.GT), rasp.indices),
    ):
        model = compile_program(program, vocab="ab", max_seq_len=4, causal=True)
        result = verify(model, output=program, random_inputs=30)
        assert result.mismatches == 0, result.first
    assert compile_program(lib.make_length(), vocab="ab", max_seq_len=4).run("aba") == [1, 2, 3]
