"""Rows, targets and batches: every place in a batch means what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from inject import small_injection
from torch import Tensor

from rinject.compiler import compile_program
from rinject.errors import InputError
from rinject.inject.batches import STEPS_AHEAD, Batch, Batches, text_ids
from rinject.inject.combinations import Combinations
from rinject.inject.processes import Processes
from rinject.inject.projection import variable_slices
from rinject.inject.rows import example_rows, rows_of
from rinject.inject.step import Feed
from rinject.inject.targets import Targets
from rinject.lang import load_program
from rinject.tasks import Example, examples
from rinject.tokens import reconcile

CHECKED_STEPS = (0, 1, STEPS_AHEAD - 1, STEPS_AHEAD, 50)


@pytest.fixture
def targets() -> Targets:
    return small_injection.targets()


@pytest.fixture
def text() -> np.ndarray:
    return text_ids(small_injection.TEXTS, small_injection.reconciliation())


@pytest.fixture
def batches(rows, text, targets) -> Batches:
    return Batches(rows, text, targets, small_injection.settings(steps=100))


def test_rows_hold_prompt_and_answer(rows):
    reconciliation = small_injection.reconciliation()
    drawn = examples(small_injection.task(), "train", 12, 0)
    assert len({len(one.prompt) for one in drawn}) > 1
    answers = iter(rows.answers().tolist())
    for index, one in enumerate(drawn):
        prompt = rows.ids[index, : rows.prompt_lengths[index]]
        answer = rows.ids[index, rows.prompt_lengths[index] : rows.lengths[index]]
        assert prompt.tolist() == reconciliation.student_ids(one.prompt)
        assert answer.tolist() == reconciliation.student_ids(one.answer)
        assert [next(answers) for _ in answer] == answer.tolist()
        assert np.flatnonzero(rows.before_answer()[index]).tolist() == [
            rows.prompt_lengths[index] - 1 + i for i in range(len(answer))
        ]


def test_rows_by_length_are_all_rows(rows):
    parts = rows.by_length(5)
    assert sorted(np.concatenate([places for places, _ in parts])) == list(range(12))
    for places, part in parts:
        assert part.ids.shape[1] == part.lengths.max()
        assert part.lengths.tolist() == rows.lengths[places].tolist()


def test_targets_are_the_compiled_models_stream_at_every_layer(rows, targets):
    compiled = small_injection.compiled()
    ids = targets.program_ids(rows)
    values, inside = targets.values(rows), ids != -1
    for layer, stream in enumerate(compiled.residuals(ids)):
        expected = stream[torch.from_numpy(inside)][:, : compiled.layout.variable_width]
        hot = torch.zeros_like(expected)
        for index, one in enumerate(variable_slices(compiled.graph)):
            places = np.flatnonzero((values[:, index] >= 0) & (one.layer <= layer))
            hot[places, one.start + values[places, index]] = 1
        torch.testing.assert_close(expected, hot, atol=1e-4, rtol=0)


def test_a_variable_without_value_is_minus_one(rows, targets):
    names = [one.name for one in variable_slices(targets.graph)]
    first = np.cumsum([0, *rows.prompt_lengths[:-1]])
    assert (targets.values(rows)[first, names.index("before")] == -1).all()


def test_slices_are_those_of_the_compiled_layout():
    compiled = small_injection.compiled()
    ours = [(one.name, one.start, one.stop) for one in variable_slices(compiled.graph)]
    assert ours == [(slot.variable, slot.start, slot.stop) for slot in compiled.layout.slots]


def test_a_prompt_longer_than_the_program(targets):
    long = examples(small_injection.task(), "train", 1, 0)[0]
    prompt = small_injection.program().header.prompt.replace("{input}", "(" * 30)
    rows = example_rows([type(long)("", prompt, " no")], small_injection.reconciliation())
    with pytest.raises(InputError, match="the prompt has 38 tokens, the program has 22 positions"):
        targets.values(rows)


# --- answers spelled symbol by symbol -------------------------------------------------------------


def spelling(text: np.ndarray, **changed: object) -> Batches:
    """Batches of a program that echoes digits one by one."""
    program = load_program(text=small_injection.SPELLED)
    inputs = [one * two for one in ("1", "32", "213", "2") for two in (1, 2)]
    drawn = [Example(one, f"Say {one} again:", one) for one in inputs]
    reconciliation = reconcile(small_injection.tokenizer(), program.header)
    targets = Targets(compile_program(program).graph, reconciliation)
    rows = example_rows(drawn, reconciliation, spelled=program.header.spelled)
    return Batches(rows, text, targets, small_injection.settings(**changed))


def test_a_spelled_answer_is_read_back_but_for_its_end(text, rows):
    spelled = spelling(text).examples
    assert (spelled.lengths - spelled.prompt_lengths).tolist() == [1, 2, 2, 4, 3, 6, 1, 2]
    assert spelled.read_lengths.tolist() == (spelled.lengths - 1).tolist()
    assert rows.read_lengths.tolist() == rows.prompt_lengths.tolist()
    for each in (spelled, rows):
        assert (each.are_read().sum(axis=1) == each.read_lengths).all()
    assert not (spelled.before_answer() & ~spelled.are_read()).any()


def test_targets_are_the_programs_own_values(text):
    batches = spelling(text)
    program, targets, rows = (
        load_program(text=small_injection.SPELLED), batches.targets, batches.examples,
    )  # fmt: skip
    values = targets.values(rows)  # [N, V]
    ends = np.cumsum(rows.read_lengths)
    named = [(v, one) for v, one in enumerate(targets.graph.variables) if one.name in program.names]
    assert {one.name for _, one in named} >= {"number", "due", "found", "next"}
    for ids, read, found in zip(rows.ids, rows.read_lengths, np.split(values, ends), strict=False):
        symbols = targets.reconciliation.symbols(ids[:read])
        for index, variable in named:
            own = [None if value == -1 else variable.values[value] for value in found[:, index]]
            assert own == program.evaluate(symbols, variable.name), variable.name


def test_a_spelled_answer_longer_than_the_program(text):
    targets = spelling(text).targets
    rows = rows_of([[1] * 15], [[1] * 7], spelled=True)
    with pytest.raises(InputError, match="the prompt and its answer have 21 tokens"):
        targets.program_ids(rows)


def test_positions_before_the_answer_only(text):
    batches = spelling(text, positions="answer")
    whole = spelling(text)
    for step in (0, 1):
        batch, other = batches.at(step), whole.at(step)
        assert torch.equal(batch.aligned_places, batch.answer_places)
        assert batch.aligned_count == len(batch.answers) == len(batch.targets)
        before = torch.isin(other.aligned_places, batch.aligned_places)
        assert torch.equal(batch.targets, other.targets[before])
        assert batch.weights.shape == batch.targets.shape
        assert_sums_of_one(batch)


# --- batches --------------------------------------------------------------------------------------


def tensors(batch: Batch) -> dict[str, Tensor]:
    return {name: one for name, one in vars(batch).items() if isinstance(one, Tensor)}


def assert_equal(one: Batch, other: Batch) -> None:
    assert all(torch.equal(tensor, tensors(other)[name]) for name, tensor in tensors(one).items())
    assert one.tokens == other.tokens


def assert_sums_of_one(batch: Batch) -> None:
    present = (batch.targets != -1).any(dim=0).float()
    torch.testing.assert_close(batch.weights.sum(dim=0), present)


@pytest.mark.parametrize("step", CHECKED_STEPS)
def test_places_in_a_batch(batches, targets, step):
    batch = batches.at(step)
    flat = batch.ids.flatten()
    rows = batches.task_rows(step)
    assert np.array_equal(batch.ids, rows.ids)
    assert len(rows) == 4
    assert torch.equal(flat[batch.answer_places + 1], batch.answers)
    assert flat[batch.aligned_places].tolist() == rows.ids[rows.are_read()].tolist()
    assert np.array_equal(batch.targets, targets.values(rows))
    assert np.array_equal(batch.text_ids, batches.text_windows(step))
    assert batch.aligned_count == len(batch.targets)
    assert batch.text_count == batch.text_ids.numel()
    assert batch.tokens == rows.lengths.sum() + batch.text_ids.numel()
    assert_sums_of_one(batch)


def test_batches_are_a_function_of_the_step(rows, text, targets, batches):
    again = Batches(rows, text, targets, batches.settings)
    for step in reversed(CHECKED_STEPS):
        assert_equal(batches.at(step), again.at(step))
    other = replace(batches.settings, seed=1)
    assert not torch.equal(
        Batches(rows, text, targets, other).at(0).text_ids, batches.at(0).text_ids
    )


def test_batches_fed_ahead_are_the_same(rows, text, targets, batches):
    feed = Feed(Batches(rows, text, targets, batches.settings), Processes.join(batches.settings))
    for step in (0, 1, 2, STEPS_AHEAD - 1, STEPS_AHEAD, 5):
        assert_equal(feed.at(step), batches.at(step))


def test_a_failure_to_make_a_batch_reaches_the_trainer(rows, text, targets):
    settings = small_injection.settings()
    short = Targets(replace(targets.graph, max_seq_len=5), targets.reconciliation)
    feed = Feed(Batches(rows, text, short, settings), Processes.join(settings))
    with pytest.raises(InputError, match="the program has 5 positions"):
        feed.at(0)


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_parts_share_the_rows(batches, processes):
    batch = replace(batches.at(0), text_ids=torch.arange(24).view(4, 6))
    parts = [batch.part(rank, processes) for rank in range(processes)]
    assert all(len(part.ids) == 4 // processes for part in parts)
    for name in ("ids", "answers", "targets", "weights", "text_ids"):
        together = torch.cat([getattr(part, name) for part in parts])
        assert torch.equal(together, getattr(batch, name)), name
    for part in parts:
        assert torch.equal(part.ids.flatten()[part.answer_places + 1], part.answers)
        tokens = part.ids.flatten()[part.aligned_places]
        assert len(tokens) == len(part.targets)
        assert part.aligned_count == batch.aligned_count
    read = torch.cat([part.ids.flatten()[part.aligned_places] for part in parts])
    assert torch.equal(read, batch.ids.flatten()[batch.aligned_places])


def test_rows_are_shifted_differently_in_each_step(rows, text, targets):
    def batches() -> Batches:
        return Batches(rows, text, targets, small_injection.settings(shift=3))

    shifts = torch.stack([batches().at(step).shifts for step in range(30)])  # [steps, rows]
    assert set(shifts.flatten().tolist()) == {0, 1, 2, 3}
    assert torch.equal(batches().at(7).shifts, shifts[7])
    assert Batches(rows, text, targets, small_injection.settings()).at(0).shifts is None


def test_rows_that_lend_each_other_parts_of_the_stream_are_shifted_alike(rows, text, targets):
    settings = small_injection.settings(shift=3, codes="orthogonal", strict_share=0.5)
    batches = Batches(rows, text, targets, settings)
    shifts = torch.stack([batches.at(step).shifts for step in range(30)])  # [steps, rows]
    assert torch.equal(shifts, shifts[:, :1].expand_as(shifts))
    assert set(shifts[:, 0].tolist()) == {0, 1, 2, 3}


def test_a_share_of_the_rows_is_rolled(rows, text, targets):
    def batches(share: float) -> Batches:
        return Batches(rows, text, targets, small_injection.settings(roll_share=share))

    rolled = torch.stack([batches(0.25).at(step).rolled for step in range(50)]).float()
    assert 0.1 < rolled.mean() < 0.4
    assert torch.equal(batches(0.25).at(7).rolled.float(), rolled[7])
    assert batches(1.0).at(0).rolled is None
    assert not batches(0.0).at(0).rolled.any()


def test_each_row_is_strict_at_streams_of_its_own(rows, text, targets):
    def batch(step: int) -> Batch:
        settings = small_injection.settings(codes="orthogonal", strict_share=0.25)
        return Batches(rows, text, targets, settings).at(step)

    strict = torch.stack([batch(step).strict for step in range(50)])  # [steps, L - 1, B]
    assert strict.shape[1] == small_injection.compiled().num_layers
    assert 0.15 < strict.float().mean() < 0.35
    assert (strict.any(dim=1) & ~strict.all(dim=1)).any()  # at some streams, not at all
    parts = [batch(7).part(rank, 2).strict for rank in range(2)]
    assert torch.equal(torch.cat(parts, dim=1), strict[7])
    plain = Batches(rows, text, targets, small_injection.settings()).at(0)
    assert plain.strict is None
    assert plain.rest is None


def test_parts_without_text(rows, text, targets):
    batch = Batches(rows, text, targets, small_injection.settings(kl_every=2)).at(1)
    assert not any(batch.part(rank, 2).text_ids.numel() for rank in range(2))


def test_every_example_comes_once_in_each_round(batches, rows):
    for start in (0, 3):
        seen = np.concatenate([batches.task_rows(start + i).prompt_lengths for i in range(3)])
        assert sorted(seen) == sorted(rows.prompt_lengths)


def test_similar_lengths_go_together(text, targets):
    drawn = examples(small_injection.task(), "train", 50, 0)
    rows = example_rows(drawn, small_injection.reconciliation())

    def blocks(similar: bool) -> list[list[Batch]]:
        settings = small_injection.settings(similar_lengths=similar, steps=100)
        made = Batches(rows, text, targets, settings)
        return [
            [made.at(block * STEPS_AHEAD + step) for step in range(STEPS_AHEAD)]
            for block in range(3)
        ]

    def prompts(block: list[Batch]) -> list[tuple[int, ...]]:
        return sorted(tuple(i for i in row if i) for batch in block for row in batch.ids.tolist())

    def positions(block: list[Batch]) -> int:
        return sum(batch.ids.numel() for batch in block)

    for mixed, similar in zip(blocks(False), blocks(True), strict=True):
        assert prompts(mixed) == prompts(similar)  # the same examples, in other steps
        assert positions(similar) < 0.9 * positions(mixed)
        widths = [batch.ids.shape[1] for batch in similar]
        assert widths != sorted(widths)
        for batch in similar:
            assert_sums_of_one(batch)


def test_values_of_some_examples(batches, targets, rows):
    assert np.array_equal(batches.sampled_values(5), targets.values(rows.take(slice(5))))
    assert np.array_equal(batches.sampled_values(999), targets.values(rows))


def test_rare_values_bring_their_examples(text, targets):
    drawn = examples(small_injection.task(), "train", 200, 0)
    rows = example_rows(drawn, small_injection.reconciliation())

    def batches(rare: float) -> Batches:
        return Batches(rows, text, targets, small_injection.settings(rare=rare, steps=100))

    def mean_length(chosen: Batches) -> float:
        return float(np.mean([chosen.task_rows(s).prompt_lengths.mean() for s in range(100)]))

    rare = batches(0.8)
    assert mean_length(rare) > mean_length(batches(0.0)) + 0.5
    for step in (STEPS_AHEAD, 3):
        batch, chosen = rare.at(step), rare.task_rows(step)
        assert np.array_equal(batch.targets, targets.values(chosen))
        assert torch.equal(batch.ids, batches(0.8).at(step).ids)


def test_rare_combinations_bring_their_examples(text, targets):
    rows = example_rows(
        examples(small_injection.task(), "train", 200, 0), small_injection.reconciliation()
    )
    combined = Combinations(small_injection.program(), targets)
    worth = combined.worth([rows])
    rarest = np.flatnonzero(worth == worth.max())

    def share(chosen: Batches) -> float:
        prompts = {row.tobytes() for row in rows.ids[rarest]}
        drawn = [chosen.task_rows(step).ids for step in range(100)]
        found = [np.pad(ids, [(0, 0), (0, rows.ids.shape[1] - ids.shape[1])]) for ids in drawn]
        return float(np.mean([row.tobytes() in prompts for ids in found for row in ids]))

    def batches(share: float) -> Batches:
        settings = small_injection.settings(rare=1.0, rare_combinations=share, steps=100)
        return Batches(rows, text, targets, settings, combinations=combined if share else None)

    assert share(batches(1.0)) == pytest.approx(worth[rarest].sum(), abs=0.05)
    assert share(batches(1.0)) > share(batches(0.5)) > share(batches(0.0))


def test_text_comes_on_every_nth_step_only(rows, text, targets):
    settings = small_injection.settings(kl_every=2)
    batches = Batches(rows, text, targets, settings)
    for step in range(4):
        batch = batches.at(step)
        assert (batch.text_ids.numel() > 0) == (step % 2 == 0)
        assert len(batch.ids) == 4


def test_too_little_text(rows, targets):
    with pytest.raises(InputError, match="the text has 11 tokens, fewer than --text-tokens"):
        Batches(rows, np.arange(11), targets, small_injection.settings())
    just_enough = small_injection.settings(text_tokens=12)
    batch = Batches(rows, np.arange(12), targets, just_enough).at(0)
    assert set(map(tuple, batch.text_ids.tolist())) == {tuple(range(12))}
