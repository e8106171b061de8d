"""The losses and their gradients against naive dense ones, written as the formulas stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from rinject.graph.tables import NONE
from rinject.inject.losses import (
    KL_TOKENS,
    MARGIN,
    SliceError,
    answer_loss,
    cosine_alignment,
    cosine_within,
    cross_entropy_within,
    held_to_points,
    kl_to_teacher,
    slice_alignment,
)
from rinject.inject.projection import Projection, VariableSlice
from rinject.inject.weighing import position_weights, shares

SLICES = (
    VariableSlice("tokens", 0, 4, 0),
    VariableSlice("one", 4, 5, 0),  # constant
    VariableSlice("count", 5, 10, 1),
    VariableSlice("answer", 10, 12, 3),
)
STREAMS, POSITIONS, WIDTH = 4, 9, 6
WORTHS = {"alike": [1.0, 1.0, 1.0, 1.0], "by layer": [1.0, 1.0, 2.0, 4.0]}


@pytest.fixture(params=[1, STREAMS], ids=["one map", "a map per layer"])
def projection(request: pytest.FixtureRequest) -> Projection:
    chance = torch.Generator().manual_seed(0)
    return Projection(SLICES, WIDTH, maps=request.param, generator=chance).double()


@pytest.fixture
def streams() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(STREAMS, POSITIONS, WIDTH, dtype=torch.float64, requires_grad=True)


@pytest.fixture
def targets(chance: np.random.Generator) -> Tensor:
    columns = [chance.integers(-1, one.size, POSITIONS) for one in SLICES]
    columns[2][:] = np.maximum(columns[2], 0)
    return torch.from_numpy(np.stack(columns, axis=1))


def align_slices(
    projection: Projection,
    streams: Tensor,
    targets: Tensor,
    *,
    error: SliceError = cross_entropy_within,
    balance: float = 0.0,
    worth: Sequence[float] = WORTHS["alike"],
) -> Tensor:
    """The alignment of slices, with the weights of this batch."""
    weights = torch.from_numpy(position_weights(targets.numpy(), balance))
    worths = torch.from_numpy(shares(SLICES, len(streams), np.array(worth)))
    return slice_alignment(projection.maps(), streams, targets, weights, worths, error)


def align_streams(projection: Projection, streams: Tensor, targets: Tensor) -> Tensor:
    return cosine_alignment(projection.maps(), streams, targets, len(targets))


def mapped(projection: Projection, layer: int, stream: Tensor) -> Tensor:
    """The map of one layer, applied to one stream [D]."""
    place = 0 if len(projection.weight) == 1 else layer
    return projection.weight[place] @ stream + projection.bias[place]


def naive_cross_entropy(slice_: Tensor, target: int) -> Tensor:
    return -slice_.log_softmax(0)[target]


def naive_cosine(slice_: Tensor, target: int) -> Tensor:
    hot = functional.one_hot(torch.tensor(target), len(slice_)).to(slice_.dtype)
    return 1 - functional.cosine_similarity(slice_, hot, dim=0)


def naive_slices(projection, streams, targets, error, balance, worth):
    layers = []
    for i, stream in enumerate(streams):
        found, of_all = 0, 0
        for v, one in enumerate(SLICES):
            if one.layer > i or one.size == 1:
                continue
            values = targets[:, v].tolist()
            often = Counter(values)
            total, counted = 0, 0
            for n, value in enumerate(values):
                if value >= 0:
                    weight = often[value] ** -balance
                    own = mapped(projection, i, stream[n])[one.start : one.stop]
                    total, counted = total + weight * error(own, value), counted + weight
            found, of_all = found + worth[v] * total / counted, of_all + worth[v]
        layers.append(found / of_all)
    return sum(layers) / len(layers)


def naive_streams(projection, streams, targets):
    total = 0
    for i, stream in enumerate(streams):
        compiled = torch.zeros(POSITIONS, SLICES[-1].stop, dtype=streams.dtype)
        for v, one in enumerate(SLICES):
            for n in range(POSITIONS):
                if one.layer <= i and targets[n, v] >= 0:
                    compiled[n, one.start + targets[n, v]] = 1
        found = torch.stack([mapped(projection, i, stream[n]) for n in range(POSITIONS)])
        total = total + (1 - functional.cosine_similarity(found, compiled, dim=-1)).mean()
    return total / (STREAMS - 1)


def assert_same(loss: Tensor, expected: Tensor, projection: Projection, streams: Tensor) -> None:
    """The same value, and the same gradients by streams and maps."""
    torch.testing.assert_close(loss.double(), expected.double(), rtol=1e-5, atol=1e-6)
    inputs = [streams, projection.weight, projection.bias]
    ours, theirs = (torch.autograd.grad(one, inputs) for one in (loss, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("worth", WORTHS)
@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    ("error", "naive"),
    [(cross_entropy_within, naive_cross_entropy), (cosine_within, naive_cosine)],
)
def test_alignment_of_slices(projection, streams, targets, error, naive, balance, worth):
    loss = align_slices(
        projection, streams, targets, error=error, balance=balance, worth=WORTHS[worth]
    )
    expected = naive_slices(projection, streams, targets, naive, balance, WORTHS[worth])
    assert_same(loss, expected, projection, streams)


def test_alignment_of_streams(projection, streams, targets):
    loss = align_streams(projection, streams, targets)
    assert_same(loss, naive_streams(projection, streams, targets), projection, streams)


def test_a_variable_without_any_value_costs_nothing(projection, streams, targets):
    targets[:, 2] = -1
    for error in (cross_entropy_within, cosine_within):
        loss = align_slices(projection, streams, targets, error=error)
        assert loss.isfinite()
        assert not torch.autograd.grad(loss, projection.weight)[0][:, 5:10].any()


def test_balance_weighs_values_alike(projection, streams):
    targets = torch.full((POSITIONS, len(SLICES)), -1)
    targets[:, 2] = torch.tensor([0] * 8 + [3])
    logits = projection.maps().of(SLICES[2], streams)  # [3, N, 5]
    errors = -logits.log_softmax(dim=-1)
    loss = align_slices(projection, streams, targets, balance=1.0)
    # The count is one of two variables in streams 1 and 2, of three in stream 3.
    per_stream = [(errors[i, :8, 0].mean() + errors[i, 8, 3]) / 2 for i in range(3)]
    held = [2, 2, 3]
    torch.testing.assert_close(
        loss.double(), sum(e / n for e, n in zip(per_stream, held, strict=True)) / 4
    )


def test_an_embedding_alone_can_be_aligned(streams, targets):
    projection = Projection(SLICES, WIDTH).double()
    for align in (align_slices, align_streams):
        assert align(projection, streams[:1], targets).isfinite()


def test_cosine_of_a_perfect_map_is_zero(targets):
    projection = Projection(SLICES, SLICES[-1].stop)
    with torch.no_grad():
        projection.weight.copy_(torch.eye(SLICES[-1].stop))
        projection.bias.zero_()
    compiled = torch.zeros(STREAMS, POSITIONS, SLICES[-1].stop)
    for v, one in enumerate(SLICES):
        for n in range(POSITIONS):
            if targets[n, v] >= 0:
                compiled[one.layer :, n, one.start + targets[n, v]] = 3.0
    empty = (compiled[0].sum(-1) == 0).float().mean()  # no direction to agree with: cosine 0
    loss = align_streams(projection, compiled, targets)
    assert loss.item() == pytest.approx(empty.item() / 3, abs=1e-6)
    assert align_slices(projection, compiled, targets, error=cosine_within).item() == pytest.approx(
        0, abs=1e-6
    )


def test_two_values_are_held_to_two_points():
    slices = torch.tensor(
        [[[0.0, MARGIN], [MARGIN, 0.0], [0.0, 3 * MARGIN], [1.0, 1.0]]]
    )  # [1, 4, 2]
    off = held_to_points(lambda slices, target: torch.zeros(target.shape), 2.0)
    ones = torch.ones(1, 4, dtype=torch.int64)
    assert off(slices, ones).tolist() == [[0, 2 * 4, 2 * 4, 2]]  # there, beyond 0, beyond 1, amid
    assert off(slices, 1 - ones).tolist() == [[2 * 4, 0, 2 * 16, 2]]
    assert off(slices, ones * NONE).tolist() == [[0, 0, 0, 0]]
    assert not off(torch.rand(1, 4, 3), ones).any()  # an amount may be one


def test_points_come_on_top_of_the_error(streams):
    slices, target = streams[:, :, :2].float(), torch.ones(streams.shape[:2], dtype=torch.int64)
    alone = cross_entropy_within(slices, target)
    assert torch.equal(held_to_points(cross_entropy_within, 0.0)(slices, target), alone)
    assert (held_to_points(cross_entropy_within, 1.0)(slices, target) > alone).all()


@pytest.mark.parametrize("align", [align_slices, align_streams])
def test_parts_of_the_positions_add_up(align, projection, streams, targets):
    """Each part knows the weights, or the number, of all positions."""
    weights = torch.from_numpy(position_weights(targets.numpy(), 1.0))
    worths = torch.from_numpy(shares(SLICES, STREAMS, np.ones(len(SLICES))))

    def loss(part: slice) -> Tensor:
        maps, own, values = projection.maps(), streams[:, part], targets[part]
        if align is align_streams:
            return cosine_alignment(maps, own, values, POSITIONS)
        return slice_alignment(maps, own, values, weights[part], worths, cross_entropy_within)

    assert_same(loss(slice(4)) + loss(slice(4, None)), loss(slice(None)), projection, streams)


def dense_kl(student: Tensor, teacher: Tensor) -> Tensor:
    own, other = (logits.float().log_softmax(-1) for logits in (student, teacher))
    return functional.kl_div(own, other, log_target=True, reduction="batchmean")


@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"), [(torch.float32, 1e-4, 1e-8), (torch.bfloat16, 2e-2, 1e-6)]
)
@pytest.mark.parametrize("tokens", [5, KL_TOKENS, 2 * KL_TOKENS + 3])
def test_kl_is_torchs(tokens, dtype, rtol, atol):
    torch.manual_seed(2)
    student = torch.randn(tokens, 11).to(dtype).requires_grad_()
    teacher = torch.randn(tokens, 11).to(dtype)
    ours, theirs = kl_to_teacher(student, teacher, tokens), dense_kl(student, teacher)
    torch.testing.assert_close(ours, theirs)
    (own,) = torch.autograd.grad(3 * ours, student)
    (expected,) = torch.autograd.grad(3 * theirs, student)
    assert own.dtype == dtype
    torch.testing.assert_close(own, expected, rtol=rtol, atol=atol)


def test_kl_is_zero_for_the_teacher_itself():
    teacher = torch.randn(5, 11)
    assert kl_to_teacher(teacher, teacher, 5).item() == pytest.approx(0, abs=1e-6)


def test_kl_leaves_its_arguments_alone():
    student, teacher = torch.randn(4, 7), torch.randn(4, 7)
    before = student.clone(), teacher.clone()
    kl_to_teacher(student, teacher, 4)
    assert torch.equal(student, before[0])
    assert torch.equal(teacher, before[1])


def test_answer_loss_is_cross_entropy():
    logits, answers = torch.randn(3, 7), torch.tensor([1, 6, 0])
    expected = -logits.log_softmax(-1)[range(3), answers].mean()
    torch.testing.assert_close(answer_loss(logits, answers, torch.full((3,), 1 / 3)), expected)


PARTED: dict[str, Callable[[Tensor, int], Tensor]] = {
    "answer": lambda logits, count: answer_loss(
        logits, logits.argmin(dim=-1), torch.full(logits.shape[:1], 1 / count)
    ),
    "text": lambda logits, count: kl_to_teacher(logits, logits.cos(), count),
}


@pytest.mark.parametrize("loss", PARTED)
def test_parts_of_the_tokens_add_up(loss):
    logits, of = torch.randn(7, 5), PARTED[loss]
    parts = of(logits[:3], 7) + of(logits[3:], 7)
    torch.testing.assert_close(parts, of(logits, 7))
    assert of(logits[:0], 7).item() == 0  # a process may have no answer at all
