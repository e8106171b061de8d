"""Random programs compile into what tracr's interpreter says they mean."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from math import isclose
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from random_rasp import RandomProgram, random_programs
from tracr.rasp import rasp

from rinject import compile_program
from rinject.circuit import CompiledModel
from rinject.compiler import verify
from rinject.errors import InputError
from rinject.graph.limits import TooLarge
from rinject.lang import interpret

INPUTS = 16
"""Run together as one batch."""
REFUSALS = ("mixed with other values", "the model would have more than")
MOST_REFUSED = 0.03
"""Share of the programs."""
LEAST_COMPARED = 0.7
"""Share of the inputs; on others the program has no meaning."""


def settled(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def compiled(program: RandomProgram) -> CompiledModel | None:
    """None where the documentation says that there can be no model."""
    try:
        return compile_program(
            program.output,
            vocab=program.vocab,
            max_seq_len=program.max_seq_len,
            causal=program.causal,
        )
    except TooLarge:
        return None
    except InputError as error:
        if any(reason in error.message for reason in REFUSALS):
            return None
        raise


def agree(expected: list[Any], answer: list[Any]) -> bool:
    """None equals only None; numbers may differ in their last digits."""
    return len(expected) == len(answer) and all(map(_same, expected, answer))


def _same(expected: Any, answer: Any) -> bool:
    if expected is None or answer is None:
        return expected is answer
    if isinstance(expected, bool | int | float) and isinstance(answer, bool | int | float):
        return isclose(expected, answer, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(expected, tuple) and isinstance(answer, tuple):
        return agree(list(expected), list(answer))
    return type(expected) is type(answer) and bool(expected == answer)


def compare(program: RandomProgram, model: CompiledModel, rng: random.Random) -> Counter[str]:
    """Model and graph against the interpreter, on inputs of all lengths in one batch."""
    tally: Counter[str] = Counter()
    inputs = program.inputs(INPUTS, rng)
    answers = zip(inputs, model.run_batch(inputs), model.graph.run(inputs), strict=True)
    for tokens, from_model, from_graph in answers:
        tally["inputs"] += 1
        try:
            expected = interpret(program.output, tokens, causal=program.causal)
        except InputError:
            continue
        tally["compared"] += 1
        assert agree(expected, from_model), f"on {tokens}: {expected} expected, not {from_model}"
        assert agree(expected, from_graph), f"on {tokens}: {expected} expected, not {from_graph}"
    return tally


@pytest.mark.parametrize(
    "examples", [100, pytest.param(5000, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_compiled_models_are_what_the_interpreter_says(examples: int) -> None:
    tally: Counter[str] = Counter()

    @settled(examples)
    @given(random_programs(), st.integers(0, 2**16))
    def try_one(program: RandomProgram, seed: int) -> None:
        note(repr(program))
        tally["programs"] += 1
        model = compiled(program)
        if model is None:
            tally["refused"] += 1
        else:
            tally.update(compare(program, model, random.Random(seed)))

    try_one()
    assert tally["programs"] >= examples
    assert tally["refused"] <= MOST_REFUSED * tally["programs"], tally
    assert tally["compared"] >= LEAST_COMPARED * tally["inputs"], tally


def test_saved_models_answer_the_same(tmp_path: Path) -> None:
    @settled(15)
    @given(random_programs(), st.integers(0, 2**16))
    def try_one(program: RandomProgram, seed: int) -> None:
        note(repr(program))
        model = compiled(program)
        if model is None:
            return
        model.save(tmp_path / "model")
        again = CompiledModel.load(tmp_path / "model")
        inputs = program.inputs(INPUTS, random.Random(seed))
        assert again.run_batch(inputs) == model.run_batch(inputs)
        assert again.graph.run(inputs) == model.graph.run(inputs)
        assert again.variables == model.variables

    try_one()


TOKENS, INDICES, LENGTH = rasp.tokens, rasp.indices, rasp.length
EVERYTHING = rasp.Select(TOKENS, TOKENS, rasp.Comparison.TRUE)


def sum_of_means() -> rasp.SOp:
    """Results that differ in their last digits only, by the order of their terms."""
    double = rasp.Map(lambda x: 2 * x, TOKENS)
    mean = rasp.Aggregate(EVERYTHING, double, default=0)
    return rasp.SequenceMap(lambda x, y: x + y, double, mean)


def third_of_a_width() -> rasp.SOp:
    """As above, with a table folded into the sum."""
    smaller = rasp.Select(
        rasp.numerical(TOKENS), rasp.Map(lambda x: -x, TOKENS), rasp.Comparison.LEQ
    )
    third = rasp.Map(lambda x: x / 3, rasp.SelectorWidth(smaller))
    return rasp.LinearSequenceMap(third, INDICES, 1, 0.5)


def keys_that_never_are() -> rasp.SOp:
    """A predicate that holds for None only, on keys that are always None."""
    differ = rasp.Select(TOKENS, TOKENS, lambda k, q: k != q)
    never = rasp.Aggregate(differ, TOKENS)
    queries = rasp.SequenceMap(lambda x, y: x if x == 1 else y, never, TOKENS)
    return rasp.SelectorWidth(
        rasp.SelectorOr(differ, rasp.Select(never, queries, lambda k, q: k is None))
    )


def mean_of_one_value() -> rasp.SOp:
    """The only value that can be there is the same for every argument."""
    tenth = rasp.Map(lambda x: 0.1 * x, LENGTH)
    return rasp.Aggregate(EVERYTHING, rasp.SequenceMap(lambda x, y: x / y, tenth, tenth))


def mean_of_a_length() -> rasp.SOp:
    """Less one, over a map that is not merged with the first."""
    rounded = rasp.Map(round, LENGTH)
    less = rasp.Map(lambda x: None if x < 1 else x - 1, rounded, simplify=False)
    return rasp.Aggregate(EVERYTHING, less)


def mean_of_means() -> rasp.SOp:
    others = rasp.Select(INDICES, LENGTH, lambda k, q: k != q)
    return rasp.Aggregate(others, rasp.Aggregate(EVERYTHING, INDICES))


def nothing_times_nothing() -> rasp.SOp:
    """A copy of None beside a default: a factor of 0 does not make a value of it."""
    quarter = rasp.Map(lambda x: x if x == 0.25 else None, TOKENS)
    start = rasp.Select(INDICES, TOKENS, lambda k, q: k == 0)
    copied = rasp.Aggregate(start, quarter, default=0.5)
    return rasp.LinearSequenceMap(copied, copied, 1, 0)


def copies_of_none() -> rasp.SOp:
    """Where a position is selected that has no value, the default does not step in."""
    letter = rasp.Map(lambda x: None if x == "e" else x, TOKENS)
    others = rasp.Select(letter, TOKENS, lambda k, q: k != q)
    copied = rasp.Aggregate(others, letter, default=0)
    return rasp.SelectorWidth(rasp.Select(TOKENS, copied, lambda k, q: k != q))


FOUND = (
    (sum_of_means, (1, 2, 3), 3),
    (third_of_a_width, (2, -1), 7),
    (keys_that_never_are, (False,), 1),
    (keys_that_never_are, (0, 1), 3),
    (mean_of_one_value, ("a",), 1),
    (mean_of_a_length, ("a",), 1),
    (mean_of_a_length, ("a", "b"), 4),
    (mean_of_means, (3.25,), 5),
    (nothing_times_nothing, (0.25, 0.5), 2),
    (nothing_times_nothing, (-1.5, 0.25), 4),
    (copies_of_none, ("e", "a"), 1),
    (copies_of_none, ("e", "a"), 4),
)
"""What random programs once found, cut down: each broke some version of the compiler."""


@pytest.mark.parametrize(("build", "vocab", "longest"), FOUND)
def test_programs_that_broke_the_compiler(
    build: Callable[[], rasp.SOp], vocab: tuple[Any, ...], longest: int
) -> None:
    output = build()
    model = compile_program(output, vocab=vocab, max_seq_len=longest, causal=False)
    result = verify(model, output=output, random_inputs=40)
    assert result.mismatches == 0, result.first
    assert result.inputs > 0
