"""Large vocabularies, long inputs and many values, against the interpreter."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from program_examples import PAGES, Page
from programs_table import CASES, Case
from tracr.compiler import lib
from tracr.rasp import rasp
from tracr.rasp.rasp import Comparison

from rinject.circuit import CompiledModel
from rinject.compiler import compile_program
from rinject.compiler.size import LARGEST_MODEL
from rinject.compiler.verify import same
from rinject.errors import InputError
from rinject.lang import interpret, load_program

T, I = rasp.tokens, rasp.indices  # noqa: E741
GPT2 = range(50_257)
"""As many symbols as GPT-2 has."""
LONGEST = 512
LETTERS = "abcd"
Inputs = list[tuple[Any, ...]]


def drawn(model: CompiledModel, count: int, *, common: Sequence[Any] = ()) -> Inputs:
    """Random inputs, one as long as can be, of a few symbols each; half of them are `common`."""
    rng = random.Random(0)
    vocab, longest = model.graph.vocab, model.graph.max_seq_len
    inputs: Inputs = []
    for index in range(count):
        few = rng.choices(vocab, k=4) + rng.choices(common or vocab, k=4)
        length = rng.randint(1, longest) if index else longest
        inputs.append(tuple(rng.choices(few, k=length)))
    return inputs


def assert_right(model: CompiledModel, output: rasp.SOp, inputs: Inputs) -> None:
    """Model and graph answer as the interpreter does."""
    answers = zip(inputs, model.run_batch(inputs), model.graph.run(inputs), strict=True)
    for tokens, from_model, from_graph in answers:
        expected = interpret(output, tokens, causal=model.graph.causal)
        assert same(expected, from_model), tokens
        assert same(expected, from_graph), tokens


# --- many symbols ---


def classes(*, named: bool) -> rasp.SOp:
    """Most symbols are of one class; six others are rare."""
    found = rasp.Map(lambda token: token % 7 if token % 1000 < 7 else "other", T)
    return found.named("class") if named else found


RARE = [token for token in GPT2 if token % 1000 < 7]


def histogram(x: rasp.SOp) -> rasp.SOp:
    return rasp.SelectorWidth(rasp.Select(x, x, Comparison.EQ))


def shift(x: rasp.SOp) -> rasp.SOp:
    return lib.shift_by(1, x)


def pattern(x: rasp.SOp) -> rasp.SOp:
    return lib.detect_pattern(x, ["other", 0, "other"])


def share(x: rasp.SOp) -> rasp.SOp:
    return lib.make_frac_prevs(x == "other")


MERGED = (pattern, share)
"""Here tracr itself merges the map to classes with the maps of it, names or not."""


@pytest.mark.parametrize("keep", ["named", "output"])
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
@pytest.mark.parametrize("build", [histogram, shift, pattern, share])
def test_classes_of_many_symbols(
    build: Callable[[rasp.SOp], rasp.SOp], named: bool, keep: Any
) -> None:
    output = build(classes(named=named))
    model = compile_program(output, vocab=GPT2, max_seq_len=12, keep=keep)
    assert model.transformer.token_embedding.shape[0] == len(GPT2) + 1
    assert model.residual_width < 120
    assert "tokens" not in model.variables
    assert named == ("class" in model.variables) or build in MERGED
    assert_right(model, output, drawn(model, 20, common=RARE))


def test_many_symbols_without_a_causal_mask() -> None:
    output = histogram(classes(named=True))
    model = compile_program(output, vocab=GPT2, max_seq_len=12, causal=False)
    assert_right(model, output, drawn(model, 20, common=RARE))


def test_one_symbol_of_many() -> None:
    output = rasp.SelectorWidth(rasp.Select(T == 50_000, rasp.Full(True), Comparison.EQ))
    model = compile_program(output, vocab=GPT2, max_seq_len=20)
    assert model.residual_width < 60
    assert_right(model, output, drawn(model, 20, common=[50_000]))


def test_the_mean_of_many_numbers() -> None:
    numbers = range(-200, 200)
    output = rasp.Aggregate(rasp.Select(I, I, Comparison.LEQ), T)
    model = compile_program(output, vocab=numbers, max_seq_len=6)
    assert_right(model, output, drawn(model, 40))
    extremes = [(-200,) * 6, (199,) * 6, (-200, 199, -200, 199, 198, 199), (-1, 0, 0, 0, 0, 0)]
    assert_right(model, output, extremes)


# --- long inputs ---


LONG = {
    "length": lib.make_length(),
    "hist": lib.make_hist(),
    "count": lib.make_count(T, "a"),
}


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", LONG)
def test_counts_over_many_positions(name: str, causal: bool) -> None:
    output = LONG[name]
    model = compile_program(output, vocab=LETTERS, max_seq_len=LONGEST, causal=causal)
    most = ("a",) * LONGEST
    one_less = (*most[:-1], "b")
    assert_right(model, output, [most, one_less, *drawn(model, 2)])


@pytest.mark.parametrize("length", [1, 2, 255, 256, 510, 511, LONGEST])
def test_lengths_up_to_the_longest(length: int) -> None:
    model = compile_program(lib.make_length(), vocab=LETTERS, max_seq_len=LONGEST, causal=False)
    assert model.run("a" * length) == [length] * length


def test_reverse_over_many_positions() -> None:
    output = lib.make_reverse(T)
    model = compile_program(output, vocab=LETTERS, max_seq_len=LONGEST, causal=False)
    (tokens, shorter) = drawn(model, 2)
    assert model.run_batch([tokens, shorter]) == [[*reversed(tokens)], [*reversed(shorter)]]


def test_a_shift_over_many_positions() -> None:
    output = lib.shift_by(3, T)
    model = compile_program(output, vocab=LETTERS, max_seq_len=LONGEST)
    (tokens,) = drawn(model, 1)
    assert model.run(tokens) == [None, None, None, *tokens[:-3]]


@pytest.mark.parametrize("count", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_sorting_many_values(count: int) -> None:
    output = lib.make_sort(T, T, max_seq_len=30, min_key=1)
    model = compile_program(output, vocab=range(1, 27), max_seq_len=30, causal=False)
    inputs = drawn(model, count)
    assert model.run_batch(inputs) == [sorted(tokens) for tokens in inputs]
    assert model.graph.run(inputs) == [sorted(tokens) for tokens in inputs]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=str)
def test_programs_over_more_positions_than_usual(page: Page) -> None:
    program = page.load()
    longest = min(3 * (program.header.longest or 20), 100)
    causal = program.header.causal
    try:
        model = compile_program(program, max_seq_len=longest, causal=causal)
    except InputError as refusal:
        pytest.skip(refusal.message)
    assert_right(model, program.output, drawn(model, 30))


# --- beside longer inputs ---


def beside_others(model: CompiledModel, inputs: Inputs) -> None:
    """An input gets the same answers alone, and in any batch."""
    alone = [model.run(tokens) for tokens in inputs]
    assert model.run_batch(inputs) == alone
    longest = (model.graph.vocab * model.graph.max_seq_len)[: model.graph.max_seq_len]
    for tokens, answer in zip(inputs, alone, strict=True):
        assert model.run_batch([longest, tokens, ()])[1:] == [answer, []]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_input_beside_longer_ones(case: Case) -> None:
    model = compile_program(
        load_program(text=case.source),
        vocab=case.vocab,
        max_seq_len=case.max_seq_len,
        causal=case.causal,
    )
    beside_others(model, [tokens for tokens, _ in case.examples] + drawn(model, 5))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", ["hist", "count"])
def test_a_short_input_beside_one_of_many_positions(name: str, causal: bool) -> None:
    model = compile_program(LONG[name], vocab=LETTERS, max_seq_len=200, causal=causal)
    beside_others(model, [("a",), tuple("abca"), *drawn(model, 2)])


# --- too large ---

TOO_LARGE = """
import resource
import torch
from tracr.rasp import rasp
from rinject import compile_program
from rinject.errors import InputError

memory = 3 * 2**30
resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
tokens, indices = rasp.tokens, rasp.indices
rare = rasp.Select(tokens == 7, rasp.Full(True), rasp.Comparison.EQ)
many, few = range(50_257), range(520)
for output, vocab, longest, keep in (
    (tokens, many, 8, "output"),
    (rasp.SelectorWidth(rare), many, 8, "all"),
    (rasp.SequenceMap(lambda x, y: x * y % 509, tokens, indices), few, 520, "named"),
    (rasp.SequenceMap(lambda x, y: (x, y), tokens, indices), few, 100, "named"),
):
    try:
        model = compile_program(output, vocab=vocab, max_seq_len=longest, keep=keep)
        print(model.parameters)
    except InputError as error:
        print(error.message, error.hint, sep="; ")
"""


def test_what_is_too_large_is_refused_before_memory_is_gone() -> None:
    """3 GB are enough to say so."""
    run = subprocess.run([sys.executable, "-c", TOO_LARGE], capture_output=True, text=True)
    message = (
        f"the model would have more than {LARGEST_MODEL:,} weights; compile for shorter inputs"
    )
    answers = run.stdout.splitlines()
    assert len(answers) == 4, run.stderr
    assert all(answer.startswith(message) for answer in answers), answers
