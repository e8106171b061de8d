"""The roll intervention: P h is kept, the rest is the neighbour's, and no gradient passes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import distributed

from rinject.inject.projection import Projection, VariableSlice
from rinject.inject.roll import roll_around, roll_rows, roll_shared_rows, row_basis, set_in_text
from rinject.inject.subspaces import Subspace

SLICES = (VariableSlice("many", 0, 20, 0), VariableSlice("answer", 20, 22, 1))
WIDTH = 8


@pytest.fixture(params=[1, 2], ids=["one map", "a map per layer"])
def projection(request: pytest.FixtureRequest) -> Projection:
    chance = torch.Generator().manual_seed(0)
    return Projection(SLICES, WIDTH, maps=request.param, generator=chance)


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    """A group of processes that has this one only."""
    store = distributed.FileStore(str(tmp_path / "store"), 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.parametrize("variable", ["answer", None])
def test_kept_and_rolled(projection, variable):
    basis = row_basis(projection.maps(), variable)
    assert 0 < basis.shape[1] < WIDTH
    torch.testing.assert_close(basis.mT @ basis, torch.eye(basis.shape[1]))
    torch.manual_seed(1)
    stream = torch.randn(3, 5, WIDTH)
    rolled = roll_around(stream, Subspace.orthogonal(basis))
    inside = basis @ basis.mT
    for row in range(3):
        expected = stream[row] @ inside + stream[row - 1] @ (torch.eye(WIDTH) - inside)
        torch.testing.assert_close(rolled[row], expected)


def test_gradients_pass_the_kept_part_only(projection):
    basis = row_basis(projection.maps(), "answer")
    stream = torch.randn(3, 5, WIDTH, requires_grad=True)
    weights = torch.randn(3, 5, WIDTH)
    (gradient,) = torch.autograd.grad(
        (roll_around(stream, Subspace.orthogonal(basis)) * weights).sum(), stream
    )
    torch.testing.assert_close(gradient, weights @ basis @ basis.mT)


def test_what_is_kept_is_set_in_text(projection):
    basis = row_basis(projection.maps(), "answer")
    inside = basis @ basis.mT
    stream = torch.randn(3, 5, WIDTH, requires_grad=True)
    text = torch.randn(2, 5, WIDTH, requires_grad=True)
    found = set_in_text(stream, text, Subspace.orthogonal(basis))
    for row, source in enumerate((0, 0, 1)):
        expected = stream[row] @ inside + text[source] @ (torch.eye(WIDTH) - inside)
        torch.testing.assert_close(found[row], expected)
    gradients = torch.autograd.grad(found.sum(), (stream, text), allow_unused=True)
    assert gradients[0].abs().sum() > 0
    assert gradients[1] is None


def test_text_may_be_shorter():
    text, stream = torch.randn(1, 2, WIDTH), torch.randn(2, 5, WIDTH)
    nothing = Subspace.orthogonal(torch.zeros(WIDTH, 0))
    found = set_in_text(stream, text, nothing)
    torch.testing.assert_close(found, text[:, [0, 1, 0, 1, 0]].expand(2, -1, -1))


def test_the_last_map_reads_its_output_as_before(projection):
    maps = projection.maps()
    stream = torch.randn(3, 5, WIDTH)
    rolled = roll_around(stream, Subspace.orthogonal(row_basis(maps, "answer")))
    before, after = maps.slices_at(-1, stream), maps.slices_at(-1, rolled)
    torch.testing.assert_close(after[..., 20:], before[..., 20:])
    assert not torch.allclose(after[..., :20], before[..., :20])


def test_rows_that_repeat_count_once(projection):
    with torch.no_grad():
        projection.weight[-1, 21] = -2 * projection.weight[-1, 20]
    assert row_basis(projection.maps(), "answer").shape == (WIDTH, 1)


@pytest.mark.usefixtures("one_process")
def test_shared_rows_roll_as_those_of_one_process():
    rows = torch.randn(4, 5, WIDTH)
    assert torch.equal(roll_shared_rows(rows), roll_rows(rows))
    assert torch.equal(roll_rows(rows)[0], rows[-1])
