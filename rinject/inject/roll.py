"""The roll intervention: the answer may travel through the symbolic subspace only.

arXiv 2505.10719, section 3, equation 2: after the last aligned layer, the part of the stream that
is orthogonal to the map's subspace comes from another row of the batch, detached.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, distributed

from rinject.inject.projection import Maps
from rinject.inject.subspaces import Subspace, centred_rows, group_subspace, leading, span

ENERGY = 0.9
Roll = Callable[[Tensor], Tensor]
"""Moves each row [T, D] of a batch [B, T, D] to the next place, the last one to the first."""


def roll_rows(rows: Tensor) -> Tensor:
    """The roll of a batch [B, T, D] that is here as a whole."""
    return rows.roll(1, dims=0)


def roll_shared_rows(rows: Tensor) -> Tensor:
    """The same where each process holds its part of the batch, in the order of their ranks."""
    lasts = [torch.empty_like(rows[-1]) for _ in range(distributed.get_world_size())]
    distributed.all_gather(lasts, rows[-1].contiguous())
    return torch.cat([lasts[distributed.get_rank() - 1][None], rows[:-1]])


def roll_around(stream: Tensor, subspace: Subspace, roll: Roll = roll_rows) -> Tensor:
    """h' = roll(h - P h) + P h along the batch; stream [B, T, D], P on a subspace.

    No gradient flows through what is rolled.
    """
    kept = subspace.part(stream)  # [B, T, D]
    return roll((stream - kept).detach()) + kept


def set_in_others(stream: Tensor, rest: Tensor, subspace: Subspace) -> Tensor:
    """h' = r + P h: the rest r comes from elsewhere in the batch, detached.

    Stream [B, T, D]; `rest` [2, R] are flat places and, for each, where its rest comes from. All
    others keep their own.
    """
    kept = subspace.part(stream)  # [B, T, D]
    own = (stream - kept).detach().flatten(0, 1)  # [B * T, D]
    places, sources = rest
    return own.index_copy(0, places, own[sources]).view_as(stream) + kept


def set_in_text(stream: Tensor, text: Tensor, subspace: Subspace) -> Tensor:
    """h' = (t - P t) + P h: the same with what is outside of the subspace from ordinary text t.

    Stream [B, T, D], text [K, W, D]. Each row of text serves as many rows, one after the other, so
    that the parts of a batch in several processes do as the whole; its positions serve in turn
    where there are fewer. No gradient flows through the text.
    """
    around = (text - subspace.part(text)).detach()  # [K, W, D]
    rows, places = (torch.arange(size, device=stream.device) for size in stream.shape[:2])
    chosen = around[rows * len(text) // len(stream)]  # [B, W, D]
    return chosen[:, places % text.shape[1]] + subspace.part(stream)


@torch.no_grad()
def kept_subspace(maps: Maps, variable: str | None, layer: int) -> Subspace:
    """What stays in place at a compiled stream: one variable's subspace, or (None) that of all.

    Where variables have codes, their coordinates; else see :func:`row_basis`, which is for the last
    stream.
    """
    if maps.codes is None:
        return Subspace.orthogonal(row_basis(maps, variable))
    held = [one for one in maps.slices if one.layer <= layer and variable in (None, one.name)]
    return group_subspace(maps, held, layer)


@torch.no_grad()
def row_basis(maps: Maps, variable: str | None) -> Tensor:
    """Orthonormal basis [D, r] of one variable's subspace, or of all (None), at the last stream.

    One variable: the span of its rows, as the authors' code has it. All: where the map has more
    rows than the stream has dimensions, as it nearly always has, they span everything and the roll
    would change nothing. So rows are centred within each slice (what all values share tells none
    apart), and the leading directions that carry `ENERGY` of their squared norm are taken.
    """
    if variable is None:
        return leading(centred_rows(maps, maps.slices, -1), ENERGY)
    (found,) = (one for one in maps.slices if one.name == variable)
    weight, _ = maps.at(-1)  # [W, D]
    return span(weight[found.start : found.stop])
