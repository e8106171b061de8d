"""Compiled models against their programs, layer by layer."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from programs_table import CASES, Case
from tracr.rasp import rasp

from rinject.circuit import CompiledModel
from rinject.compiler import compile_program, verify
from rinject.compiler.verify import drawn_inputs
from rinject.errors import InputError
from rinject.lang import load_program

SHUFFLE_DYCK = Path(__file__).parents[2] / "programs" / "shuffle_dyck.rasp"


def compile_case(case: Case) -> CompiledModel:
    program = load_program(text=case.source)
    return compile_program(
        program, vocab=case.vocab, max_seq_len=case.max_seq_len, causal=case.causal
    )


@pytest.fixture(scope="module")
def dyck() -> CompiledModel:
    return compile_program(SHUFFLE_DYCK, max_seq_len=40)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_table_of_programs(case: Case) -> None:
    model = compile_case(case)
    given = [tokens for tokens, _ in case.examples]
    assert model.run_batch(given) == [list(expected) for _, expected in case.examples]
    result = verify(model, random_inputs=30)
    assert result.mismatches == 0, result.first
    assert_streams_hold_the_variables(model)


def assert_streams_hold_the_variables(model: CompiledModel) -> None:
    """Each stream is one-hot in the slots of what has been computed, and zero elsewhere."""
    inputs = list(drawn_inputs(model, 12, random.Random(1)))
    ids = model.graph.encode(inputs)  # [B, T]
    indices = model.graph.variable_values(ids)  # [B, T, V]
    present = torch.from_numpy(ids >= 0)  # [B, T]
    for layer, stream in enumerate(model.residuals(ids)):
        target = torch.zeros_like(stream)  # [B, T, D]
        for v, (variable, slot) in enumerate(
            zip(model.graph.variables, model.layout.slots, strict=True)
        ):
            for b, t in zip(*np.nonzero(indices[:, :, v] >= 0), strict=True):
                if variable.layer <= layer:
                    target[b, t, slot.start + indices[b, t, v]] = 1.0
        torch.testing.assert_close(stream[present], target[present], atol=1e-3, rtol=0)


def test_shuffle_dyck_is_shallow_and_keeps_the_papers_variables(dyck: CompiledModel) -> None:
    assert dyck.num_layers <= 6
    pairs = ("()", "{}", "[]")
    assert set(dyck.variables) == {
        "tokens",
        *(f"{left}_start_counts" for left, _ in pairs),
        *(f"{right}_end_counts" for _, right in pairs),
        *(f"{pair}_diffs" for pair in pairs),
        *(f"{pair}_negative_counters" for pair in pairs),
        "aggregated_negatives",
        "aggregated_diffs",
        "unfiltered_result",
        "final_result",
    }


def test_shuffle_dyck_streams(dyck: CompiledModel) -> None:
    assert_streams_hold_the_variables(dyck)


def test_shuffle_dyck_verifies(dyck: CompiledModel) -> None:
    result = verify(dyck, random_inputs=40)
    assert (result.mismatches, result.undefined) == (0, 0)
    assert result.inputs == 8 + 64 + 512 + 40
    assert dyck.run([*"([)]", "compute"]) == [False, False, False, False, True]


def test_compiling_twice_gives_the_same_model(dyck: CompiledModel) -> None:
    again = compile_program(SHUFFLE_DYCK, max_seq_len=40)
    pairs = zip(again.transformer.named_tensors(), dyck.transformer.named_tensors(), strict=True)
    assert all(a[0] == b[0] and torch.equal(a[1], b[1]) for a, b in pairs)
    assert again.layout == dyck.layout


def test_one_input_or_many_of_any_length(dyck: CompiledModel) -> None:
    inputs = list(drawn_inputs(dyck, 20, random.Random(3)))
    assert dyck.run_batch(inputs) == [dyck.run(tokens) for tokens in inputs]
    assert dyck.run_batch([]) == []


def test_verify_finds_a_wrong_model(dyck: CompiledModel) -> None:
    other = rasp.Map(lambda token: token == "(", rasp.tokens)
    result = verify(dyck, output=other, random_inputs=5)
    assert result.mismatches > 0
    assert result.first is not None
    assert "expected" in result.first


def test_any_tracr_sop_compiles() -> None:
    before = rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.LEQ)
    share = rasp.Aggregate(before, rasp.numerical(rasp.tokens == "x"))
    model = compile_program(share, vocab=["x", "y"], max_seq_len=8, causal=False)
    assert model.run("xyxx") == [1.0, 0.5, pytest.approx(2 / 3), 0.75]
    assert verify(model, output=share, random_inputs=100).mismatches == 0


@pytest.mark.parametrize("causal", [True, False])
def test_none_is_carried(causal: bool) -> None:
    shift = rasp.Select(rasp.indices, rasp.indices, lambda k, q: k == q - 1)
    shifted = rasp.Aggregate(shift, rasp.tokens)
    twice = rasp.Aggregate(shift, rasp.Map(lambda t: t * 10, shifted), default=7)
    for output in (shifted, twice):
        model = compile_program(output, vocab=[3, 2, 1], max_seq_len=5, causal=causal)
        assert verify(model, output=output, random_inputs=100).mismatches == 0
    assert compile_program(shifted, vocab=[3, 2, 1], max_seq_len=5).run([3, 2, 1]) == [None, 3, 2]


def test_what_is_required() -> None:
    with pytest.raises(InputError, match="longest input"):
        compile_program(rasp.tokens, vocab=["a"])
    with pytest.raises(InputError, match="backend"):
        compile_program(SHUFFLE_DYCK, backend="jax")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no program"):
        compile_program("nowhere.rasp")
    with pytest.raises(InputError, match="at least 1"):
        compile_program(rasp.tokens, vocab=["a"], max_seq_len=0)


def before(query_offset: int) -> rasp.Select:
    """Selects the one position so far before."""
    return rasp.Select(rasp.indices, rasp.indices, lambda k, q: k == q - query_offset)


FULL = rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.TRUE)
HARD_CASES = {
    "constant operand": rasp.Aggregate(before(1), rasp.Full(1), default=0),
    "mean of a constant": rasp.Aggregate(FULL, rasp.Full(3)),
    "operand that may be missing": rasp.Aggregate(
        rasp.Select(rasp.indices + 0, rasp.indices, lambda k, q: k == q // 2),
        rasp.Aggregate(before(1), rasp.tokens),
        default=5,
    ),
    "operand that never is": rasp.Aggregate(
        rasp.Select(rasp.indices + 0, rasp.indices, rasp.Comparison.EQ), rasp.Full(None)
    ),
    "fractions": rasp.Aggregate(FULL, rasp.Map(lambda x: x / 10, rasp.tokens)),
    "default beside the mean": rasp.Aggregate(
        rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.LT), rasp.tokens, default=-1
    ),
    "width of nothing": rasp.SelectorWidth(
        rasp.Select(rasp.tokens, rasp.Full(99), rasp.Comparison.EQ)
    ),
    "scalars read twice": rasp.SequenceMap(
        lambda x, y: (x > 1, y),
        rasp.SelectorWidth(FULL).named("width"),
        rasp.Map(lambda x: x % 2, rasp.SelectorWidth(FULL)),
    ),
    "a constant": rasp.Full("always"),
    "only indices": rasp.Map(lambda i: i // 2, rasp.indices),
}


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", HARD_CASES)
def test_hard_cases(name: str, causal: bool) -> None:
    output = HARD_CASES[name]
    model = compile_program(output, vocab=[1, 2, 3], max_seq_len=6, causal=causal)
    result = verify(model, output=output, random_inputs=60)
    assert result.mismatches == 0, result.first
    assert result.inputs > 100
    assert_streams_hold_the_variables(model)


def test_numbers_mixed_with_strings_are_not_averaged() -> None:
    mixed = rasp.Map(lambda t: t if t > 1 else "one", rasp.tokens)
    with pytest.raises(InputError, match="mixed with other values"):
        compile_program(rasp.Aggregate(FULL, mixed), vocab=[1, 2], max_seq_len=3)


def test_names_are_unique() -> None:
    inner = rasp.Aggregate(before(1), rasp.tokens)
    output = rasp.SequenceMap(
        lambda x, y: (x, y), inner, rasp.Aggregate(before(2), rasp.tokens).named("aggregate_1")
    )
    names = compile_program(output, vocab=[1, 2], max_seq_len=3).variables
    assert len(set(names)) == len(names)
    assert "aggregate_1" in names


def test_empty_inputs(dyck: CompiledModel) -> None:
    assert dyck.run_batch([[], []]) == dyck.graph.run([[], []]) == [[], []]


def test_constants_by_position() -> None:
    letters = rasp.ConstantSOp(["x", None, "y"])
    earlier = rasp.ConstantSelector([[q > k for k in range(3)] for q in range(3)])
    for output in (letters, rasp.Aggregate(before(1), letters), rasp.SelectorWidth(earlier)):
        model = compile_program(output, vocab="ab", max_seq_len=3, causal=False)
        result = verify(model, output=output, random_inputs=30)
        assert result.mismatches == 0, result.first
        assert result.inputs > 8  # the others are of another length than the constant
    assert compile_program(letters, vocab="ab", max_seq_len=3).run("aba") == ["x", None, "y"]


def test_values_that_cannot_be_hashed_are_refused() -> None:
    with pytest.raises(InputError, match="cannot be told apart"):
        compile_program(rasp.Map(lambda x: [x], rasp.tokens), vocab="ab", max_seq_len=3)


def test_a_causal_count_of_positions_is_part_of_the_embedding() -> None:
    earlier = rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.LT)
    parity = rasp.Map(lambda i: i % 2, rasp.indices)
    odd = rasp.Select(parity, rasp.Full(1), rasp.Comparison.EQ)
    output = rasp.SelectorWidth(rasp.selector_and(earlier, odd))
    model = compile_program(output, vocab="ab", max_seq_len=6)
    assert model.num_layers == 0
    assert model.run("aaaaaa") == [0, 0, 1, 1, 2, 2]
    assert verify(model, output=output, random_inputs=20).mismatches == 0
    assert compile_program(output, vocab="ab", max_seq_len=6, causal=False).num_layers == 1
