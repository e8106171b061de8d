"""The coordinates in which the linear map is learned.

The directions of a pre-trained stream differ in scale by orders of magnitude (in the embedded
student, variances from 1e-3 to 1e4, around a mean far from zero), and an optimizer that treats all
entries of the map alike then learns the narrow directions late. So the map may be trained in
coordinates where the student's streams, as they are before training, are centred and equally wide.
It stays the same kind of map: only the path to it is shorter.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Coordinates(nn.Module):
    """Whitened streams: (h - centre) @ scale."""

    scale: Tensor
    """[D, D], symmetric."""
    centre: Tensor
    """[D]"""

    def __init__(self, scale: Tensor, centre: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("centre", centre)

    def plain(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """What a map of whitened streams is for plain ones; weight [M, W, D], bias [M, W]."""
        weight = weight @ self.scale
        return weight, bias - weight @ self.centre

    def plain_directions(self, basis: Tensor) -> tuple[Tensor, Tensor]:
        """How an orthonormal basis [..., D, r] of whitened streams is read in plain ones, and
        written: a change of the coordinates by c changes the stream by the second times c."""
        return self.scale @ basis, torch.linalg.solve(self.scale, basis)


def whitening(streams: Tensor, floor: float) -> Coordinates:
    """The coordinates in which streams [N, D] are centred and equally wide.

    Directions with less variance than `floor` times the mean are treated as if they had that much,
    so that noise is not blown up.
    """
    streams = streams.double()
    centre = streams.mean(dim=0)  # [D]
    deviations = streams - centre
    variances, directions = torch.linalg.eigh(deviations.mT @ deviations / len(streams))
    strengths = (variances.clamp(min=0) + floor * variances.mean()).rsqrt()  # [D]
    scale = (directions * strengths) @ directions.mT  # [D, D]
    return Coordinates(scale.float(), centre.float())
