"""The roll intervention: P h is kept, the rest is the neighbour's, and no gradient passes it."""

from __future__ import annotations

import pytest
import torch

from rinject.inject.projection import Projection, VariableSlice
from rinject.inject.roll import roll_orthogonal, row_basis

SLICES = (VariableSlice("many", 0, 20, 0), VariableSlice("answer", 20, 22, 1))
WIDTH = 8


@pytest.fixture
def projection() -> Projection:
    return Projection(SLICES, WIDTH, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("variable", ["answer", None])
def test_kept_and_rolled(projection, variable):
    basis = row_basis(projection, variable)
    assert 0 < basis.shape[1] < WIDTH
    torch.testing.assert_close(basis.mT @ basis, torch.eye(basis.shape[1]))
    torch.manual_seed(1)
    stream = torch.randn(3, 5, WIDTH)
    rolled = roll_orthogonal(stream, basis)
    onto = basis @ basis.mT
    torch.testing.assert_close(rolled @ onto, stream @ onto)
    off = torch.eye(WIDTH) - onto
    torch.testing.assert_close(rolled @ off, stream[[2, 0, 1]] @ off)


def test_no_gradient_passes_the_rolled_part(projection):
    basis = row_basis(projection, "answer")
    assert not basis.requires_grad
    stream = torch.randn(3, 5, WIDTH, requires_grad=True)
    weights = torch.randn(3, 5, WIDTH)
    (gradient,) = torch.autograd.grad((roll_orthogonal(stream, basis) * weights).sum(), stream)
    torch.testing.assert_close(gradient, weights @ basis @ basis.mT)


def test_the_map_reads_its_output_as_before(projection):
    basis = row_basis(projection, "answer")
    stream = torch.randn(3, 5, WIDTH)
    rolled = roll_orthogonal(stream, basis)
    torch.testing.assert_close(projection(rolled)[..., 20:], projection(stream)[..., 20:])
    assert not torch.allclose(projection(rolled)[..., :20], projection(stream)[..., :20])


def test_rows_that_repeat_count_once(projection):
    with torch.no_grad():
        projection.weight[21] = -2 * projection.weight[20]
    assert row_basis(projection, "answer").shape == (WIDTH, 1)
