"""The roll intervention: the answer may travel through the symbolic subspace only.

arXiv 2505.10719, section 3, equation 2: after the last aligned layer, the part of the stream that
is orthogonal to the map's subspace comes from another row of the batch, detached.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rinject.inject.projection import Projection

ENERGY = 0.9
RANK_TOLERANCE = 1e-5


def roll_orthogonal(stream: Tensor, basis: Tensor) -> Tensor:
    """h' = roll(h - P h) + P h along the batch; stream [B, T, D], P on the span of `basis` [D, r].

    Columns of `basis` are orthonormal. No gradient flows through what is rolled.
    """
    kept = (stream @ basis) @ basis.mT  # [B, T, D]
    return (stream - kept).detach().roll(1, dims=0) + kept


@torch.no_grad()
def row_basis(projection: Projection, variable: str | None) -> Tensor:
    """Orthonormal basis [D, r] of the subspace of one variable, or of all (None). No gradient.

    One variable: the span of its rows, as the authors' code has it. All: where the map has more
    rows than the stream has dimensions, as it nearly always has, they span everything and the roll
    would change nothing. So rows are centred within each slice (what all values share tells none
    apart), and the leading directions that carry `ENERGY` of their squared norm are taken.
    """
    if variable is None:
        directions, strengths = _directions(_centred_rows(projection))
        energy = strengths.square().cumsum(0) / strengths.square().sum()  # [min(W, D)]
        return directions[:, : int((energy < ENERGY).sum()) + 1]
    (found,) = (one for one in projection.slices if one.name == variable)
    directions, strengths = _directions(projection.weight[found.start : found.stop])
    return directions[:, strengths > RANK_TOLERANCE * strengths[0]]


def _directions(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Principal directions [D, min(r, D)] of rows [r, D], and their singular values, falling."""
    left, strengths, _ = torch.linalg.svd(rows.float().mT, full_matrices=False)
    return left, strengths


def _centred_rows(projection: Projection) -> Tensor:
    sizes = [one.size for one in projection.slices]
    slices = projection.weight.split(sizes)
    return torch.cat([rows - rows.mean(dim=0) for rows in slices])  # [W, D]
