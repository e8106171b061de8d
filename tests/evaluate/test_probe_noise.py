"""Noise in a subspace, and what it costs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from inject import small_injection

from rinject.errors import InputError
from rinject.evaluate import accuracy
from rinject.evaluate.probe import draw_noise, noise
from rinject.evaluate.probe.noise import KINDS, noise_in
from rinject.evaluate.probe.subspaces import (
    complement,
    probed_subspace,
    random_subspaces,
    row_basis,
)
from rinject.inject.bundle import Bundle
from rinject.inject.projection import Maps, VariableSlice
from rinject.inject.rows import Rows
from rinject.inject.subspaces import Subspace, random_subspace
from rinject.tasks import examples


def some_rows(bundle: Bundle, n: int = 10) -> Rows:
    return bundle.rows(examples(small_injection.task(), "test", n, 0))


@settings(max_examples=25, deadline=None)
@given(rank=st.integers(1, 8), norm=st.floats(0.01, 100), seed=st.integers(0, 99))
def test_noise_lies_in_its_subspace_and_has_its_norm(rank: int, norm: float, seed: int) -> None:
    chance = torch.Generator().manual_seed(seed)
    basis = random_subspace(8, rank, chance).read
    added = noise_in(basis, (3, 5), norm, chance)
    assert added.shape == (3, 5, 8)
    torch.testing.assert_close(added.norm(dim=-1), torch.full((3, 5), norm))
    torch.testing.assert_close(added @ basis @ basis.mT, added, atol=norm * 1e-5, rtol=0)
    others = complement(basis)
    assert others.shape == (8, 8 - rank)
    torch.testing.assert_close((added @ others).norm(), torch.tensor(0.0), atol=norm * 1e-4, rtol=0)


def test_without_noise_nothing_changes(bundle: Bundle) -> None:
    rows = some_rows(bundle)
    report = noise(bundle, rows, norms=[0, 3], shares=[], draws=2)
    undisturbed = accuracy(bundle.model, rows).accuracy
    for kind in KINDS:
        before, after = report.of(kind)
        assert (before.norm, after.norm) == (0, 3)
        assert before.accuracy.value == undisturbed
        assert before.loss != after.loss
    assert [gap.norm for gap in report.gaps] == [3]


def test_norms_may_be_shares_of_the_streams(bundle: Bundle) -> None:
    rows = some_rows(bundle, 4)
    report = noise(bundle, rows, norms=[], shares=[0.5], draws=1)
    assert report.gaps[0].norm == pytest.approx(report.stream_norm / 2)
    assert report.rank == 1  # of two values, centred
    assert report.student_layer == bundle.record.layers[-1]


def test_the_same_seed_gives_the_same_figures() -> None:
    bundle = small_injection.bundle()
    rows = some_rows(bundle, 6)
    records = [
        noise(bundle, rows, norms=[2, 8], shares=[], draws=2, seed=seed).to_record()
        for seed in (1, 1, 2)
    ]
    assert records[0] == records[1]
    assert records[0]["levels"] != records[2]["levels"]
    assert json.loads(json.dumps(records[0])) == records[0]
    gap = records[0]["gaps"][0]
    assert gap["loss_ci"][0] <= gap["loss"] <= gap["loss_ci"][1]
    hurts = all(one["loss"] > 0 for one in records[0]["gaps"])
    assert records[0]["hurts_loss_more"] == hurts


def test_noise_hurts_where_the_answer_is_read() -> None:
    """A student whose answer is one direction of its stream, and a map that reads that one."""
    bundle = small_injection.with_direction()
    rows = some_rows(bundle, 30)
    report = noise(bundle, rows, norms=[1, 4], shares=[], draws=4)
    assert report.hurts_loss_more
    own, random = (report.of(kind)[-1].loss for kind in ("final result", "random"))
    assert own > random + 1


def test_without_a_norm_above_0_nothing_is_said_to_hurt() -> None:
    bundle = small_injection.with_direction()
    report = noise(bundle, some_rows(bundle, 4), norms=[0], shares=[], draws=2)
    assert report.gaps == ()
    assert not report.hurts_accuracy_more
    assert not report.hurts_loss_more


def test_no_examples() -> None:
    bundle = small_injection.bundle()
    with pytest.raises(InputError, match="no example"):
        noise(bundle, some_rows(bundle).take(slice(0)))


def test_a_variable_read_in_every_direction_is_cut() -> None:
    """Else no random subspace of the same rank would be another one."""
    chance = torch.Generator().manual_seed(0)
    weight = torch.randn(1, 20, 8, generator=chance) * torch.logspace(0, -4, 8)
    variable = VariableSlice("wide", 0, 20, 0)
    found = probed_subspace(Maps((variable,), weight, torch.zeros(1, 20)), variable, 0)
    assert 1 <= found.rank <= 4
    narrow = replace(variable, stop=3)
    whole = probed_subspace(Maps((narrow,), weight[:, :3], torch.zeros(1, 3)), narrow, 0)
    assert whole.rank == 2
    basis = row_basis(whole)
    torch.testing.assert_close(basis @ basis.mT @ whole.read, whole.read)


def test_random_subspaces_change_what_they_read() -> None:
    chance = torch.Generator().manual_seed(0)
    streams = torch.randn(400, 8, generator=chance) * torch.logspace(0, -2, 8)
    slanted = Subspace(torch.randn(8, 3, generator=chance), torch.randn(8, 3, generator=chance))
    for like in (slanted, random_subspace(8, 3, chance)):
        for one in random_subspaces(like, streams, 3, 0, "test"):
            assert one.rank == 3
            torch.testing.assert_close(one.read.mT @ one.write, torch.eye(3), rtol=0, atol=1e-4)
    first, second = random_subspaces(slanted, streams, 2, 0, "test")
    assert not np.allclose(first.read, second.read)


def test_the_picture_has_every_kind() -> None:
    bundle = small_injection.bundle()
    figure = draw_noise(noise(bundle, some_rows(bundle, 4), draws=2))
    above, below = figure.axes
    _, labels = above.get_legend_handles_labels()
    assert len(labels) == len(KINDS)
    assert len(below.get_lines()) >= len(KINDS)
