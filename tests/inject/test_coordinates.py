"""The coordinates of the map: the same function, another path to it."""

import pytest
import torch

from rinject.inject.coordinates import Coordinates, whitening
from rinject.inject.projection import Projection, VariableSlice

WIDTH = 6
SLICES = (VariableSlice("a", 0, 3, 0), VariableSlice("b", 3, 5, 0))


@pytest.fixture
def streams():
    """[N, D], with directions of very different scale, around a mean far from zero."""
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(500, WIDTH, generator=generator) * torch.logspace(-2, 2, WIDTH)
    turn, _ = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=generator))
    return mixed @ turn + 50


def projection():
    return Projection(SLICES, WIDTH, torch.Generator().manual_seed(1))


def test_whitened_streams_are_centred_and_equally_wide(streams):
    scale, centre = whitening(streams, 0.0)
    white = ((streams - centre) @ scale).double()
    torch.testing.assert_close(white.mean(dim=0), torch.zeros(WIDTH).double(), atol=1e-2, rtol=0)
    covariance = white.mT @ white / len(white)
    torch.testing.assert_close(covariance, torch.eye(WIDTH).double(), atol=2e-2, rtol=0)


def test_narrow_directions_are_not_blown_up(streams):
    scale, centre = whitening(streams, 0.01)
    variances = ((streams - centre) @ scale).var(dim=0)
    assert float(variances.max()) < 1.1
    largest = float(torch.linalg.matrix_norm(scale, 2))
    assert largest <= 1.01 * float(0.01 * streams.var(dim=0).mean()) ** -0.5


def test_a_constant_direction_has_a_scale():
    scale, _ = whitening(torch.tensor([[1.0, 2.0], [3.0, 2.0]]), 0.1)
    assert torch.isfinite(scale).all()


def test_the_map_means_the_same_in_both_coordinates(streams):
    plain = projection()
    scale, centre = whitening(streams, 0.01)
    coordinates = Coordinates(plain, scale, centre)
    white = (streams - centre) @ scale
    expected = white @ coordinates.weight.T + coordinates.bias
    torch.testing.assert_close(plain(streams), expected, atol=1e-3, rtol=1e-3)


def test_gradients_follow_the_chain_rule(streams):
    plain = projection()
    scale, centre = whitening(streams, 0.01)
    coordinates = Coordinates(plain, scale, centre)
    plain(streams).logsumexp(dim=-1).sum().backward()
    coordinates.take_gradient(plain)
    taken = coordinates.weight.grad.clone(), coordinates.bias.grad.clone()
    white = (streams - centre) @ scale
    direct = (white @ coordinates.weight.T + coordinates.bias).logsumexp(dim=-1).sum()
    expected = torch.autograd.grad(direct, [coordinates.weight, coordinates.bias])
    for one, other in zip(taken, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-2, rtol=1e-3)


def test_learning_is_faster_in_them(streams):
    """The direction that decides has a ten-thousandth of the widest one's scale."""
    target = (torch.linalg.eigh(torch.cov(streams.T))[1][:, 0] @ (streams - streams.mean(0)).T) > 0

    def loss_after(steps, coordinates):
        plain = projection()
        inner = Coordinates(plain, *whitening(streams, 0.0)) if coordinates else None
        optimizer = torch.optim.AdamW((inner or plain).parameters(), lr=0.05, weight_decay=0.0)
        for _ in range(steps):
            plain.zero_grad()
            logits = plain(streams)[:, 3:5]
            loss = torch.nn.functional.cross_entropy(logits, target.long())
            loss.backward()
            if inner:
                inner.take_gradient(plain)
            optimizer.step()
            if inner:
                inner.settle(plain)
        return float(loss.detach())

    assert loss_after(60, coordinates=True) < 0.3 < loss_after(60, coordinates=False)
