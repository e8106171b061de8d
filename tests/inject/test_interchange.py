"""Interchange interventions: what is swapped in a stream, and what follows in the program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from inject import small_injection
from inject.small_injection import WIDTH
from inject.small_steps import batch_of, losses_and_gradients, losses_of

from rinject.inject.interchange import Swap, swapped_part, swapped_stream
from rinject.inject.projection import Maps, VariableSlice
from rinject.inject.subspaces import Subspace, group_subspace, random_subspace, variable_subspace
from rinject.student import residual_streams

CODES = ("free", "orthogonal")


def a_swap(layer: int = 2, variables: tuple[int, ...] = (3,)) -> Swap:
    return Swap(layer, variables, np.array([0, 3, 9]), np.array([5, 9, 0]))


def swapped(stream: torch.Tensor, maps: Maps, *swaps: Swap) -> torch.Tensor:
    return swapped_stream(stream, [(swap, swapped_part(maps, swap)) for swap in swaps])


def swapped_by_hand(stream: torch.Tensor, maps: Maps, *swaps: Swap) -> torch.Tensor:
    """Place by place, each from the stream as it was."""
    before = stream.reshape(-1, stream.shape[-1])
    after = before.clone()
    for swap in swaps:
        moved = group_subspace(maps, [maps.slices[one] for one in swap.variables], swap.layer)
        held = [one for one in maps.slices if one.layer <= swap.layer]
        around = group_subspace(maps, held, swap.layer)
        for k, (place, source) in enumerate(zip(swap.places, swap.sources, strict=True)):
            after[place] += moved.part(before[source]) - moved.part(before[place])
            if swap.rest is not None:
                own, other = before[place], before[swap.rest[k]]
                after[place] += (other - around.part(other)) - (own - around.part(own))
    return after.view_as(stream)


def interchange_batch(step: int = 0, **changed: object):
    return small_injection.batches(method="interchange", interchange_start=0, **changed).at(step)


@pytest.fixture(params=CODES)
def objective(request):
    return small_injection.objective(codes=request.param, method="interchange", roll="none")


# --- in the student -------------------------------------------------------------------------------


def test_only_what_is_read_of_the_variables_moves(objective):
    maps, swap = objective.projection.maps(), a_swap()
    torch.manual_seed(0)
    stream = torch.randn(2, 6, WIDTH)
    found = swapped(stream, maps, swap)
    before, after = (maps.slices_at(2, one).flatten(0, 1) for one in (stream, found))
    one = maps.slices[3]
    own = slice(one.start, one.stop)
    moved, kept = after[swap.places, own], before[swap.sources, own]
    for row, other in zip(moved, kept, strict=True):  # alike but for what all values share
        torch.testing.assert_close(row - row.mean(), other - other.mean(), atol=1e-4, rtol=1e-4)
    others = [place for place in range(12) if place not in swap.places]
    torch.testing.assert_close(after[others], before[others])


def test_codes_are_changed_one_at_a_time():
    maps = small_injection.objective(codes="orthogonal").projection.maps()
    torch.manual_seed(0)
    stream = torch.randn(2, 6, WIDTH)
    found = swapped(stream, maps, a_swap())
    before, after = maps.slices_at(2, stream), maps.slices_at(2, found)
    one = maps.slices[3]
    others = [w for w in range(before.shape[-1]) if not one.start <= w < one.stop]
    torch.testing.assert_close(after[..., others], before[..., others], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(after, before)


@pytest.mark.parametrize("whiten", [0.0, 0.1])
def test_what_is_written_is_read_and_nothing_else(whiten):
    settings = small_injection.settings(codes="orthogonal", whiten=whiten)
    maps = small_injection.projection(settings, 1).maps()
    subspace = group_subspace(maps, maps.slices, 0)
    product = subspace.read.mT @ subspace.write
    torch.testing.assert_close(product, torch.eye(subspace.rank), atol=1e-4, rtol=1e-4)


def test_the_rest_is_all_that_is_no_variable_s():
    """With it and with all variables of the stream everything moves; with it alone nothing that is
    read."""
    maps = small_injection.objective(codes="orthogonal").projection.maps()
    torch.manual_seed(0)
    stream = torch.randn(2, 6, WIDTH)
    held = tuple(place for place, one in enumerate(maps.slices) if one.layer <= 2)
    everything = replace(a_swap(variables=held), rest=a_swap().sources)
    found = swapped(stream, maps, everything).flatten(0, 1)
    torch.testing.assert_close(
        found[everything.places], stream.flatten(0, 1)[everything.sources], atol=1e-4, rtol=1e-4
    )
    rest = replace(a_swap(variables=()), rest=a_swap().sources)
    found = swapped(stream, maps, rest)
    read = [w for place in held for w in range(maps.slices[place].start, maps.slices[place].stop)]
    before, after = (maps.slices_at(2, one)[..., read] for one in (stream, found))
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(found, stream)


def test_a_variable_swapped_with_itself_changes_nothing(objective):
    maps = objective.projection.maps()
    stream, places = torch.randn(2, 6, WIDTH), np.arange(12)
    swap = Swap(1, (1, 2), places, places)
    torch.testing.assert_close(swapped(stream, maps, swap), stream)


def test_a_random_subspace_is_orthonormal():
    basis = random_subspace(WIDTH, 5, torch.Generator().manual_seed(1)).read
    torch.testing.assert_close(basis.mT @ basis, torch.eye(5))


@pytest.mark.parametrize("size", [0, 1])
def test_a_variable_without_values_to_tell_apart_has_no_subspace(size):
    maps = small_injection.objective().projection.maps()
    start = maps.slices[2].start
    assert variable_subspace(maps, VariableSlice("one", start, start + size, 1), 1).rank == 0


@pytest.mark.parametrize("codes", CODES)
def test_several_swaps_take_from_the_stream_as_it_was(codes):
    """Also where one takes from where another one puts; by hand, place by place."""
    maps = small_injection.objective(codes=codes).projection.maps()
    torch.manual_seed(0)
    stream = torch.randn(2, 6, WIDTH)
    first = Swap(2, (3,), np.array([0, 3]), np.array([5, 9]))
    other = Swap(2, (1, 3), np.array([9, 5]), np.array([0, 2]), rest=np.array([3, 11]))
    torch.testing.assert_close(
        swapped(stream, maps, first, other),
        swapped_by_hand(stream, maps, first, other),
        atol=1e-4,
        rtol=1e-4,
    )


@pytest.mark.parametrize("text_tokens", [8, 50])
def test_streams_after_the_swap_are_those_of_the_swapped_stream(objective, text_tokens):
    """The objective's own forward pass, against one with the swap done by hand; beside text that is
    shorter or longer than the task's rows."""
    batch = interchange_batch(text_tokens=text_tokens, interchange_share=1.0)
    objective.settings = replace(objective.settings, forward="joint")
    with objective.hooked():
        objective(batch)
        captured = {layer: one.clone() for layer, one in objective._captured.items()}
    maps = objective.projection.maps()
    assert len(batch.swaps) > 1
    assert max(len(one.swaps) for one in batch.swaps) > 1
    rows, width = batch.ids.shape
    expected = residual_streams(objective.student, batch.ids)[0]
    layer = 0
    for place, at in enumerate(objective.layers):
        for block in objective.student.transformer.h[layer:at]:
            expected = block(expected)
        layer = at
        seen = captured[at][:rows, :width]  # before the swap
        torch.testing.assert_close(seen, expected, atol=1e-5, rtol=1e-4)
        for own in batch.swaps:
            if own.layer == place:
                expected = swapped_by_hand(expected, maps, *own.swaps)


def test_the_losses_are_finite_and_reach_all_parameters(objective):
    losses, gradients = losses_and_gradients(objective, interchange_batch())
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert any(name.startswith("projection") for name in gradients)
    assert any(name.startswith("student") for name in gradients)


def test_half_precision(objective):
    batch = interchange_batch()
    with torch.autocast("cpu", torch.bfloat16):
        losses = losses_of(objective, batch)
    for name, loss in losses_of(objective, batch).items():
        torch.testing.assert_close(losses[name].float(), loss, atol=0.1, rtol=0.1)


def test_a_batch_without_answers_has_no_answer_loss(objective):
    batch = interchange_batch()
    empty = replace(
        batch,
        answer_places=batch.answer_places[:0],
        answers=batch.answers[:0],
        answer_weights=batch.answer_weights[:0],
    )
    assert losses_of(objective, empty)["answer"] == 0


def test_without_a_swap_it_is_the_paper_s_loss():
    plain = small_injection.objective(roll="none")
    ours = small_injection.objective(roll="none", method="interchange", codes="free")
    batch = batch_of()
    for name, loss in losses_of(plain, batch).items():
        torch.testing.assert_close(losses_of(ours, batch)[name], loss)


def test_streams_have_the_targets_of_the_swaps_before_them():
    objective = small_injection.objective(codes="orthogonal", method="interchange")
    batch = interchange_batch(interchange_share=1.0)
    assert len(batch.swaps) > 1
    targets = objective._by_stream(batch.swaps, batch.targets, batch.swapped_targets)
    held = batch.targets
    after = iter(batch.swapped_targets)
    for place, found in enumerate(targets):
        assert torch.equal(found, held)
        if any(one.layer == place for one in batch.swaps):
            held = next(after)


def test_orthogonal_is_where_read_and_write_agree():
    basis = torch.eye(WIDTH)[:, :3]
    stream = torch.randn(4, WIDTH)
    torch.testing.assert_close(Subspace.orthogonal(basis).part(stream), stream @ basis @ basis.mT)


def test_strict_streams_keep_codes_alone():
    """What is outside of the codes comes from the row before, from the embedding on."""
    strict = small_injection.objective(codes="orthogonal", strict_share=1.0, forward="apart")
    batch = batch_of(text_tokens=12)
    batch = replace(batch, text_ids=batch.text_ids[:0, :0], text_count=0)
    plain = residual_streams(strict.student, batch.ids)
    held = [one for one in strict.projection.maps().slices if one.layer == 0]
    own = group_subspace(strict.projection.maps(), held, 0).part(plain[0])
    rolled = (plain[0] - own).roll(1, dims=0) + own  # [B, T, D]
    is_strict = torch.ones(len(strict.layers) - 1, len(batch.ids), dtype=torch.bool)
    for some in (is_strict, is_strict & torch.tensor([True, False] * 2)):
        with strict.hooked():
            strict(replace(batch, strict=some))
            captured = {layer: one.clone() for layer, one in strict._captured.items()}
        torch.testing.assert_close(captured[0], plain[0])  # seen before it is rolled
        expected = torch.where(some[0][:, None, None], rolled, plain[0])
        after = strict.student.transformer.h[0](expected)
        torch.testing.assert_close(captured[strict.layers[1]], after, atol=1e-5, rtol=1e-4)
