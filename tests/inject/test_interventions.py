"""The interventions of training steps: what the rule draws, and what follows in the program."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from inject import small_injection

from rinject.compiler import compile_program
from rinject.graph.edges import edges_of
from rinject.graph.tables import NONE
from rinject.inject.batches import STEPS_AHEAD
from rinject.inject.interventions import Intervened, Interventions, spent_variables
from rinject.inject.rarity import Rarity, ValueWorth
from rinject.inject.rows import Rows, example_rows
from rinject.inject.targets import Targets
from rinject.inject.weighing import position_weights, token_weights
from rinject.lang import Header, load_program
from rinject.tasks import Example
from rinject.tokens import reconcile

ECHO = load_program(text=small_injection.SPELLED)


def interventions(header: Header, targets: Targets, **changed: object) -> Interventions:
    settings = small_injection.settings(method="interchange", interchange_start=0, **changed)
    return Interventions(header, targets, settings)


def small_interventions(**changed: object) -> tuple[Interventions, Rows, np.ndarray]:
    """Those of the small program; rows, and the variables [N, V] at what is read of them."""
    batches = small_injection.batches()
    drawn = interventions(small_injection.program().header, batches.targets, **changed)
    rows = batches.task_rows(0)
    return drawn, rows, batches.targets.values(rows)


# --- what follows ---------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.25, 1.0])
@pytest.mark.parametrize("step", range(8))
def test_answers_and_variables_are_those_of_the_program_under_the_swaps(step, share):
    drawn, rows, read_values = small_interventions(interchange_share=share)
    found = drawn.at(step, rows, read_values)
    values, ids = in_rows(drawn.targets, found.rows)
    stages = swapped_in_turn(drawn.targets, ids, values, found)
    read = found.rows.are_read()
    for after, expected in zip(found.values, stages[1:], strict=True):
        assert np.array_equal(after, expected[read])
    graph = drawn.targets.graph
    output = stages[-1][..., [one.name for one in graph.variables].index("answer")]
    for row, start in enumerate(found.rows.prompt_lengths):
        if output[row, start - 1] == NONE:
            assert not found.asked[row].any()
            continue
        text = small_injection.reconciliation().written(
            found.rows.ids[row, start : found.rows.lengths[row]].tolist()
        )
        value = graph.variable("answer").values[output[row, start - 1]]
        assert text.startswith(" yes" if value else " no")


def swapped_in_turn(
    targets: Targets, ids: np.ndarray, values: np.ndarray, found: Intervened
) -> list[np.ndarray]:
    """int32 [B, T, V]: the variables before all swaps and after those on each stream, computed for
    all rows each time."""
    stages = [values]
    for one in found.swaps:
        before = stages[-1].reshape(-1, values.shape[-1])  # [B T, V]
        after = before.copy()
        for swap in one.swaps:
            for variable in swap.variables:
                after[swap.places, variable] = before[swap.sources, variable]
        stages.append(targets.graph.resumed(ids, one.layer, after.reshape(values.shape)))
    return stages


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
    drawn = interventions(ECHO.header, targets)
    found = drawn.at(step, rows, targets.values(rows))
    assert np.array_equal(found.rows.ids, rows.ids)
    assert len(found.answers) == found.asked.sum()
    values, ids = in_rows(targets, rows)
    after = swapped_in_turn(targets, ids, values, found)[-1]
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


@pytest.mark.parametrize("step", range(8))
def test_nothing_moves_where_a_variable_has_no_value(step):
    drawn, rows, read_values = small_interventions(interchange_share=1.0)
    found = drawn.at(step, rows, read_values)
    values, ids = in_rows(drawn.targets, found.rows)
    assert (values[found.rows.are_read()] == NONE).any()  # the first token has none before it
    stages = swapped_in_turn(drawn.targets, ids, values, found)
    for one, before in zip(found.swaps, stages[:-1], strict=True):
        flat = before.reshape(-1, before.shape[-1])
        for swap in one.swaps:
            for at in (swap.places, swap.sources):
                assert (flat[np.ix_(at, swap.variables)] != NONE).all()


# --- the rule -------------------------------------------------------------------------------------


def test_a_step_s_interventions_are_a_function_of_the_step():
    one, other = (small_injection.batches(**INTERCHANGE).at(4) for _ in range(2))
    assert torch.equal(one.swapped_targets, other.swapped_targets)
    for here, there in zip(one.swaps, other.swaps, strict=True):
        for swap, again in zip(here.swaps, there.swaps, strict=True):
            assert swap.variables == again.variables
            assert np.array_equal(swap.places, again.places)
            assert np.array_equal(swap.sources, again.sources)


INTERCHANGE = {"method": "interchange", "interchange_start": 0, "interchange_share": 1.0}


def test_interventions_start_when_told_and_come_every_so_often():
    batches = small_injection.batches()
    settings = small_injection.settings(
        method="interchange", steps=20, interchange_start=0.5, interchange_every=3
    )
    drawn = Interventions(small_injection.program().header, batches.targets, settings)
    assert [step for step in range(20) if drawn.is_due(step)] == [12, 15, 18]


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_the_share_of_examples_is_intervened_on_at_each_layer(share):
    drawn, rows, values = small_interventions(interchange_share=share)
    layers = {one.layer for one in drawn.targets.graph.variables if one.size > 1}
    seen, changed = set(), 0
    for step in range(50):
        found = drawn.at(step, rows, values)
        width = found.rows.ids.shape[1]
        assert [one.layer for one in found.swaps] == sorted({one.layer for one in found.swaps})
        for one in found.swaps:
            seen.add(one.layer)
            owners = [set(swap.places // width) for swap in one.swaps]
            assert all(owners)
            assert sum(map(len, owners)) == len(set().union(*owners))  # a row takes one draw
            changed += sum(map(len, owners))
    assert seen == (layers if share else set())
    most = 50 * len(rows) * len(layers)
    # a row may draw places without values, or none at all
    assert 0.7 * share * most <= changed <= min(1, 1.2 * share) * most


def test_groups_are_of_one_variable_or_of_several():
    drawn, rows, values = small_interventions(interchange_share=1.0, interchange_tries=1)
    sizes: dict[int, set[int]] = {}
    for step in range(40):
        for one in drawn.at(step, rows, values).swaps:
            for swap in one.swaps:
                sizes.setdefault(one.layer, set()).add(len(swap.variables))
    assert any(len(found) > 1 for found in sizes.values())
    assert all(1 in found for found in sizes.values())


@pytest.mark.parametrize("often", [0.0, 0.5, 1.0])
def test_the_rest_moves_along_as_often_as_told_and_keeps_its_position(often):
    drawn, rows, values = small_interventions(interchange_rest=often, codes="orthogonal")
    moved, elsewhere = [], 0
    for step in range(40):
        found = drawn.at(step, rows, values)
        width, read = found.rows.ids.shape[1], found.rows.are_read().reshape(-1)
        for swap in (swap for one in found.swaps for swap in one.swaps):
            moved.append(swap.rest is not None)
            if swap.rest is not None:
                assert np.array_equal(swap.rest % width, swap.places % width)
                assert read[swap.rest].all()
                elsewhere += np.count_nonzero(swap.rest != swap.places)
    assert np.mean(moved) == often if often != 0.5 else 0.3 < np.mean(moved) < 0.7
    assert bool(elsewhere) == bool(often)


SPENDING = {"count": False, "int_sum_shared": False, "shuffle_dyck_bits": True, "histogram": True}


@pytest.mark.parametrize("name", SPENDING)
def test_nothing_follows_from_variables_that_are_spent(name):
    program = load_program(f"programs/{name}.rasp")
    graph = compile_program(program, stepwise=SPENDING[name]).graph
    chance, count = np.random.default_rng(0), 0
    ids = chance.integers(len(graph.vocab), size=(6, min(12, graph.max_seq_len)))
    values = graph.variable_values(ids)
    for layer in range(graph.num_layers + 1):
        spent = spent_variables(graph, layer)
        assert graph.output_index not in spent
        moved = values.copy()
        for place in spent:
            moved[..., place] = chance.permutation(moved[..., place].reshape(-1)).reshape(ids.shape)
        count += np.count_nonzero(moved != values)
        after = graph.resumed(ids, layer, moved)
        others = np.setdiff1d(np.arange(values.shape[-1]), spent)
        assert np.array_equal(after[..., others], values[..., others])
    assert count  # some have moved


def test_what_a_later_layer_reads_is_not_spent():
    graph = small_injection.compiled().graph
    spent = {layer: set(spent_variables(graph, layer)) for layer in range(graph.num_layers + 1)}
    for edge in edges_of(graph):
        for layer in range(edge.layer):
            assert spent[layer].isdisjoint(edge.inputs)
    assert spent[graph.num_layers] == set(range(len(graph.variables))) - {graph.output_index}


def test_counts_and_differences_are_spent_where_the_bits_are():
    graph = compile_program(load_program("programs/shuffle_dyck_bits.rasp"), stepwise=True).graph
    names = [one.name for one in graph.variables]
    bits = graph.variables[names.index("()_unequal")].layer
    spent = {names[place] for place in spent_variables(graph, bits)}
    assert spent == {name for name in names if name.endswith(("_counts", "_diffs"))} - {
        "aggregated_diffs"
    }


@pytest.mark.parametrize("often", [0.0, 0.5, 1.0])
def test_spent_variables_move_along_as_often_as_told(often):
    drawn, rows, values = small_interventions(interchange_spent=often, interchange_share=1.0)
    with_all = []
    for step in range(40):
        for one in drawn.at(step, rows, values).swaps:
            spent = set(spent_variables(drawn.targets.graph, one.layer))
            known = set(
                np.flatnonzero([v.layer == one.layer for v in drawn.targets.graph.variables])
            )
            for swap in one.swaps if spent - known else ():
                with_all.append(spent <= set(swap.variables))
                assert with_all[-1] or set(swap.variables) <= known
    assert np.mean(with_all) == often if often != 0.5 else 0.3 < np.mean(with_all) < 0.7


def changes_of_draws(**changed: object) -> tuple[np.ndarray, np.ndarray]:
    """int64 [B] of how many values each row's taken draw changes of what follows, and [tries, B] of
    all; for several steps, one after another."""
    drawn, rows, _ = small_interventions(interchange_share=1.0, **changed)
    graph, chance = drawn.targets.graph, np.random.default_rng(0)
    values, ids = in_rows(drawn.targets, rows)
    follows = np.array([one.layer > 0 for one in graph.variables])

    def changes(after: np.ndarray) -> np.ndarray:
        counts: np.ndarray = ((after != values) & (after != NONE) & follows).sum(axis=(1, 2))
        return counts

    taken, tried = [], []
    for _ in range(10):
        tries = drawn._drawn(chance, 0, rows, values)
        each = []
        for swap in tries:
            after = values.reshape(-1, values.shape[-1]).copy()
            for variable in swap.variables:
                after[swap.places, variable] = after[swap.sources, variable]
            each.append(changes(graph.resumed(ids, 0, after.reshape(values.shape))))
        taken.append(changes(drawn._best(chance, tries, ids, values, None)[1]))
        tried.append(np.stack(each))
    return np.concatenate(taken), np.concatenate(tried, axis=1)


def test_each_example_takes_the_draw_that_changes_most_of_what_follows_in_it():
    taken, tried = changes_of_draws()
    assert np.array_equal(taken, tried.max(axis=0))
    assert len(set(tried.argmax(axis=0))) > 1


def test_or_any_that_changes_something():
    taken, tried = changes_of_draws(interchange_seek="any")
    assert np.array_equal(taken > 0, tried.max(axis=0) > 0)
    assert (taken < tried.max(axis=0)).any()
    assert (tried == taken).any(axis=0).all()


def test_so_often_one_variable_is_swapped_alone():
    def share(alone: float) -> float:
        drawn, rows, values = small_interventions(interchange_share=1.0, interchange_alone=alone)
        found = [drawn.at(step, rows, values) for step in range(20)]
        groups = [swap.variables for one in found for each in one.swaps for swap in each.swaps]
        return float(np.mean([len(group) == 1 for group in groups]))

    assert share(0.0) < share(0.5) < share(1.0) == 1


def test_rare_draws_bring_about_what_is_rare():
    """Counted by what the examples hold, where any draw would change about as much."""
    batches = small_injection.batches(method="interchange", interchange_seek="rare")
    rows = batches.task_rows(0)
    values = batches.targets.values(rows)
    known = Rarity(batches.sampled_values(len(batches.examples)), batches.examples.read_lengths)
    layers = np.array([one.layer for one in batches.targets.graph.variables])

    def rare(worth: ValueWorth | None) -> float:
        drawn = interventions(
            small_injection.program().header, batches.targets, interchange_tries=8
        )
        found = [drawn.at(step, rows, values, worth) for step in range(20)]
        return sum(
            known.of_values(one.values[-1])[(one.values[-1] != values) & (layers > 0)].sum()
            for one in found
        )

    assert rare(known.of_values) > rare(None)


def test_draws_bring_about_what_was_read_wrong():
    """From the first measurement on, and of that before the block of steps."""
    batches = small_injection.batches(**INTERCHANGE, interchange_seek="wrong", interchange_tries=8)
    variables = batches.targets.graph.variables
    place = [one.name for one in variables].index("depth")
    errors = tuple(np.zeros(one.size) for one in variables)
    sought = [variables[place].values.index(depth) for depth in (-3, 3)]
    errors[place][sought] = 1.0
    step = 2 * STEPS_AHEAD

    def wrong() -> int:
        targets = torch.cat([batches.at(step + k).swapped_targets[-1] for k in range(10)])
        return int(torch.isin(targets[:, place], torch.tensor(sought)).sum())

    before = wrong()
    batches.errors.add(1, errors)
    assert wrong() > before
    known = small_injection.batches(**INTERCHANGE, interchange_tries=8)
    known.errors.add(1, errors)
    plain = small_injection.batches(**INTERCHANGE, interchange_tries=8)
    assert torch.equal(known.at(step).swapped_targets, plain.at(step).swapped_targets)


def test_interventions_are_compared_by_rarity_where_told():
    plain, rare = (
        small_injection.batches(**INTERCHANGE, interchange_seek=word)
        for word in ("changed", "rare")
    )
    assert any(
        not torch.equal(plain.at(step).swapped_targets, rare.at(step).swapped_targets)
        for step in range(20)
    )


# --- what they weigh ------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.4])
@pytest.mark.parametrize("balance", [0.0, 1.0])
def test_batches_weigh_values_and_answers_as_told(share, balance):
    batch = small_injection.batches(
        **INTERCHANGE, answer_share=share, answer_balance=balance, balance=1.0
    ).at(3)
    due = torch.isin(batch.aligned_places, batch.answer_places).numpy()
    assert due.any()
    expected = token_weights(batch.answers.numpy(), balance)
    np.testing.assert_allclose(batch.answer_weights, expected, rtol=1e-5)
    targets = [batch.targets, *batch.swapped_targets]
    for values, weights in zip(targets, [batch.weights, *batch.swapped_weights], strict=True):
        expected = position_weights(values.numpy(), 1.0, due, share)
        np.testing.assert_allclose(weights, expected, rtol=1e-5)


def test_parts_share_the_weights_of_answers():
    batch = small_injection.batches(answer_balance=1.0).at(0)
    parts = [batch.part(rank, 2) for rank in range(2)]
    together = torch.cat([part.answer_weights for part in parts])
    assert torch.equal(together, batch.answer_weights)
    assert float(together.sum()) == pytest.approx(1)


def test_bfloat16_does_not_round_the_loss():
    objective = small_injection.objective(codes="orthogonal", method="interchange")
    with objective.hooked(), torch.autocast("cpu", torch.bfloat16):
        losses = objective(small_injection.batches(**INTERCHANGE).at(0))
    assert {name: loss.dtype for name, loss in losses.items()} == dict.fromkeys(
        losses, torch.float32
    )
