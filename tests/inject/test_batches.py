"""Rows, targets and batches: every place in a batch means what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from inject import small_injection

from rinject.errors import InputError
from rinject.inject.batches import STEPS_AHEAD, Batches, text_ids
from rinject.inject.projection import variable_slices
from rinject.inject.rows import example_rows
from rinject.inject.targets import Targets
from rinject.tasks import examples

CHECKED_STEPS = (0, 1, STEPS_AHEAD - 1, STEPS_AHEAD, 50)


@pytest.fixture
def targets() -> Targets:
    return Targets(small_injection.compiled().graph, small_injection.reconciliation())


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


@pytest.mark.parametrize("step", CHECKED_STEPS)
def test_places_in_a_batch(batches, targets, step):
    batch = batches.at(step)
    flat = batch.ids.flatten()
    rows = batches.task_rows(step)
    assert np.array_equal(batch.ids, rows.ids)
    assert len(rows) == 4
    assert torch.equal(flat[batch.answer_places + 1], batch.answers)
    assert flat[batch.prompt_places].tolist() == rows.ids[rows.in_prompt()].tolist()
    assert np.array_equal(batch.targets, targets.values(rows))
    assert np.array_equal(batch.text_ids, batches.text_windows(step))


def test_batches_are_a_function_of_the_step(rows, text, targets, batches):
    again = Batches(rows, text, targets, batches.settings)
    for step in reversed(CHECKED_STEPS):
        one, other = batches.at(step), again.at(step)
        assert torch.equal(one.ids, other.ids)
        assert torch.equal(one.targets, other.targets)


def test_every_example_comes_once_in_each_round(batches, rows):
    for start in (0, 3):
        seen = np.concatenate([batches.task_rows(start + i).prompt_lengths for i in range(3)])
        assert sorted(seen) == sorted(rows.prompt_lengths)


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


def test_text_comes_on_every_nth_step_only(rows, text, targets):
    settings = small_injection.settings(kl_every=2)
    batches = Batches(rows, text, targets, settings)
    for step in range(4):
        batch = batches.at(step)
        assert (batch.text_ids.numel() > 0) == (step % 2 == 0)
        assert len(batch.ids) == 4


def test_too_little_text(rows, targets):
    with pytest.raises(InputError, match="the text has 12 tokens, fewer than --text-tokens"):
        Batches(rows, np.arange(12), targets, small_injection.settings())
