"""Losses and gradients of one batch, as tests compare them."""

from __future__ import annotations

import torch
from inject import small_injection
from torch import Tensor

from rinject.inject.batches import Batch
from rinject.inject.objective import Objective


def batch_of(step: int = 0, **changed: object) -> Batch:
    return small_injection.batches(**changed).at(step)


def losses_of(objective: Objective, batch: Batch) -> dict[str, Tensor]:
    with objective.hooked():
        return objective(batch)


def losses_and_gradients(
    objective: Objective, batch: Batch
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The losses, and the gradients of their weighted sum by all parameters that have one."""
    objective.zero_grad(set_to_none=True)
    weights = objective.weights()
    with objective.hooked():
        losses = objective(batch)
        torch.stack([weights[name] * loss for name, loss in losses.items()]).sum().backward()
    named = objective.named_parameters()
    gradients = {name: one.grad.clone() for name, one in named if one.grad is not None}
    return {name: loss.detach() for name, loss in losses.items()}, gradients


def assert_alike(one, other) -> None:
    for ours, theirs in zip(one, other, strict=True):
        assert ours.keys() == theirs.keys()
        for name, tensor in ours.items():
            torch.testing.assert_close(tensor, theirs[name], atol=2e-6, rtol=1e-3, msg=name)
