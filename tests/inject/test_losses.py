"""The losses and their gradients against naive dense ones, written as the formulas stand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from rinject.inject.losses import answer_loss, cosine_alignment, kl_to_teacher, slice_alignment
from rinject.inject.projection import Projection, VariableSlice

SLICES = (
    VariableSlice("tokens", 0, 4, 0),
    VariableSlice("one", 4, 5, 0),  # constant
    VariableSlice("count", 5, 10, 1),
    VariableSlice("answer", 10, 12, 3),
)
STREAMS, POSITIONS, WIDTH = 4, 9, 6


@pytest.fixture
def projection() -> Projection:
    return Projection(SLICES, WIDTH, torch.Generator().manual_seed(0)).double()


@pytest.fixture
def streams() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(STREAMS, POSITIONS, WIDTH, dtype=torch.float64, requires_grad=True)


@pytest.fixture
def targets(chance: np.random.Generator) -> torch.Tensor:
    columns = [chance.integers(-1, one.size, POSITIONS) for one in SLICES]
    columns[2][:] = np.maximum(columns[2], 0)
    return torch.from_numpy(np.stack(columns, axis=1))


def naive_slices(projection, streams, targets):
    layers = []
    for i, stream in enumerate(streams):
        variables = []
        for v, one in enumerate(SLICES):
            if one.layer > i or one.size == 1:
                continue
            errors = [
                -projection(stream[n])[one.start : one.stop].log_softmax(0)[targets[n, v]]
                for n in range(POSITIONS)
                if targets[n, v] >= 0
            ]
            variables.append(sum(errors) / len(errors))
        layers.append(sum(variables) / len(variables))
    return sum(layers) / len(layers)


def naive_cosines(projection, streams, targets):
    total = 0
    for i, stream in enumerate(streams):
        compiled = torch.zeros(POSITIONS, SLICES[-1].stop, dtype=streams.dtype)
        for v, one in enumerate(SLICES):
            for n in range(POSITIONS):
                if one.layer <= i and targets[n, v] >= 0:
                    compiled[n, one.start + targets[n, v]] = 1
        cosines = functional.cosine_similarity(projection(stream), compiled, dim=-1)
        total = total + (1 - cosines).mean()
    return total / (STREAMS - 1)


def gradients(loss, projection, streams):
    return torch.autograd.grad(loss, [streams, projection.weight, projection.bias])


@pytest.mark.parametrize(
    ("quick", "naive"), [(slice_alignment, naive_slices), (cosine_alignment, naive_cosines)]
)
def test_alignment_is_the_formula(quick, naive, projection, streams, targets):
    loss, expected = (f(projection, streams, targets) for f in (quick, naive))
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-6)
    pairs = zip(
        gradients(loss, projection, streams), gradients(expected, projection, streams), strict=True
    )
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_variable_without_any_value_costs_nothing(projection, streams, targets):
    targets[:, 2] = -1
    loss = slice_alignment(projection, streams, targets)
    assert loss.isfinite()
    assert not torch.autograd.grad(loss, projection.weight)[0][5:10].any()


def test_balance_weighs_values_alike(projection, streams):
    targets = torch.full((POSITIONS, len(SLICES)), -1)
    targets[:, 2] = torch.tensor([0] * 8 + [3])
    logits = projection.of(SLICES[2], streams[1:])  # [3, N, 5]
    errors = -logits.log_softmax(dim=-1)
    loss = slice_alignment(projection, streams, targets, balance=1.0)
    # The count is one of two variables in streams 1 and 2, of three in stream 3.
    per_stream = [(errors[i, :8, 0].mean() + errors[i, 8, 3]) / 2 for i in range(3)]
    held = [2, 2, 3]
    torch.testing.assert_close(
        loss.double(), sum(e / n for e, n in zip(per_stream, held, strict=True)) / 4
    )


def test_an_embedding_alone_can_be_aligned(projection, streams, targets):
    for align in (slice_alignment, cosine_alignment):
        assert align(projection, streams[:1], targets).isfinite()


def test_cosine_of_a_perfect_map_is_zero(targets):
    projection = Projection(SLICES, SLICES[-1].stop)
    with torch.no_grad():
        projection.weight.copy_(torch.eye(SLICES[-1].stop))
        projection.bias.zero_()
    compiled = torch.zeros(4, POSITIONS, SLICES[-1].stop)
    for v, one in enumerate(SLICES):
        for n in range(POSITIONS):
            if targets[n, v] >= 0:
                compiled[one.layer :, n, one.start + targets[n, v]] = 3.0
    empty = (compiled[0].sum(-1) == 0).float().mean()  # no direction to agree with: cosine 0
    loss = cosine_alignment(projection, compiled, targets)
    assert loss.item() == pytest.approx(empty.item() / 3, abs=1e-6)


def test_kl_is_torchs_and_zero_for_the_teacher_itself():
    torch.manual_seed(2)
    student, teacher = torch.randn(5, 11, requires_grad=True), torch.randn(5, 11)
    expected = functional.kl_div(
        student.log_softmax(-1), teacher.log_softmax(-1), log_target=True, reduction="batchmean"
    )
    torch.testing.assert_close(kl_to_teacher(student, teacher), expected)
    assert kl_to_teacher(teacher, teacher).item() == pytest.approx(0, abs=1e-6)


def test_answer_loss_is_cross_entropy():
    logits, answers = torch.randn(3, 7), torch.tensor([1, 6, 0])
    expected = -logits.log_softmax(-1)[range(3), answers].mean()
    torch.testing.assert_close(answer_loss(logits, answers), expected)
