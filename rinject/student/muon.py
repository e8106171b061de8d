"""The Muon optimizer in float32, for CPUs.

``torch.optim.Muon`` orthogonalizes in bfloat16, which a CPU without such instructions emulates: a
step of the embedded student took 3.5 s there against 0.2 s here. The iteration is Jordan et al.,
"Muon: an optimizer for hidden layers in neural networks" (2024); matrices of one shape go through
it together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def orthogonalize(matrices: torch.Tensor) -> torch.Tensor:
    """Replace the singular values of each matrix by roughly one. Shape (N, rows, columns).

    Every step of the iteration multiplies x from the left by a polynomial of x xᵀ, and these all
    commute. So only x xᵀ and the product of the polynomials are iterated, both square, and x is
    multiplied once: a third of the work for a matrix four times as wide as high.
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = matrices if wide else matrices.mT  # (N, short, long)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    gram = x @ x.mT  # (N, short, short)
    product: torch.Tensor | None = None
    for left in reversed(range(ITERATIONS)):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=-2, dim2=-1).add_(a)
        product = factor if product is None else factor @ product
        if left:  # after the last one nothing reads it
            gram = factor @ gram @ factor
    assert product is not None
    x = product @ x
    return x if wide else x.mT


class Muon(torch.optim.Optimizer):
    """Momentum, then an orthogonalized step, for parameters that are matrices."""

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
        decay: float = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    def begin(self) -> None:
        """Give every matrix its momentum, zero, as the first step does."""
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter].setdefault("buffer", torch.zeros_like(parameter))

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every matrix that has a gradient."""
        self.begin()
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[parameter.shape].append(parameter)
            for parameters in by_shape.values():
                self._update(parameters, group["lr"], group["momentum"], group["decay"])

    def _update(
        self, parameters: list[torch.Tensor], rate: float, momentum: float, decay: float
    ) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        buffers = [self.state[p]["buffer"] for p in parameters]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        nesterov = torch._foreach_lerp(gradients, buffers, momentum)
        updates = orthogonalize(torch.stack(list(nesterov)))  # (N, rows, columns)
        scale = rate * max(1.0, updates.shape[-2] / updates.shape[-1]) ** 0.5
        torch._foreach_mul_(parameters, 1 - rate * decay)
        torch._foreach_add_(parameters, list(updates.unbind()), alpha=-scale)
