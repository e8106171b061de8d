"""The losses of Tracr-Injection (arXiv 2505.10719, section 3), as pure functions.

L, k: aligned streams are numbered 0..k, so L = k + 1 of them. N: aligned positions. V: variables.
Targets [N, V] are the indices of the variables' values, -1 where a variable has none; where an
intervention makes them differ from stream to stream, targets and weights are [L, N, V].

Every loss is a sum over what it is given, weighed so that the parts of a batch, on one process or
on several, add up to the loss of the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rinject.graph.tables import NONE
from rinject.inject.projection import Maps

KL_TOKENS = 1024
"""Tokens whose divergence is computed at a time."""
MARGIN = 5.0
"""By how much the right one of two values should lead in the map: cross-entropy is 0.007 there."""
SliceError = Callable[[Tensor, Tensor], Tensor]
"""From a variable's slice [l, N, size] and its targets [l, N] to an error [l, N]."""


def answer_loss(logits: Tensor, answers: Tensor, weights: Tensor) -> Tensor:
    """L_CE: cross-entropy of answer tokens; logits [M, vocabulary], answers and weights [M], the
    weights of sum one over the whole batch.

    0 without any: an intervention can leave a batch without an answer that can be written.
    """
    return functional.cross_entropy(logits.float(), answers, reduction="none").mul(weights).sum()


def kl_to_teacher(student: Tensor, teacher: Tensor, count: int) -> Tensor:
    """L_KL: KL(teacher || student) from logits [K, vocabulary] of both, K of `count` tokens."""
    divergence: Tensor = _Divergence.apply(student, teacher)
    return divergence / count


class _Divergence(torch.autograd.Function):
    """The sum of KL(teacher || student) over tokens, a few at a time.

    Its gradient by the student's logits is known with the value: the difference of the two
    distributions. Keeping it takes the memory of the logits once, where autograd would keep both
    logarithms and the teacher's distribution in full precision.
    """

    @staticmethod
    def forward(context: Any, student: Tensor, teacher: Tensor) -> Tensor:
        gradient = torch.empty_like(student)  # [K, vocabulary]
        total = torch.zeros((), device=student.device)
        parts = zip(
            student.split(KL_TOKENS), teacher.split(KL_TOKENS), gradient.split(KL_TOKENS),
            strict=True,
        )  # fmt: skip
        for own, other, change in parts:
            said = own.float().log_softmax(dim=-1)
            expected = other.float().log_softmax(dim=-1)
            probabilities = expected.exp()
            total += torch.sum(probabilities * expected.sub_(said))
            change.copy_(said.exp_().sub_(probabilities))
        context.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (change,) = context.saved_tensors
        return change * gradients[0].to(change.dtype), None


def slice_alignment(
    maps: Maps, streams: Tensor, targets: Tensor, weights: Tensor, shares: Tensor, error: SliceError
) -> Tensor:
    """The error within the slice of each variable; streams [L, N, D], targets and weights [N, V].

    `weights` say what a position counts for a variable, of sum one over the whole batch. `shares`
    [V, L] say what a variable counts at each stream.
    """
    targets = targets.expand(len(streams), *targets.shape[-2:])  # [L, N, V]
    weights = weights.expand(targets.shape)
    total = streams.new_zeros((), dtype=torch.float32)
    for place, variable in enumerate(maps.slices):
        if variable.is_constant or variable.layer >= len(streams):
            continue
        own = slice(variable.layer, None), slice(None), place
        found = error(maps.of(variable, streams).float(), targets[own])  # [l, N]
        share = shares[place, variable.layer :]  # [l]; no matrix product: autocast would round it
        total = total + (share * (found * weights[own]).sum(dim=-1)).sum()
    return total


def cross_entropy_within(slices: Tensor, target: Tensor) -> Tensor:
    """[l, N]: cross-entropy of a variable's slice [l, N, size]; 0 without a value."""
    errors = functional.cross_entropy(
        slices.flatten(0, 1), target.flatten(), ignore_index=NONE, reduction="none"
    )
    return errors.view(slices.shape[:2])


def cosine_within(slices: Tensor, target: Tensor) -> Tensor:
    """[l, N]: 1 - cosine of a variable's slice [l, N, size] and its one-hot; 1 without a value."""
    place = target.clamp(min=0)[..., None]  # [l, N, 1]
    dot = slices.gather(-1, place)[..., 0] * (target != NONE)  # [l, N]
    return 1 - dot / slices.norm(dim=-1).clamp(min=1e-8)


def held_to_points(error: SliceError, weight: float) -> SliceError:
    """The error, and for a variable with two values `weight` times how far it is from two points.

    Cross-entropy is content with any code on the right side, and how far it lies there then tells
    an amount, which later layers can add up. This is the squared distance from `MARGIN`, as a share
    of it: a bit is 0 or 1, however clear the case.
    """
    if not weight:
        return error

    def both(slices: Tensor, target: Tensor) -> Tensor:
        found = error(slices, target)  # [l, N]
        if slices.shape[-1] != 2:
            return found
        lead = (slices[..., 1] - slices[..., 0]) * (2 * target - 1)  # [l, N]
        return found + weight * (lead / MARGIN - 1).square() * (target != NONE)

    return both


def cosine_alignment(maps: Maps, streams: Tensor, targets: Tensor, count: int) -> Tensor:
    """L_ALG of the paper; streams [L, N, D], targets [N, V] at N of `count` positions.

    (1/k) sum over i = 0..k of 1 - cos(mapped, compiled), mean over positions. The compiled stream
    is a sum of one-hots, so its dot product with the mapped one is a gather and its norm a count.
    """
    mapped = maps(streams).float()  # [L, N, W]
    starts = targets.new_tensor([one.start for one in maps.slices])  # [V]
    first = targets.new_tensor([one.layer for one in maps.slices])  # [V]
    present = torch.arange(len(streams), device=first.device)[:, None] >= first  # [L, V]
    hot = present[:, None, :] & (targets != NONE)  # [L, N, V]
    place = (targets.clamp(min=0) + starts).expand(hot.shape)  # [L, N, V]
    dot = (mapped.gather(-1, place) * hot).sum(dim=-1)  # [L, N]
    norms = mapped.norm(dim=-1) * hot.sum(dim=-1).sqrt()  # [L, N]
    cosines = dot / norms.clamp(min=1e-8)
    return (1 - cosines).sum() / (count * max(1, len(streams) - 1))
