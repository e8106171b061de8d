"""What the compiler believes of float32 against what float32 does."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from programs_table import CASES, Case
from random_rasp import RandomProgram, random_programs
from torch import Tensor
from tracr.compiler import lib
from tracr.rasp import rasp
from tracr.rasp.rasp import Comparison

from rinject.circuit import CompiledModel
from rinject.compiler import compile_program, verify
from rinject.compiler.blur import EXACT, ROUNDINGS, UNIT, Blur
from rinject.compiler.margins import LEAST, Margins
from rinject.compiler.observe import smallest_margin
from rinject.compiler.verify import drawn_inputs, same
from rinject.compiler.weights import _Plant
from rinject.errors import InputError
from rinject.graph import Node, build_graph
from rinject.graph.nodes import Refreshed
from rinject.graph.stream import Stream
from rinject.lang import interpret, load_program

T, I = rasp.tokens, rasp.indices  # noqa: E741
NOISE = 2e-6
"""The rounding of the activations that the seen margin is read off, in shares of their room."""
LETTERS = "abcd"


def compile_case(case: Case) -> CompiledModel:
    program = load_program(text=case.source)
    return compile_program(
        program, vocab=case.vocab, max_seq_len=case.max_seq_len, causal=case.causal
    )


def double_histogram() -> rasp.SOp:
    hist = lib.make_hist()
    return rasp.SelectorWidth(rasp.Select(hist, hist, Comparison.EQ))


def average() -> rasp.SOp:
    return rasp.Aggregate(rasp.Select(I, I, Comparison.LEQ), T)


LONG: dict[str, tuple[Callable[[], rasp.SOp], Sequence[Any], int, bool]] = {
    "length": (lib.make_length, LETTERS, 500, False),
    "hist": (lib.make_hist, LETTERS, 500, False),
    "hist of the past": (lib.make_hist, LETTERS, 500, True),
    "count": (lambda: lib.make_count(T, "a"), LETTERS, 500, True),
    "reverse": (lambda: lib.make_reverse(T), LETTERS, 200, False),
    "frac_prevs": (lambda: lib.make_frac_prevs(T == "a"), LETTERS, 100, True),
    "average": (average, range(5), 60, True),
    "double histogram": (double_histogram, LETTERS, 128, False),
    "rare tokens": (lambda: lib.make_count_less_freq(3), LETTERS, 200, False),
    "shift": (lambda: lib.shift_by(3, T), LETTERS, 200, True),
    "pattern": (lambda: lib.detect_pattern(T, "aba"), LETTERS, 200, True),
}
"""Programs, their vocabulary, their longest input, and whether they are causal."""


def compile_long(name: str) -> CompiledModel:
    build, vocab, longest, causal = LONG[name]
    return compile_program(build(), vocab=vocab, max_seq_len=longest, causal=causal)


def hard_inputs(model: CompiledModel, count: int) -> list[tuple[Any, ...]]:
    """As long as can be: one symbol all along, one other symbol among them, and random ones."""
    vocab, longest = model.graph.vocab, model.graph.max_seq_len
    first, last = vocab[0], vocab[-1]
    drawn = drawn_inputs(model, count, random.Random(0))
    return [
        (first,) * longest,
        (*(first,) * (longest - 1), last),
        (first, *(last,) * (longest - 1)),
        *drawn,
    ]


def seen(model: CompiledModel, inputs: Sequence[Sequence[Any]]) -> float:
    found = smallest_margin(model, model.graph.encode(inputs))
    assert found is not None
    return found


# --- the bound ---


def assert_bound(bound: float | None, found: float | None) -> None:
    assert bound is not None
    assert found is not None
    assert 0 < LEAST <= bound <= found + NOISE
    assert found <= 1


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_bound_is_no_larger_than_what_is_seen(case: Case) -> None:
    model = compile_case(case)
    result = verify(model, random_inputs=30)
    if model.num_layers:
        assert_bound(model.margin, result.margin)
    else:
        assert model.margin == 1  # the embedding is exact


@pytest.mark.parametrize("name", LONG)
def test_the_bound_holds_on_long_inputs(name: str) -> None:
    model = compile_long(name)
    assert_bound(model.margin, seen(model, hard_inputs(model, 5)))


@pytest.mark.parametrize("longest", [6, 12])
def test_readers_that_weigh_many_values_alike(longest: int) -> None:
    """The default of `mean` lies beyond all thresholds, so that every dimension is rounded."""
    where = rasp.Select(T, rasp.Full(1), Comparison.EQ)
    mean = rasp.Aggregate(where, I, default=-1).named("mean")
    program = rasp.SelectorWidth(rasp.Select(mean, mean, lambda k, q: k >= 0))
    model = compile_program(program, vocab=(0, 1), max_seq_len=longest)
    late = [(0,) * count + (1,) * (longest - count) for count in range(longest)]
    assert_bound(model.margin, seen(model, [*late, *drawn_inputs(model, 40, random.Random(0))]))


def test_longer_inputs_leave_less_room() -> None:
    margins = [
        compile_program(lib.make_hist(), vocab=LETTERS, max_seq_len=longest).margin
        for longest in (10, 50, 100, 200, 400)
    ]
    assert all(margin is not None for margin in margins)
    assert min(margins) == margins[-1]  # type: ignore[type-var]


def test_the_least_of_all_margins() -> None:
    node = build_graph(T, "ab", 2, causal=True).output_node
    margins = Margins()
    assert (margins.least, margins.too_small) == (1.0, [])
    margins.note(node, 0.5)
    margins.note(node, 0.05, [node])
    margins.note(node, float("nan"))
    assert margins.found[1].blurred == (node,)
    assert margins.too_small == margins.found[1:]
    assert margins.found[0].share > margins.found[1].share == 0.05


# --- the streams ---


def blurs(model: CompiledModel) -> dict[Node, Blur]:
    """How exact the compiler takes each variable to be."""
    plant = _Plant(model.graph, Stream.of(model.graph))
    for index in range(1, model.num_layers + 1):
        plant.layer(index)
    return plant._blurs


def assert_streams_are_within_their_blur(model: CompiledModel, inputs: Sequence[Any]) -> None:
    """Every variable of every stream, one-hot but for the errors that the compiler allows for."""
    graph, believed = model.graph, blurs(model)
    stream = Stream.of(graph)
    ids = graph.encode(inputs)  # [B, T]
    real = ids >= 0
    known = graph.evaluate(ids)
    streams = model.transformer.residuals(torch.from_numpy(ids))  # [B, T + 1, D] each
    for node in graph.stream:
        if node in stream.numbers or not node.values:
            continue
        exact = np.vstack([np.eye(len(node.values)), np.zeros(len(node.values))])
        for layer, found in enumerate(streams):
            part = found[:, :, stream.slot(node)].double().numpy()  # [B, T + 1, values]
            assert np.abs(part[:, 0]).max() < 1e-30, f"{node.name} at BOS"
            if layer >= graph.layers[node]:
                errors = part[:, 1:][real] - exact[known[node][real]]
                assert_within(errors, believed.get(node, EXACT), node.name)
            else:
                assert not part.any(), f"{node.name} before its layer"


def assert_within(errors: np.ndarray, blur: Blur, name: str) -> None:
    """Errors [N, values] are within the bounds for one dimension, and for readers of all."""
    values = errors.shape[1]
    assert np.abs(errors).max(initial=0) <= blur.worst, name
    steps = np.tril(np.ones((values, values)))[:, :: max(1, values // 8)]  # from some value on
    drawn = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], size=(values, 8))
    for reader in np.hstack([steps, drawn]).T:
        most = np.abs(errors @ reader).max(initial=0)
        # Dimensions are rounded one by one, so what a step takes and gives differs a little.
        assert most <= blur.reading(reader[:, None]) + blur.worst + ROUNDINGS * UNIT, name


@pytest.mark.parametrize("case", CASES, ids=str)
def test_streams_are_within_their_blur(case: Case) -> None:
    model = compile_case(case)
    inputs = [*(tokens for tokens, _ in case.examples), *drawn_inputs(model, 20, random.Random(1))]
    assert_streams_are_within_their_blur(model, inputs)


@pytest.mark.parametrize("name", LONG)
def test_long_streams_are_within_their_blur(name: str) -> None:
    model = compile_long(name)
    assert_streams_are_within_their_blur(model, hard_inputs(model, 3))


def has_a_meaning(program: RandomProgram, tokens: Sequence[Any]) -> bool:
    try:
        interpret(program.output, tokens, causal=program.causal)
    except InputError:
        return False
    return True


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(random_programs(), st.integers(0, 2**16))
def test_random_programs_are_as_exact_as_believed(program: RandomProgram, seed: int) -> None:
    note(repr(program))
    try:
        model = compile_program(
            program.output,
            vocab=program.vocab,
            max_seq_len=program.max_seq_len,
            causal=program.causal,
        )
    except InputError:
        return  # said to be too large
    drawn = program.inputs(12, random.Random(seed))
    inputs = [tokens for tokens in drawn if has_a_meaning(program, tokens)]
    if not inputs:
        return
    assert_streams_are_within_their_blur(model, inputs)
    if model.num_layers:
        assert_bound(model.margin, seen(model, inputs))


# --- what float32 cannot do ---


@pytest.mark.parametrize("longest", [200, 300, 500])
def test_means_that_float32_cannot_tell_apart_are_refused(longest: int) -> None:
    program = lib.make_frac_prevs(T == "a")
    with pytest.raises(InputError, match="`frac_prevs`") as failure:
        compile_program(program, vocab="ab", max_seq_len=longest)
    assert failure.value.hint is not None
    assert "shorter longest input" in failure.value.hint


def test_means_are_refused_by_the_number_of_values_too() -> None:
    with pytest.raises(InputError, match="cannot tell all values of `frac_prevs` apart"):
        compile_program(lib.make_frac_prevs(T == "a"), vocab="ab", max_seq_len=200)


@pytest.mark.parametrize("causal", [False, True])
def test_a_blurred_variable_is_written_anew(causal: bool) -> None:
    program = double_histogram()
    short, long = (
        compile_program(program, vocab=LETTERS, max_seq_len=longest, causal=causal)
        for longest in (20, 128)
    )
    assert not any(isinstance(node, Refreshed) for node in short.graph.nodes)
    (fresh,) = [node for node in long.graph.nodes if isinstance(node, Refreshed)]
    assert fresh.arguments[0].name == "hist"
    assert long.num_layers == short.num_layers + 1
    assert verify(short, output=program, random_inputs=10).mismatches == 0
    for model in (short, long):
        inputs = hard_inputs(model, 5)
        for tokens, answer in zip(inputs, model.run_batch(inputs), strict=True):
            assert same(interpret(program, tokens, causal=causal), answer)


# --- a model that is not as designed ---


def sabotaged(model: CompiledModel, name: str, change: Callable[[Tensor], Tensor]) -> CompiledModel:
    """The model with one kind of weights changed in its first layer."""
    first, *others = model.transformer.layers
    weights: dict[str, Any] = {name: change(getattr(first, name))}
    layers = (replace(first, **weights), *others)
    return replace(model, transformer=replace(model.transformer, layers=layers))


# Not the keys: selected positions and BOS would score higher alike.
WEIGHTS = ("query", "query_bias", "value", "output", "hidden", "hidden_bias", "mlp_output")


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_changed_model_shows_a_smaller_margin(name: str) -> None:
    """Too little to change any answer, but seen."""
    program = double_histogram()
    model = compile_program(program, vocab=LETTERS, max_seq_len=12, causal=False)
    changed = sabotaged(model, name, lambda weights: weights * 1.001)
    inputs = hard_inputs(model, 40)
    assert changed.run_batch(inputs) == model.run_batch(inputs) == model.graph.run(inputs)
    assert seen(changed, inputs) < seen(model, inputs) - 0.001


def test_verify_reports_the_smaller_margin() -> None:
    program = double_histogram()
    model = compile_program(program, vocab=LETTERS, max_seq_len=12, causal=False)
    changed = sabotaged(model, "hidden", lambda weights: weights * 1.005)
    before, after = (verify(m, output=program, random_inputs=20) for m in (model, changed))
    assert before.mismatches == after.mismatches == 0
    assert before.margin is not None
    assert after.margin is not None
    assert after.margin < 0.95 < before.margin


def test_a_model_that_answers_wrongly_has_little_margin_left() -> None:
    model = compile_program(lib.make_hist(), vocab=LETTERS, max_seq_len=12, causal=False)
    changed = sabotaged(model, "output", lambda weights: weights * 1.2)
    inputs = hard_inputs(model, 40)
    assert changed.run_batch(inputs) != model.run_batch(inputs)
    assert seen(changed, inputs) < 0.5 < seen(model, inputs)
