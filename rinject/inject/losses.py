"""The losses of Tracr-Injection (arXiv 2505.10719, section 3), as pure functions.

L, k: aligned streams are numbered 0..k, so L = k + 1 of them. N: aligned positions. V: variables.
Targets [N, V] are the indices of the variables' values, -1 where a variable has none.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from rinject.graph.tables import NONE
from rinject.inject.projection import Projection, VariableSlice


def answer_loss(logits: Tensor, answers: Tensor) -> Tensor:
    """L_CE: mean cross-entropy of the answer tokens; logits [M, vocabulary], answers [M]."""
    return functional.cross_entropy(logits.float(), answers)


def kl_to_teacher(student: Tensor, teacher: Tensor) -> Tensor:
    """L_KL: KL(teacher || student), mean over tokens, from logits [M, vocabulary] of both."""
    expected = teacher.float().log_softmax(dim=-1)  # [M, vocabulary]
    probabilities = expected.exp()
    negative_entropy = (probabilities * expected).sum() / len(expected)
    return functional.cross_entropy(student.float(), probabilities) + negative_entropy


def slice_alignment(
    projection: Projection, streams: Tensor, targets: Tensor, *, balance: float = 0.0
) -> Tensor:
    """Cross-entropy within the slice of each variable; streams [L, N, D], targets [N, V].

    At each stream, the mean over the variables that it holds and that have more than one value;
    then the mean over the streams that hold any. Positions without a value do not count; one whose
    value occurs n times in the batch counts n^-balance (0: positions alike, 1: values alike).
    """
    count = len(streams)
    changing = [i for i, one in enumerate(projection.slices) if _counts(one, count)]
    held = _held([projection.slices[i] for i in changing], count)  # [L]
    total = streams.new_zeros(())
    for index in changing:
        variable = projection.slices[index]
        target = targets[:, index]  # [N]
        weights = _position_weights(target, variable.size, balance)  # [N]
        error = _slice_error(projection, variable, streams, target, weights)  # [L - layer]
        total = total + (error / held[variable.layer :].to(error)).sum()
    return total / max(1, int((held > 0).sum()))


def _counts(variable: VariableSlice, streams: int) -> bool:
    return not variable.is_constant and variable.layer < streams


def _held(variables: Sequence[VariableSlice], count: int) -> Tensor:
    """int64 [L]: how many of the variables each stream holds."""
    layers = torch.arange(count)
    return sum((layers >= one.layer for one in variables), torch.zeros_like(layers))


def _position_weights(target: Tensor, size: int, balance: float) -> Tensor:
    """[N], of sum one: what each position counts; those without a value count nothing."""
    has_value = target != NONE
    occurrences = torch.bincount(target[has_value], minlength=size).float()  # [size]
    weights = occurrences[target].clamp(min=1) ** -balance * has_value
    return weights / weights.sum().clamp(min=1e-9)


def _slice_error(
    projection: Projection,
    variable: VariableSlice,
    streams: Tensor,
    target: Tensor,
    weights: Tensor,
) -> Tensor:
    """[streams that hold it]: cross-entropy, the mean over positions by their weights [N]."""
    logits = projection.of(variable, streams[variable.layer :]).float()  # [l, N, size]
    held = logits.shape[0]
    error = functional.cross_entropy(
        logits.flatten(0, 1), target.repeat(held), ignore_index=NONE, reduction="none"
    )  # [l * N]
    return error.view(held, -1) @ weights


def cosine_alignment(projection: Projection, streams: Tensor, targets: Tensor) -> Tensor:
    """L_ALG of the paper; streams [L, N, D], targets [N, V].

    (1/k) sum over i = 0..k of 1 - cos(mapped, compiled), mean over positions. The compiled stream
    is a sum of one-hots, so its dot product with the mapped one is a gather and its norm a count.
    """
    mapped = projection(streams).float()  # [L, N, W]
    count = len(streams)
    starts = targets.new_tensor([one.start for one in projection.slices])  # [V]
    first = targets.new_tensor([one.layer for one in projection.slices])  # [V]
    present = torch.arange(count, device=first.device)[:, None] >= first  # [L, V]
    hot = present[:, None, :] & (targets != NONE)  # [L, N, V]
    place = (targets.clamp(min=0) + starts).expand_as(hot)  # [L, N, V]
    dot = (mapped.gather(-1, place) * hot).sum(dim=-1)  # [L, N]
    norms = mapped.norm(dim=-1) * hot.sum(dim=-1).sqrt()  # [L, N]
    cosines = dot / norms.clamp(min=1e-8)
    return (1 - cosines).mean(dim=1).sum() / max(1, count - 1)
