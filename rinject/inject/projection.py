"""The linear map from the student's residual stream to the program's.

One map for all aligned layers, as in arXiv 2505.10719, section 3, or one for each of them. M counts
maps, L aligned streams, D is the width of the student's stream, W that of all slices together.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rinject.graph import Graph
from rinject.inject.coordinates import Coordinates


@dataclass(frozen=True)
class VariableSlice:
    """Where one variable lives in the map's output."""

    name: str
    start: int
    stop: int
    layer: int
    """The first compiled stream that holds it."""

    @property
    def size(self) -> int:
        """Number of its values."""
        return self.stop - self.start

    @property
    def is_constant(self) -> bool:
        """Whether there is nothing to tell apart."""
        return self.size < 2


def variable_slices(graph: Graph) -> tuple[VariableSlice, ...]:
    """The slices of all variables, side by side as at the start of the compiled stream."""
    slices, start = [], 0
    for variable in graph.variables:
        slices.append(VariableSlice(variable.name, start, start + variable.size, variable.layer))
        start += variable.size
    return tuple(slices)


@dataclass(frozen=True)
class Codes:
    """Coordinates that variables have for themselves, R of them in all; see `codes.py`."""

    read: Tensor
    """[M, D, R]: what reads them."""
    write: Tensor
    """[M, D, R]: what changes them; read^T write is the identity."""
    columns: tuple[tuple[int, int], ...]
    """From where to where each variable's are."""


@dataclass(frozen=True)
class Maps:
    """The maps as tensors, ready to be applied; gradients pass to the projection they come from."""

    slices: tuple[VariableSlice, ...]
    weight: Tensor
    """[M, W, D]"""
    bias: Tensor
    """[M, W]"""
    codes: Codes | None = None
    """Where the maps read nothing of a variable but its code."""

    def __call__(self, streams: Tensor) -> Tensor:
        """All slices [L, N, W] of the aligned streams [L, N, D]."""
        return self._apply(streams, slice(None), slice(None))

    def of(self, variable: VariableSlice, streams: Tensor) -> Tensor:
        """One variable's slice [l, N, size], of the l of all aligned streams [L, N, D] with it."""
        rows = slice(variable.start, variable.stop)
        return self._apply(streams[variable.layer :], slice(variable.layer, None), rows)

    def _apply(self, streams: Tensor, layers: slice, rows: slice) -> Tensor:
        own = layers if len(self.weight) > 1 else slice(None)
        weight = self.weight[own, rows].to(streams.dtype)  # [l or 1, rows, D]
        return streams @ weight.mT + self.bias[own, None, rows].to(streams.dtype)

    def at(self, layer: int) -> tuple[Tensor, Tensor]:
        """Weight [W, D] and bias [W] of the map for one aligned stream; -1 is the last."""
        place = layer if len(self.weight) > 1 else 0
        return self.weight[place], self.bias[place]

    def slices_at(self, layer: int, stream: Tensor) -> Tensor:
        """All slices [..., W] of one aligned stream [..., D]."""
        weight, bias = self.at(layer)
        return stream @ weight.mT + bias

    def read(self, layer: int, stream: Tensor) -> Tensor:
        """int64 [..., V]: the value index that each variable decodes to in a stream [..., D].

        A variable that never has a value reads as -1. In full precision whatever the context.
        """
        sizes = [variable.size for variable in self.slices]
        with torch.autocast(stream.device.type, enabled=False):
            found = self.slices_at(layer, stream.to(self.weight.dtype))  # [..., W]
        slices = found.split(sizes, dim=-1)
        none = stream.new_full(stream.shape[:-1], -1, dtype=torch.long)
        return torch.stack([s.argmax(dim=-1) if s.shape[-1] else none for s in slices], dim=-1)


class Projection(nn.Module):
    """The trained maps: parameters, in plain coordinates or in those of whitened streams."""

    def __init__(
        self,
        slices: tuple[VariableSlice, ...],
        hidden_size: int,
        *,
        maps: int = 1,
        generator: torch.Generator | None = None,
        coordinates: Coordinates | None = None,
    ) -> None:
        """`maps` is 1, or the number of aligned streams."""
        super().__init__()
        self.slices = slices
        width = slices[-1].stop
        bound = hidden_size**-0.5  # as nn.Linear starts
        self.weight = nn.Parameter(torch.empty(maps, width, hidden_size))  # [M, W, D]
        self.bias = nn.Parameter(torch.empty(maps, width))  # [M, W]
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        self.coordinates = coordinates
        self.codes: Codes | None = None

    @classmethod
    @torch.no_grad()
    def of(cls, maps: Maps) -> Projection:
        """Maps as parameters in plain coordinates, no longer to be trained."""
        count, _, width = maps.weight.shape
        made = cls(maps.slices, width, maps=count).to(maps.weight)
        made.weight.copy_(maps.weight)
        made.bias.copy_(maps.bias)
        made.codes = maps.codes
        return made.eval()

    def maps(self) -> Maps:
        """What the parameters mean for plain streams, in full precision whatever the context."""
        if self.coordinates is None:
            return Maps(self.slices, self.weight, self.bias, self.codes)
        with torch.autocast(self.weight.device.type, enabled=False):
            return Maps(self.slices, *self.coordinates.plain(self.weight, self.bias))

    @torch.no_grad()
    def plain(self) -> Projection:
        """The same maps with parameters in plain coordinates."""
        return self.of(self.maps())
