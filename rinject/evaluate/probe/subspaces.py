"""The subspaces that are probed, and random ones of the same rank to set beside them."""

from __future__ import annotations

import torch
from torch import Tensor

from rinject.inject.coordinates import whitening
from rinject.inject.projection import Maps, VariableSlice
from rinject.inject.randomness import torch_generator
from rinject.inject.subspaces import (
    Subspace,
    centred_rows,
    leading,
    random_subspace,
    span,
    variable_subspace,
)

MOST = 0.5
"""The largest share of the stream's dimensions that a variable's subspace may have."""
ENERGY = 0.99
"""Where it would have more: the share of the squared norm that the directions kept carry."""
FLOOR = 0.01
"""Of the streams' mean variance, what narrow directions are taken to have at least."""


@torch.no_grad()
def probed_subspace(maps: Maps, variable: VariableSlice, layer: int) -> Subspace:
    """What the map of a compiled stream reads of a variable, as far as it can be told apart.

    That is all of it, unless it is more than half of the stream's dimensions: a variable with more
    values than the stream has dimensions may be read in every direction, and no random subspace of
    equal rank would then be another one. In this case it is the leading directions of the map's
    centred rows, those that carry `ENERGY` of their squared norm.
    """
    whole = variable_subspace(maps, variable, layer)
    if whole.rank <= MOST * len(whole.read):
        return whole
    return Subspace.orthogonal(leading(centred_rows(maps, [variable], layer), ENERGY))


def random_subspaces(
    like: Subspace, streams: Tensor, draws: int, seed: int, name: str
) -> tuple[Subspace, ...]:
    """So many random subspaces, of the rank of one and as it is changed.

    Where that is an orthogonal one they are, too; else they are orthogonal in the coordinates in
    which the streams [N, D] are equally wide, as subspaces are that were learned there: a change in
    them then goes the way that streams differ, and does as much.
    """
    chances = [torch_generator(seed, f"{name}, draw {draw}") for draw in range(draws)]
    width, rank = like.read.shape
    drawn = [random_subspace(width, rank, chance).read.to(like.read) for chance in chances]
    if torch.equal(like.read, like.write):
        return tuple(Subspace.orthogonal(basis) for basis in drawn)
    coordinates = whitening(streams, FLOOR).to(like.read)
    return tuple(Subspace(*coordinates.plain_directions(basis)) for basis in drawn)


def row_basis(subspace: Subspace) -> Tensor:
    """Orthonormal basis [D, r] of the directions in which a subspace is read: the map's rows."""
    return span(subspace.read.mT)


def complement(basis: Tensor) -> Tensor:
    """Orthonormal basis [D, D - r] of all that is orthogonal to a basis [D, r]."""
    full: Tensor = torch.linalg.qr(basis, mode="complete").Q
    return full[:, basis.shape[1] :]
