"""Interchange interventions: what is swapped in a stream, and what follows in the program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from inject import small_injection
from inject.small_injection import WIDTH
from inject.small_steps import batch_of, losses_and_gradients, losses_of

from rinject.compiler import compile_program
from rinject.graph.tables import NONE
from rinject.inject.interchange import Swap, swapped_part, swapped_stream, swapped_values
from rinject.inject.interventions import Interventions
from rinject.inject.projection import VariableSlice
from rinject.inject.rarity import Rarity
from rinject.inject.rows import Rows, example_rows
from rinject.inject.settings import InjectSettings
from rinject.inject.subspaces import Subspace, group_subspace, random_subspace, variable_subspace
from rinject.inject.targets import Targets
from rinject.lang import Header, load_program
from rinject.student import residual_streams
from rinject.tasks import Example
from rinject.tokens import reconcile

CODES = ("free", "orthogonal")
ECHO = load_program(text=small_injection.SPELLED)


def a_swap(layer: int = 2, variables: tuple[int, ...] = (3,)) -> Swap:
    return Swap(layer, variables, np.array([0, 3, 9]), np.array([5, 9, 0]))


@pytest.fixture(params=CODES)
def objective(request):
    return small_injection.objective(codes=request.param, method="interchange", roll="none")


# --- in the student -------------------------------------------------------------------------------


def test_only_what_is_read_of_the_variables_moves(objective):
    maps, swap = objective.projection.maps(), a_swap()
    torch.manual_seed(0)
    stream = torch.randn(2, 6, WIDTH)
    swapped = swapped_stream(stream, swapped_part(maps, swap), swap)
    before, after = (maps.slices_at(2, one).flatten(0, 1) for one in (stream, swapped))
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
    swapped = swapped_stream(stream, swapped_part(maps, a_swap()), a_swap())
    before, after = maps.slices_at(2, stream), maps.slices_at(2, swapped)
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


def test_a_variable_swapped_with_itself_changes_nothing(objective):
    maps = objective.projection.maps()
    stream, places = torch.randn(2, 6, WIDTH), np.arange(12)
    swap = Swap(1, (1, 2), places, places)
    torch.testing.assert_close(swapped_stream(stream, swapped_part(maps, swap), swap), stream)


def test_a_random_subspace_is_orthonormal():
    basis = random_subspace(WIDTH, 5, torch.Generator().manual_seed(1)).read
    torch.testing.assert_close(basis.mT @ basis, torch.eye(5))


@pytest.mark.parametrize("size", [0, 1])
def test_a_variable_without_values_to_tell_apart_has_no_subspace(size):
    maps = small_injection.objective().projection.maps()
    start = maps.slices[2].start
    assert variable_subspace(maps, VariableSlice("one", start, start + size, 1), 1).rank == 0


@pytest.mark.parametrize("text_tokens", [8, 50])
def test_streams_after_the_swap_are_those_of_the_swapped_stream(objective, text_tokens):
    """The objective's own forward pass, against one with the swap done by hand; beside text that is
    shorter or longer than the task's rows."""
    batch = interchange_batch(text_tokens=text_tokens)
    objective.settings = replace(objective.settings, forward="joint")
    with objective.hooked():
        objective(batch)
        captured = {layer: one.clone() for layer, one in objective._captured.items()}
    maps, swap = objective.projection.maps(), batch.swap
    rows, plain = len(batch.ids), residual_streams(objective.student, batch.ids)
    width = batch.ids.shape[1]
    at = objective.layers[swap.layer]
    torch.testing.assert_close(captured[at][:rows, :width], plain[at])  # seen before the swap
    expected = swapped_stream(plain[at], swapped_part(maps, swap), swap)
    for layer in range(at, objective.layers[-1]):
        expected = objective.student.transformer.h[layer](expected)
    torch.testing.assert_close(
        captured[objective.layers[-1]][:rows, :width], expected, atol=1e-5, rtol=1e-4
    )


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
        answer_count=0,
    )
    assert losses_of(objective, empty)["answer"] == 0


def test_without_a_swap_it_is_the_paper_s_loss():
    plain = small_injection.objective(roll="none")
    ours = small_injection.objective(roll="none", method="interchange", codes="free")
    batch = batch_of()
    for name, loss in losses_of(plain, batch).items():
        torch.testing.assert_close(losses_of(ours, batch)[name], loss)


# --- in the program -------------------------------------------------------------------------------


def interchange_batch(step: int = 0, **changed: object):
    return small_injection.batches(method="interchange", interchange_start=0, **changed).at(step)


def interventions(
    header: Header, targets: Targets, **changed: object
) -> tuple[Interventions, InjectSettings]:
    settings = small_injection.settings(method="interchange", interchange_start=0, **changed)
    return Interventions(header, targets, settings), settings


@pytest.mark.parametrize("step", range(12))
def test_the_answers_are_those_of_the_program_under_the_swap(step):
    batches = small_injection.batches()
    drawn, _ = interventions(small_injection.program().header, batches.targets)
    rows = batches.task_rows(step)
    found = drawn.at(step, rows, batches.targets.values(rows))
    values, ids = in_rows(batches.targets, found.rows)
    after = swapped_values(batches.targets.graph, ids, values, found.swap)
    names = [one.name for one in batches.targets.graph.variables]
    output = after[..., names.index("answer")]
    for row, start in enumerate(found.rows.prompt_lengths):
        if output[row, start - 1] == NONE:
            assert not found.asked[row].any()
            continue
        text = small_injection.reconciliation().written(
            found.rows.ids[row, start : found.rows.lengths[row]].tolist()
        )
        value = batches.targets.graph.variable("answer").values[output[row, start - 1]]
        assert text.startswith(" yes" if value else " no")
    read = found.rows.are_read()
    assert np.array_equal(found.values, after[read])


def in_rows(targets: Targets, rows) -> tuple[np.ndarray, np.ndarray]:
    """Variables [B, T, V] and the program's input [B, T] of rows as wide as they are."""
    read = rows.are_read()
    ids = np.full(read.shape, NONE)
    ids[read] = targets.program_ids(rows)[read[:, : int(rows.read_lengths.max())]]
    values = np.full((*read.shape, len(targets.graph.variables)), NONE, dtype=np.int32)
    values[read] = targets.values(rows)
    return values, ids


@pytest.mark.parametrize("step", range(12))
def test_spelled_answers_follow_symbol_by_symbol(step):
    targets, rows = echo_rows()
    drawn, _ = interventions(ECHO.header, targets)
    found = drawn.at(step, rows, targets.values(rows))
    assert np.array_equal(found.rows.ids, rows.ids)
    assert len(found.answers) == found.asked.sum()
    values, ids = in_rows(targets, rows)
    after = swapped_values(targets.graph, ids, values, found.swap)
    names = [one.name for one in targets.graph.variables]
    output = targets.graph.variable("next").values
    said = [output[value] for value in after[found.asked][:, names.index("next")]]
    end = targets.reconciliation.end
    texts = ["end" if token == end else targets.reconciliation.text_of(token).strip()
             for token in found.answers.tolist()]  # fmt: skip
    assert texts == said


def echo_rows() -> tuple[Targets, Rows]:
    reconciliation = reconcile(small_injection.tokenizer(), ECHO.header)
    targets = Targets(compile_program(ECHO).graph, reconciliation)
    drawn = [Example(text, f"Say {text} again:", text) for text in ("213", "1", "3321", "22")]
    return targets, example_rows(drawn, reconciliation, spelled=True, ended=True)


def test_a_step_s_intervention_is_a_function_of_the_step():
    one, other = interchange_batch(3), interchange_batch(3)
    assert one.swap is None
    one, other = interchange_batch(4), interchange_batch(4)
    assert one.swap.variables == other.swap.variables
    assert np.array_equal(one.swap.places, other.swap.places)
    assert torch.equal(one.swapped_targets, other.swapped_targets)


def test_interventions_start_when_told_and_come_every_so_often():
    batches = small_injection.batches()
    settings = small_injection.settings(
        method="interchange", steps=20, interchange_start=0.5, interchange_every=3
    )
    drawn = Interventions(small_injection.program().header, batches.targets, settings)
    assert [step for step in range(20) if drawn.is_due(step)] == [12, 15, 18]


def test_all_layers_and_all_kinds_of_places_are_drawn():
    batches = small_injection.batches()
    drawn, _ = interventions(small_injection.program().header, batches.targets)
    rows = batches.task_rows(0)
    values = batches.targets.values(rows)
    found = [drawn.at(step, rows, values) for step in range(90)]
    layers = {one.layer for one in batches.targets.graph.variables if one.size > 1}
    assert {one.swap.layer for one in found} == layers
    kinds = {
        tuple(bool(due(one.rows)[at].all()) for at in (one.swap.places, one.swap.sources))
        for one in found
        if len(one.swap.places)
    }
    assert kinds == {(True, True), (True, False), (False, False)}


def due(rows: Rows) -> np.ndarray:
    """bool [B T]: the positions that the program reads and an answer is due at."""
    return (rows.before_answer() & rows.are_read()).reshape(-1)


def test_orthogonal_is_where_read_and_write_agree():
    basis = torch.eye(WIDTH)[:, :3]
    stream = torch.randn(4, WIDTH)
    torch.testing.assert_close(Subspace.orthogonal(basis).part(stream), stream @ basis @ basis.mT)


def test_the_draw_is_taken_that_changes_most_of_what_follows():
    batches = small_injection.batches()
    rows = batches.task_rows(0)
    values = batches.targets.values(rows)
    layers = np.array([one.layer for one in batches.targets.graph.variables])

    def changes(tries: int) -> int:
        drawn, _ = interventions(
            small_injection.program().header, batches.targets, interchange_tries=tries
        )
        found = [drawn.at(step, rows, values) for step in range(20)]
        return sum(int((one.values != values)[:, layers > one.swap.layer].sum()) for one in found)

    assert changes(8) > changes(1)


def test_rare_draws_bring_about_what_is_rare():
    """Counted by what the examples hold, where any draw would change about as much."""
    batches = small_injection.batches(method="interchange", interchange_seek="rare")
    rows = batches.task_rows(0)
    values = batches.targets.values(rows)
    known = Rarity(batches.sampled_values(len(batches.examples)), batches.examples.read_lengths)
    layers = np.array([one.layer for one in batches.targets.graph.variables])

    def rare(rarity: Rarity | None) -> float:
        drawn, _ = interventions(
            small_injection.program().header, batches.targets, interchange_tries=8
        )
        found = [drawn.at(step, rows, values, rarity) for step in range(20)]
        return sum(
            known.of_values(one.values)[(one.values != values) & (layers > one.swap.layer)].sum()
            for one in found
        )

    assert rare(known) > rare(None)


def test_interventions_are_compared_by_rarity_where_told():
    plain, rare = (
        small_injection.batches(method="interchange", interchange_start=0, interchange_seek=word)
        for word in ("changed", "rare")
    )
    swaps = [[one.at(step).swap for step in range(0, 100, 2)] for one in (plain, rare)]
    assert any(
        not np.array_equal(one.sources, other.sources) for one, other in zip(*swaps, strict=True)
    )


def test_strict_keeps_codes_alone_at_every_aligned_layer():
    """What is outside of the codes comes from the row before, from the embedding on."""
    strict = small_injection.objective(codes="orthogonal", roll="strict", forward="apart")
    batch = batch_of(text_tokens=12)
    batch = replace(batch, text_ids=batch.text_ids[:0, :0], text_count=0)
    maps = strict.projection.maps()
    with strict.hooked():
        strict(batch)
        captured = {layer: one.clone() for layer, one in strict._captured.items()}
    plain = residual_streams(strict.student, batch.ids)
    held = [one for one in maps.slices if one.layer == 0]
    part = group_subspace(maps, held, 0)
    torch.testing.assert_close(captured[0], plain[0])  # seen before it is rolled
    rolled = (plain[0] - part.part(plain[0])).roll(1, dims=0) + part.part(plain[0])
    expected = strict.student.transformer.h[0](rolled)
    torch.testing.assert_close(captured[strict.layers[1]], expected, atol=1e-5, rtol=1e-4)
