"""The coordinates of the map: the same function, another path to it."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from rinject.inject.coordinates import Coordinates, whitening
from rinject.inject.projection import Projection, VariableSlice

WIDTH = 6
SLICES = (VariableSlice("a", 0, 3, 0), VariableSlice("b", 3, 5, 0))


@pytest.fixture
def streams() -> torch.Tensor:
    """[N, D], with directions of very different scale, around a mean far from zero."""
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(500, WIDTH, generator=generator) * torch.logspace(-2, 2, WIDTH)
    turn, _ = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=generator))
    return mixed @ turn + 50


def projection(coordinates: Coordinates | None = None, maps: int = 1) -> Projection:
    generator = torch.Generator().manual_seed(1)
    return Projection(SLICES, WIDTH, maps=maps, generator=generator, coordinates=coordinates)


def whitened(found: Coordinates, streams: torch.Tensor) -> torch.Tensor:
    return (streams - found.centre) @ found.scale


def test_whitened_streams_are_centred_and_equally_wide(streams):
    white = whitened(whitening(streams, 0.0), streams).double()
    torch.testing.assert_close(white.mean(dim=0), torch.zeros(WIDTH).double(), atol=1e-2, rtol=0)
    covariance = white.mT @ white / len(white)
    torch.testing.assert_close(covariance, torch.eye(WIDTH).double(), atol=2e-2, rtol=0)


def test_narrow_directions_are_not_blown_up(streams):
    found = whitening(streams, 0.01)
    assert float(whitened(found, streams).var(dim=0).max()) < 1.1
    largest = float(torch.linalg.matrix_norm(found.scale, 2))
    assert largest <= 1.01 * float(0.01 * streams.var(dim=0).mean()) ** -0.5


def test_a_constant_direction_has_a_scale():
    found = whitening(torch.tensor([[1.0, 2.0], [3.0, 2.0]]), 0.1)
    assert torch.isfinite(found.scale).all()


@pytest.mark.parametrize("maps", [1, 2])
def test_the_map_means_the_same_in_both_coordinates(streams, maps):
    found = whitening(streams, 0.01)
    inner = projection(found, maps)
    for place in range(maps):
        expected = whitened(found, streams) @ inner.weight[place].T + inner.bias[place]
        plain = inner.maps().slices_at(place, streams)
        torch.testing.assert_close(plain, expected, atol=1e-2, rtol=1e-3)


def test_gradients_are_those_in_the_inner_coordinates(streams):
    found = whitening(streams, 0.01)
    inner = projection(found)
    parameters = [inner.weight, inner.bias]
    through = inner.maps()(streams[None]).logsumexp(dim=-1).sum()
    direct = (whitened(found, streams) @ inner.weight[0].T + inner.bias[0]).logsumexp(dim=-1).sum()
    ours, expected = (torch.autograd.grad(loss, parameters) for loss in (through, direct))
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, atol=5e-2, rtol=1e-3)


def test_learning_is_faster_in_them(streams):
    """The direction that decides has a ten-thousandth of the widest one's scale."""
    target = (torch.linalg.eigh(torch.cov(streams.T))[1][:, 0] @ (streams - streams.mean(0)).T) > 0

    def loss_after(steps: int, coordinates: Coordinates | None) -> float:
        trained = projection(coordinates)
        optimizer = torch.optim.AdamW(trained.parameters(), lr=0.05, weight_decay=0.0)
        for _ in range(steps):
            trained.zero_grad()
            logits = trained.maps().of(SLICES[1], streams[None])[0]
            loss = functional.cross_entropy(logits, target.long())
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    assert loss_after(60, whitening(streams, 0.0)) < 0.3 < loss_after(60, None)
