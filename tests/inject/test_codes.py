"""Codes: how many dimensions variables get, and bundles that keep them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from inject import small_injection, small_run

from rinject.errors import InputError
from rinject.inject.bundle import load_bundle, save_bundle
from rinject.inject.codes import SHARE, code_ranks, code_words
from rinject.inject.projection import VariableSlice, variable_slices
from rinject.inject.subspaces import variable_subspace


def slices(sizes: list[int]) -> list[VariableSlice]:
    return [VariableSlice(f"v{place}", 0, size, 0) for place, size in enumerate(sizes)]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=9), st.integers(16, 200))
def test_ranks_are_as_high_as_fits(sizes, width):
    ranks = code_ranks(slices(sizes), width)
    limit = max(ranks)
    assert sum(ranks) <= SHARE * width
    assert list(ranks) == [min(limit, max(0, size - 1)) for size in sizes]
    higher = [min(limit + 1, max(0, size - 1)) for size in sizes]
    assert higher == list(ranks) or sum(higher) > int(SHARE * width)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=9), st.integers(1, 50))
def test_ranks_are_no_higher_than_asked_for(sizes, most):
    as_fits = code_ranks(slices(sizes), 100)
    assert code_ranks(slices(sizes), 100, most) == tuple(min(one, most) for one in as_fits)


def test_a_run_has_codes_no_higher_than_asked_for(tmp_path):
    wide = 2 * small_injection.WIDTH
    student = small_injection.student(width=wide)
    found = {}
    for most in (0, 2):
        ran = small_run.run(
            tmp_path / str(most), student=student, codes="orthogonal", code_rank=most
        )
        codes = ran.bundle.projection.maps().codes
        found[most] = tuple(stop - start for start, stop in codes.columns)
    of_program = variable_slices(small_injection.compiled().graph)
    assert found == {most: code_ranks(of_program, wide, most) for most in found}
    assert max(found[2]) == 2 < max(found[0])


def test_what_fits_is_said_with_the_rank_of_each_variable():
    assert (
        code_words(slices([2, 30, 1, 9]), 20)
        == "codes: 17 of 20 dimensions, 8 for v1, v3; 1 for v0"
    )
    assert code_words(slices([1]), 20) == "codes: 0 of 20 dimensions"


def test_too_many_variables_for_a_student():
    with pytest.raises(InputError, match="codes for 20 variables do not fit into a student of wid"):
        code_ranks(slices([2] * 20), 16)


def test_every_value_can_be_told_apart():
    """Each value of a variable is decoded at its own point of the code, as drawn at the start."""
    settings = small_injection.settings(codes="orthogonal")
    maps = small_injection.projection(settings, 1).maps()
    for one in maps.slices:
        if one.size == 2:
            subspace = variable_subspace(maps, one, one.layer)
            weight = maps.weight[0, one.start : one.stop]  # [2, D]
            direction = (weight[1] - weight[0]) @ subspace.read  # [1]
            for sign, value in ((-30.0, 0), (30.0, 1)):
                stream = (sign * direction.sign()) @ subspace.write.mT
                assert maps.slices_at(0, stream)[one.start : one.stop].argmax() == value


def test_a_small_turn_of_the_directions_is_a_small_turn_of_the_codes():
    """LAPACK's own signs would jump where a pivot crosses zero."""
    projection = small_injection.projection(small_injection.settings(codes="orthogonal"), 1)
    for column in range(projection.directions.shape[-1]):
        with torch.no_grad():
            pivot = projection.directions[0, column, column]
            projection.directions[0, column, column] = -pivot.sign() * 1e-3
            near = projection.maps().codes.read.clone()
            projection.directions[0, column, column] = pivot.sign() * 1e-3
            torch.testing.assert_close(projection.maps().codes.read, near, atol=0.05, rtol=0)


def test_a_bundle_keeps_the_codes(tmp_path):
    settings = small_injection.settings(codes="orthogonal", whiten=0.1)
    projection = small_injection.projection(settings, 1)
    bundle = replace(small_injection.bundle(), projection=projection.plain())
    save_bundle(bundle, tmp_path / "kept")
    kept = load_bundle(tmp_path / "kept").projection.maps()
    made = projection.maps()
    torch.testing.assert_close(kept.weight, made.weight)
    torch.testing.assert_close(kept.codes.read, made.codes.read)
    torch.testing.assert_close(kept.codes.write, made.codes.write)
    assert kept.codes.columns == made.codes.columns


def test_a_bundle_without_codes_has_none(tmp_path):
    save_bundle(small_injection.bundle(), tmp_path / "kept")
    assert load_bundle(tmp_path / "kept").projection.maps().codes is None
