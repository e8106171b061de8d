"""The maps: one for all layers or one for each, read as a whole, by variable and by layer."""

from __future__ import annotations

import pytest
import torch
from inject import small_injection

from rinject.inject.coordinates import Coordinates
from rinject.inject.projection import Projection, VariableSlice, variable_slices

SLICES = (
    VariableSlice("tokens", 0, 4, 0),
    VariableSlice("never", 4, 4, 0),  # has no value
    VariableSlice("count", 4, 9, 2),
)
STREAMS, POSITIONS, WIDTH = 3, 5, 6


@pytest.fixture(params=[1, STREAMS], ids=["one map", "a map per layer"])
def projection(request: pytest.FixtureRequest) -> Projection:
    chance = torch.Generator().manual_seed(0)
    return Projection(SLICES, WIDTH, maps=request.param, generator=chance)


@pytest.fixture
def streams() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(STREAMS, POSITIONS, WIDTH)


def test_all_ways_of_reading_agree(projection, streams):
    maps = projection.maps()
    whole = maps(streams)  # [L, N, W]
    for layer, stream in enumerate(streams):
        weight, bias = maps.at(layer)
        torch.testing.assert_close(whole[layer], stream @ weight.T + bias)
        torch.testing.assert_close(whole[layer], maps.slices_at(layer, stream))
        read = maps.read(layer, stream)  # [N, V]
        assert torch.equal(read[:, 0], whole[layer][:, :4].argmax(-1))
        assert torch.equal(read[:, 1], torch.full((POSITIONS,), -1))
        assert torch.equal(read[:, 2], whole[layer][:, 4:].argmax(-1))
    torch.testing.assert_close(maps.of(SLICES[0], streams), whole[:, :, :4])
    torch.testing.assert_close(maps.of(SLICES[2], streams), whole[2:, :, 4:])
    assert all(map(torch.equal, maps.at(-1), maps.at(STREAMS - 1)))


def test_layers_have_maps_of_their_own_or_share_one(projection, streams):
    same = projection.maps()(streams[:1].expand_as(streams))
    assert torch.allclose(same[0], same[1], atol=1e-5) == (len(projection.weight) == 1)


def test_low_precision_streams(projection, streams):
    maps = projection.maps()
    low = streams.bfloat16()
    assert maps(low).dtype == torch.bfloat16
    torch.testing.assert_close(maps(low).float(), maps(streams), atol=0.05, rtol=0.05)


def test_it_starts_as_a_linear_layer_does():
    weight = Projection(SLICES, 400, generator=torch.Generator().manual_seed(0)).weight
    assert 0.049 < float(weight.detach().abs().max()) <= 0.05


def test_the_generator_decides(projection):
    def made(seed: int) -> Projection:
        chance = torch.Generator().manual_seed(seed)
        return Projection(SLICES, WIDTH, maps=len(projection.weight), generator=chance)

    assert torch.equal(made(0).weight, projection.weight)
    assert not torch.equal(made(1).weight, projection.weight)


def test_plain_parameters_mean_the_same(projection, streams):
    projection.coordinates = Coordinates(torch.diag(torch.rand(WIDTH) + 1), torch.randn(WIDTH))
    plain = projection.plain()
    assert plain.coordinates is None
    assert plain.weight.shape == projection.weight.shape
    assert not torch.equal(plain.weight, projection.weight)
    torch.testing.assert_close(plain.maps()(streams), projection.maps()(streams))


def test_slices_lie_side_by_side():
    graph = small_injection.compiled().graph
    slices = variable_slices(graph)
    assert [one.name for one in slices] == [one.name for one in graph.variables]
    assert [one.start for one in slices] == [0, *(one.stop for one in slices[:-1])]
    assert [one.size for one in slices] == [one.size for one in graph.variables]
    assert [one.layer for one in slices] == [one.layer for one in graph.variables]
