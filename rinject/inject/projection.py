"""The linear map from the student's residual stream to the program's."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rinject.graph import Graph


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


class Projection(nn.Module):
    """One map for all layers: stream [..., D] to slices of variables [..., W]."""

    def __init__(
        self,
        slices: tuple[VariableSlice, ...],
        hidden_size: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.slices = slices
        width = slices[-1].stop
        bound = hidden_size**-0.5  # as nn.Linear starts
        self.weight = nn.Parameter(torch.empty(width, hidden_size))  # [W, D]
        self.bias = nn.Parameter(torch.empty(width))  # [W]
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(self, stream: Tensor) -> Tensor:
        """All slices [..., W] of a stream [..., D]."""
        return functional.linear(stream, self.weight, self.bias)

    def of(self, variable: VariableSlice, stream: Tensor) -> Tensor:
        """One variable's slice [..., size] of a stream [..., D]."""
        rows = slice(variable.start, variable.stop)
        return functional.linear(stream, self.weight[rows], self.bias[rows])

    def read(self, stream: Tensor) -> Tensor:
        """int64 [..., V]: the value index that each variable decodes to in a stream [..., D].

        A variable that never has a value reads as -1.
        """
        sizes = [variable.size for variable in self.slices]
        slices = self(stream).split(sizes, dim=-1)
        none = stream.new_full(stream.shape[:-1], -1, dtype=torch.long)
        return torch.stack([s.argmax(dim=-1) if s.shape[-1] else none for s in slices], dim=-1)
