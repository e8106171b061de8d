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
from rinject.inject.interchange import Swap, swapped_part, swapped_stream
from rinject.inject.interventions import Intervened, Interventions
from rinject.inject.projection import Maps, VariableSlice
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


def swapped_by_hand(stream: torch.Tensor, maps: Maps, *swaps: Swap) -> torch.Tensor:
    return swapped_stream(stream, [(swap, swapped_part(maps, swap)) for swap in swaps])


@pytest.fixture(params=CODES)
def objective(request):
    return small_injection.objective(codes=request.param, method="interchange", roll="none")


# --- in the student -------------------------------------------------------------------------------


def test_only_what_is_read_of_the_variables_moves(objective):
    maps, swap = objective.projection.maps(), a_swap()
    torch.manual_seed(0)
    stream = torch.randn(2, 6, WIDTH)
    swapped = swapped_by_hand(stream, maps, swap)
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
    swapped = swapped_by_hand(stream, maps, a_swap())
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


def test_the_rest_is_all_that_is_no_variable_s():
    """With it and with all variables of the stream everything moves; with it alone nothing that is
    read."""
    maps = small_injection.objective(codes="orthogonal").projection.maps()
    torch.manual_seed(0)
    stream = torch.randn(2, 6, WIDTH)
    held = tuple(place for place, one in enumerate(maps.slices) if one.layer <= 2)
    everything = replace(a_swap(variables=held), rest=a_swap().sources)
    swapped = swapped_by_hand(stream, maps, everything).flatten(0, 1)
    torch.testing.assert_close(
        swapped[everything.places], stream.flatten(0, 1)[everything.sources], atol=1e-4, rtol=1e-4
    )
    rest = replace(a_swap(variables=()), rest=a_swap().sources)
    swapped = swapped_by_hand(stream, maps, rest)
    read = [w for place in held for w in range(maps.slices[place].start, maps.slices[place].stop)]
    before, after = (maps.slices_at(2, one)[..., read] for one in (stream, swapped))
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(swapped, stream)


def test_a_variable_swapped_with_itself_changes_nothing(objective):
    maps = objective.projection.maps()
    stream, places = torch.randn(2, 6, WIDTH), np.arange(12)
    swap = Swap(1, (1, 2), places, places)
    torch.testing.assert_close(swapped_by_hand(stream, maps, swap), stream)


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
    batch = interchange_batch(text_tokens=text_tokens, interchange_share=1.0)
    objective.settings = replace(objective.settings, forward="joint")
    with objective.hooked():
        objective(batch)
        captured = {layer: one.clone() for layer, one in objective._captured.items()}
    maps = objective.projection.maps()
    assert len({swap.layer for swap in batch.swaps}) > 1
    rows, width = batch.ids.shape
    expected = residual_streams(objective.student, batch.ids)[0]
    layer = 0
    for place, at in enumerate(objective.layers):
        for block in objective.student.transformer.h[layer:at]:
            expected = block(expected)
        layer = at
        seen = captured[at][:rows, :width]  # before the swap
        torch.testing.assert_close(seen, expected, atol=1e-5, rtol=1e-4)
        own = [swap for swap in batch.swaps if swap.layer == place]
        expected = swapped_by_hand(expected, maps, *own)


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
    after = swapped_in_turn(batches.targets, ids, values, found)
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
    assert np.array_equal(found.values[-1], after[read])


def swapped_in_turn(
    targets: Targets, ids: np.ndarray, values: np.ndarray, found: Intervened
) -> np.ndarray:
    """int32 [B, T, V]: the variables under all swaps, stream by stream, each time for all rows."""
    for layer in sorted({swap.layer for swap in found.swaps}):
        before = values.reshape(-1, values.shape[-1])  # [B T, V]
        after = before.copy()
        for swap in found.swaps:
            for variable in swap.variables if swap.layer == layer else ():
                after[swap.places, variable] = before[swap.sources, variable]
        values = targets.graph.resumed(ids, layer, after.reshape(values.shape))
    return values


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
    after = swapped_in_turn(targets, ids, values, found)
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


def test_a_step_s_interventions_are_a_function_of_the_step():
    one, other = interchange_batch(4), interchange_batch(4)
    assert [swap.variables for swap in one.swaps] == [swap.variables for swap in other.swaps]
    for swap, again in zip(one.swaps, other.swaps, strict=True):
        assert np.array_equal(swap.places, again.places)
    assert torch.equal(one.swapped_targets, other.swapped_targets)


def test_interventions_start_when_told_and_come_every_so_often():
    batches = small_injection.batches()
    settings = small_injection.settings(
        method="interchange", steps=20, interchange_start=0.5, interchange_every=3
    )
    drawn = Interventions(small_injection.program().header, batches.targets, settings)
    assert [step for step in range(20) if drawn.is_due(step)] == [12, 15, 18]


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_the_share_of_examples_is_intervened_on(share):
    batches = small_injection.batches()
    drawn, _ = interventions(
        small_injection.program().header, batches.targets, interchange_share=share
    )
    rows = batches.task_rows(0)
    values = batches.targets.values(rows)
    layers, changed = {one.layer for one in batches.targets.graph.variables if one.size > 1}, 0
    for step in range(50):
        found = drawn.at(step, rows, values)
        swaps, width = found.swaps, found.rows.ids.shape[1]
        assert sorted({swap.layer for swap in swaps}) == sorted(layers)
        for layer in layers:  # each row takes one draw
            owners = [set(swap.places // width) for swap in swaps if swap.layer == layer]
            assert sum(map(len, owners)) == len(set().union(*owners))
        changed += sum(len(np.unique(swap.places // width)) for swap in swaps)
    most = 50 * len(rows) * len(layers)
    # a row may draw places without values, or none at all
    assert 0.7 * share * most <= changed <= min(1, 1.2 * share) * most


@pytest.mark.parametrize("often", [0.0, 0.5, 1.0])
def test_the_rest_moves_along_as_often_as_told(often):
    batches = small_injection.batches()
    drawn, _ = interventions(
        small_injection.program().header,
        batches.targets,
        interchange_rest=often,
        codes="orthogonal",
    )
    rows = batches.task_rows(0)
    values = batches.targets.values(rows)
    swaps = [swap for step in range(40) for swap in drawn.at(step, rows, values).swaps]
    assert often - 0.2 < np.mean([swap.rest is not None for swap in swaps]) < often + 0.2


def test_the_rest_of_the_embedding_keeps_its_position():
    batches = small_injection.batches()
    drawn, _ = interventions(
        small_injection.program().header,
        batches.targets,
        interchange_rest=1.0,
        codes="orthogonal",
    )
    rows, moved = batches.task_rows(0), 0
    values = batches.targets.values(rows)
    for step in range(20):
        found = drawn.at(step, rows, values)
        width, read = found.rows.ids.shape[1], found.rows.are_read().reshape(-1)
        for swap in found.swaps:
            if swap.layer:
                assert np.array_equal(swap.rest, swap.sources)
                continue
            assert np.array_equal(swap.rest % width, swap.places % width)
            assert read[swap.rest].all()
            moved += np.count_nonzero(swap.rest != swap.places)
    assert moved


def test_streams_have_the_targets_of_the_swaps_before_them():
    objective = small_injection.objective(codes="orthogonal", method="interchange")
    batch = interchange_batch()
    targets = objective._by_stream(batch.swaps, batch.targets, batch.swapped_targets)
    for place, found in enumerate(targets):
        before = len({swap.layer for swap in batch.swaps if swap.layer < place})
        expected = batch.swapped_targets[before - 1] if before else batch.targets
        assert torch.equal(found, expected)


def test_all_layers_and_all_kinds_of_places_are_drawn():
    batches = small_injection.batches()
    drawn, _ = interventions(small_injection.program().header, batches.targets)
    rows = batches.task_rows(0)
    values = batches.targets.values(rows)
    found = [drawn.at(step, rows, values) for step in range(30)]
    layers = {one.layer for one in batches.targets.graph.variables if one.size > 1}
    assert {swap.layer for one in found for swap in one.swaps} == layers
    kinds = set()
    for one in found:
        due_at, width = due(one.rows), one.rows.ids.shape[1]
        for swap in one.swaps:
            for row in np.unique(swap.places // width):
                own = swap.places // width == row
                kinds.add((due_at[swap.places[own]].all(), due_at[swap.sources[own]].all()))
    assert {(True, True), (True, False), (False, False)} <= kinds


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
        return sum(int((one.values[-1] != values)[:, layers > 0].sum()) for one in found)

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
            known.of_values(one.values[-1])[(one.values[-1] != values) & (layers > 0)].sum()
            for one in found
        )

    assert rare(known) > rare(None)


def test_interventions_are_compared_by_rarity_where_told():
    plain, rare = (
        small_injection.batches(method="interchange", interchange_start=0, interchange_seek=word)
        for word in ("changed", "rare")
    )
    swaps = [[one.at(step).swaps for step in range(20)] for one in (plain, rare)]
    assert any(
        not np.array_equal(some.sources, others.sources)
        for one, other in zip(*swaps, strict=True)
        for some, others in zip(one, other, strict=True)
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
