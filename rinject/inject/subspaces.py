"""The part of a student's stream that holds a variable: what the map reads of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rinject.inject.projection import Maps, VariableSlice

RANK_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Subspace:
    """r coordinates of a stream of width D, and how to change them.

    Changing coordinates by c [r] adds `write` @ c, after which `read` finds the change and nothing
    else: read^T write is the identity. Both are one basis where the subspace is an orthogonal one.
    """

    read: Tensor
    """[D, r]"""
    write: Tensor
    """[D, r]"""

    @classmethod
    def orthogonal(cls, basis: Tensor) -> Subspace:
        """The subspace of an orthonormal basis [D, r]."""
        return cls(basis, basis)

    @property
    def rank(self) -> int:
        """r"""
        return self.read.shape[1]

    def part(self, stream: Tensor) -> Tensor:
        """The part [..., D] of a stream [..., D] that lies in the subspace.

        In full precision whatever the context: what is read and what is written have to agree.
        """
        with torch.autocast(stream.device.type, enabled=False):
            return ((stream.float() @ self.read.float()) @ self.write.float().mT).to(stream.dtype)


@torch.no_grad()
def variable_subspace(maps: Maps, variable: VariableSlice, layer: int) -> Subspace:
    """What the map of a compiled stream reads of a variable.

    Its code, where it has one; or the span of its rows, centred first: what all values share tells
    none apart. Two streams with the same part in the subspace decode to the same value. A variable
    with one value has rank 0.
    """
    return group_subspace(maps, [variable], layer)


@torch.no_grad()
def group_subspace(maps: Maps, variables: Sequence[VariableSlice], layer: int) -> Subspace:
    """The same of several variables together."""
    if maps.codes is None:
        return Subspace.orthogonal(span(centred_rows(maps, variables, layer)))
    place = layer if len(maps.weight) > 1 else 0
    taken = [maps.codes.columns[maps.slices.index(one)] for one in variables]
    columns = [column for start, stop in taken for column in range(start, stop)]
    return Subspace(maps.codes.read[place][:, columns], maps.codes.write[place][:, columns])


def random_subspace(width: int, rank: int, generator: torch.Generator) -> Subspace:
    """An orthogonal subspace drawn uniformly."""
    drawn = torch.randn(width, rank, generator=generator)
    return Subspace.orthogonal(torch.linalg.qr(drawn).Q)


def centred_rows(maps: Maps, variables: Sequence[VariableSlice], layer: int) -> Tensor:
    """[n, D]: the map's rows for the values of these variables, less the mean of each variable's:
    what all values share tells none apart."""
    weight, _ = maps.at(layer)  # [W, D]
    rows = [weight[one.start : one.stop] for one in variables if one.size]
    return torch.cat([some - some.mean(dim=0) for some in rows] or [weight[:0]])


def leading(rows: Tensor, energy: float) -> Tensor:
    """Orthonormal basis [D, r] of the leading directions of rows [n, D], as many as carry a share
    of their squared norm."""
    directions, strengths = directions_of(rows)
    carried = strengths.square().cumsum(0) / strengths.square().sum()  # [min(n, D)]
    return directions[:, : int((carried < energy).sum()) + 1]


def span(rows: Tensor) -> Tensor:
    """Orthonormal basis [D, r] of the span of rows [n, D]."""
    directions, strengths = directions_of(rows)
    return directions[:, strengths > RANK_TOLERANCE * strengths[:1].clamp(min=1e-12)]


def directions_of(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Principal directions [D, min(n, D)] of rows [n, D], and their singular values, falling."""
    left, strengths, _ = torch.linalg.svd(rows.float().mT, full_matrices=False)
    return left, strengths
