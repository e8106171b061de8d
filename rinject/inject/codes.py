"""Variables as low-rank codes, each in a subspace of its own.

A rotation of the student's stream gives every variable a few coordinates, and a codebook says which
point in them each of its values is, as in distributed alignment search (Geiger et al., "Finding
alignments between interpretable causal variables and distributed neural representations", 2024,
section 3). Here the alignment trains both; interventions use them as they are. The subspaces are
orthogonal in the coordinates in which the map is learned, so one variable can be changed without
another being read differently. M, D and W: see `projection.py`; R is the sum of the ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeAlias

import torch
from torch import Tensor, nn

from rinject.errors import InputError
from rinject.inject.coordinates import Coordinates
from rinject.inject.projection import Codes, Maps, Projection, VariableSlice

SHARE = 0.875
"""Of the student's width that the codes take at most; the rest is left to everything else."""


def code_ranks(slices: Sequence[VariableSlice], width: int, most: int = 0) -> tuple[int, ...]:
    """The rank of each variable's code: as many as it has values less one, up to a common limit.

    The limit is the highest at which all codes together take no more than `SHARE` of the width; it
    is at most `most`, unless that is 0. Raises InputError where not even one dimension for each
    fits.
    """
    room = int(SHARE * width)
    needs = [min(max(0, one.size - 1), most or one.size) for one in slices]
    limit = max(
        (q for q in range(1, max(needs, default=0) + 1) if _total(needs, q) <= room), default=0
    )
    if not limit and any(needs):
        raise InputError(
            f"codes for {sum(need > 0 for need in needs)} variables do not fit into a student of"
            f" width {width}, of which they may take {room}",
            hint="use a wider student, or --codes free",
        )
    return tuple(min(need, limit) for need in needs)


def code_words(slices: Sequence[VariableSlice], width: int, most: int = 0) -> str:
    """What fits, in words: the rank of each variable that can change, high ranks first. Raises
    InputError as :func:`code_ranks` does."""
    ranks = code_ranks(slices, width, most)
    named = {
        rank: ", ".join(one.name for one, own in zip(slices, ranks, strict=True) if own == rank)
        for rank in sorted(set(ranks) - {0}, reverse=True)
    }
    each = "; ".join(f"{rank} for {names}" for rank, names in named.items())
    return f"codes: {sum(ranks)} of {width} dimensions" + (f", {each}" if each else "")


def _total(needs: Sequence[int], limit: int) -> int:
    return sum(min(need, limit) for need in needs)


class CodedProjection(nn.Module):
    """The maps that read codes: parameters in the coordinates that they are learned in."""

    mask: Tensor
    """[W, R]: which coordinates belong to the variable of each row."""

    def __init__(
        self,
        slices: tuple[VariableSlice, ...],
        hidden_size: int,
        *,
        maps: int = 1,
        most: int = 0,
        generator: torch.Generator | None = None,
        coordinates: Coordinates | None = None,
    ) -> None:
        """Codes of at most so many coordinates; 0 for as many as fit.

        Raises InputError where the codes do not fit.
        """
        super().__init__()
        self.slices = slices
        self.columns = _columns(code_ranks(slices, hidden_size, most))
        total, width = self.columns[-1][1], slices[-1].stop
        self.directions = nn.Parameter(torch.empty(maps, hidden_size, total))  # [M, D, R]
        self.codebook = nn.Parameter(torch.empty(maps, width, total))  # [M, W, R]
        self.bias = nn.Parameter(torch.zeros(maps, width))  # [M, W]
        nn.init.normal_(self.directions, generator=generator)  # long: the rotation starts slowly
        nn.init.normal_(self.codebook, std=hidden_size**-0.5, generator=generator)
        self.register_buffer("mask", _mask(slices, self.columns))
        self.coordinates = coordinates

    def maps(self) -> Maps:
        """What the parameters mean for plain streams, in full precision whatever the context.

        The rotation is the orthonormal factor of free directions, whose length does not matter: the
        longer they have grown, the slower the rotation turns.
        """
        with torch.autocast(self.bias.device.type, enabled=False):
            rotation = _orthonormal(self.directions)  # [M, D, R]
            weight = (self.codebook * self.mask) @ rotation.mT  # [M, W, D]
            if self.coordinates is None:
                codes = Codes(rotation, rotation, self.columns)
                return Maps(self.slices, weight, self.bias, codes)
            plain = self.coordinates.plain(weight, self.bias)
            codes = Codes(*self.coordinates.plain_directions(rotation), self.columns)
            return Maps(self.slices, *plain, codes)

    @torch.no_grad()
    def plain(self) -> Projection:
        """The same maps with weights in plain coordinates, and the codes that they read."""
        return Projection.of(self.maps())


def _orthonormal(directions: Tensor) -> Tensor:
    """What Gram and Schmidt make of the columns of directions [M, D, R].

    The signs that LAPACK chooses for the columns jump as the directions move; these do not.
    """
    factor, triangle = torch.linalg.qr(directions)
    signs = torch.where(triangle.diagonal(dim1=-2, dim2=-1) < 0, -1.0, 1.0)  # [M, R]
    return factor * signs[:, None]


TrainedMaps: TypeAlias = Projection | CodedProjection


def _columns(ranks: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple(pairwise(accumulate(ranks, initial=0)))


def _mask(slices: Sequence[VariableSlice], columns: Sequence[tuple[int, int]]) -> Tensor:
    mask = torch.zeros(slices[-1].stop, columns[-1][1])
    for one, (start, stop) in zip(slices, columns, strict=True):
        mask[one.start : one.stop, start:stop] = 1
    return mask
