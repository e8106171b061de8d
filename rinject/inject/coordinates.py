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

from rinject.inject.projection import Projection


class Coordinates(nn.Module):
    """A map's weight and bias for whitened streams, which the optimizer moves in its place.

    With whitened streams (h - centre) @ scale, the map's own weight is `weight @ scale` and its own
    bias `bias - (weight @ scale) @ centre`.
    """

    scale: Tensor
    """[D, D], symmetric."""
    centre: Tensor
    """[D]"""

    def __init__(self, projection: Projection, scale: Tensor, centre: Tensor) -> None:
        """The map keeps its weight and bias as numbers; they now hold for the new coordinates."""
        super().__init__()
        self.weight = nn.Parameter(projection.weight.detach().clone())  # [W, D]
        self.bias = nn.Parameter(projection.bias.detach().clone())  # [W]
        self.register_buffer("scale", scale.to(projection.weight))
        self.register_buffer("centre", centre.to(projection.weight))
        self.settle(projection)

    @torch.no_grad()
    def take_gradient(self, projection: Projection) -> None:
        """The gradient of weight and bias, by the chain rule from that of the map."""
        weight, bias = projection.weight.grad, projection.bias.grad
        if weight is None or bias is None:
            self.weight.grad = self.bias.grad = None
            return
        self.weight.grad = (weight - torch.outer(bias, self.centre)) @ self.scale  # [W, D]
        self.bias.grad = bias

    @torch.no_grad()
    def settle(self, projection: Projection) -> None:
        """Sets the map to what weight and bias mean in the coordinates of the streams."""
        projection.weight.copy_(self.weight @ self.scale)
        projection.bias.copy_(self.bias - projection.weight @ self.centre)


def whitening(streams: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    """The symmetric whitening [D, D] and the mean [D] of streams [N, D].

    Directions with less variance than `floor` times the mean are treated as if they had that much,
    so that noise is not blown up.
    """
    streams = streams.double()
    centre = streams.mean(dim=0)  # [D]
    deviations = streams - centre
    variances, directions = torch.linalg.eigh(deviations.mT @ deviations / len(streams))
    strengths = (variances.clamp(min=0) + floor * variances.mean()).rsqrt()  # [D]
    return ((directions * strengths) @ directions.mT).float(), centre.float()
