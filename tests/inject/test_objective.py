"""The objective: the losses of each row alone, however the rows are put through the student."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from inject import small_injection
from inject.small_steps import assert_alike, batch_of, losses_and_gradients, losses_of
from torch import Tensor
from torch.nn import functional

from rinject.inject.losses import cosine_alignment, cross_entropy_within, slice_alignment
from rinject.inject.objective import Objective
from rinject.inject.roll import roll_around, row_basis
from rinject.inject.subspaces import Subspace
from rinject.student import capture_streams, residual_streams, rewrite_stream

KINDS = tuple(small_injection.CONFIGS)
ROLLS = ("none", "final-result", "subspace")
SHORT, LONG = 8, 60
"""Tokens of text rows, fewer and more than those of task rows."""


# --- against each row alone -----------------------------------------------------------------------


@pytest.fixture(params=KINDS)
def objective(request: pytest.FixtureRequest) -> Objective:
    return small_injection.objective(request.param, roll="none")


def test_the_answer_loss_is_that_of_each_row_alone(objective):
    batches = small_injection.batches()
    rows, found = batches.task_rows(0), losses_of(objective, batches.at(0))
    errors = []
    for ids, prompt, length in zip(rows.ids, rows.prompt_lengths, rows.lengths, strict=True):
        logits = objective.student(torch.from_numpy(ids[None, :length])).logits[0]
        said = logits[prompt - 1 : length - 1].log_softmax(-1)
        errors += [-row[id_] for row, id_ in zip(said, ids[prompt:length], strict=True)]
    torch.testing.assert_close(found["answer"], torch.stack(errors).mean())


@pytest.mark.parametrize("forward", ["joint", "apart"])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_begin_where_they_were_shifted_to(kind, forward):
    objective = small_injection.objective(kind, roll="none", forward=forward, shift=9)
    batches = small_injection.batches(shift=9)
    rows, batch = batches.task_rows(0), batches.at(0)
    errors = []
    for ids, prompt, length, start in zip(
        rows.ids, rows.prompt_lengths, rows.lengths, batch.shifts, strict=True
    ):
        positions = torch.arange(length)[None] + start
        row = torch.from_numpy(ids[None, :length])
        logits = objective.student(row, position_ids=positions).logits[0]
        said = logits[prompt - 1 : length - 1].log_softmax(-1)
        errors += [-row[id_] for row, id_ in zip(said, ids[prompt:length], strict=True)]
    found = losses_of(objective, batch)
    torch.testing.assert_close(found["answer"], torch.stack(errors).mean())
    at_zero = losses_of(objective, replace(batch, shifts=None))
    torch.testing.assert_close(found["text"], at_zero["text"])  # the teacher reads it from 0 on
    if kind == "gpt2":
        assert not torch.allclose(found["answer"], at_zero["answer"])


@pytest.mark.parametrize("maps", ["shared", "per-layer"])
@pytest.mark.parametrize("alignment", ["slice", "cosine"])
def test_the_alignment_is_that_of_each_row_alone(alignment, maps):
    objective = small_injection.objective(roll="none", alignment=alignment, maps=maps)
    batches = small_injection.batches(alignment=alignment, balance=0.5)
    rows, batch = batches.task_rows(0), batches.at(0)
    alone = []
    for ids, read in zip(rows.ids, rows.read_lengths, strict=True):
        streams = residual_streams(objective.student, torch.from_numpy(ids[None, :read]))
        alone.append(torch.stack([streams[layer][0] for layer in objective.layers]))
    streams, found = torch.cat(alone, dim=1), objective.projection.maps()  # [L, N, D]
    if alignment == "cosine":
        expected = cosine_alignment(found, streams, batch.targets, streams.shape[1])
    else:
        weights, shares = batch.weights, objective.shares
        expected = slice_alignment(
            found, streams, batch.targets, weights, shares, cross_entropy_within
        )
    torch.testing.assert_close(losses_of(objective, batch)["alignment"], expected)


def test_the_text_loss_is_the_divergence_from_the_teacher(objective):
    batch = batch_of()
    (teacher,) = objective._teacher
    own, other = (model(batch.text_ids).logits for model in (objective.student, teacher))
    expected = functional.kl_div(
        own.log_softmax(-1).flatten(0, 1), other.log_softmax(-1).flatten(0, 1),
        log_target=True, reduction="batchmean",
    )  # fmt: skip
    assert expected > 1e-4
    torch.testing.assert_close(losses_of(objective, batch)["text"], expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("roll", ROLLS[1:])
def test_the_answer_travels_through_the_rolled_stream(kind, roll):
    objective = small_injection.objective(kind, roll=roll)
    batch, student = batch_of(), objective.student
    basis = row_basis(objective.projection.maps(), "answer" if roll == "final-result" else None)

    def rewritten(stream: Tensor) -> Tensor:
        return roll_around(stream, Subspace.orthogonal(basis))

    with torch.no_grad(), rewrite_stream(student, objective.layers[-1], rewritten):
        logits = student(batch.ids).logits.flatten(0, 1)[batch.answer_places]
    expected = functional.cross_entropy(logits, batch.answers)
    found = losses_of(objective, batch)
    torch.testing.assert_close(found["answer"], expected)
    plain = losses_of(small_injection.objective(kind, roll="none"), batch)
    assert abs(found["answer"] - plain["answer"]) > 1e-5
    for name in ("alignment", "text"):  # only what comes after the last aligned stream is rolled
        torch.testing.assert_close(found[name], plain[name])


def test_strict_streams_and_the_roll_are_drawn_apart():
    """Streams before the last are rolled where their mask says so, the last one as --roll does."""

    def answer(roll: str, rolled: bool, *strict: int) -> Tensor:
        objective = small_injection.objective(codes="orthogonal", strict_share=0.5, roll=roll)
        batch = batch_of()
        masks = torch.zeros(len(objective.layers) - 1, len(batch.ids), dtype=torch.bool)
        masks[list(strict)] = True
        last = torch.full((len(batch.ids),), rolled)
        return losses_of(objective, replace(batch, rolled=last, strict=masks))["answer"]

    def plain(roll: str) -> Tensor:
        objective = small_injection.objective(codes="orthogonal", roll=roll)
        return losses_of(objective, batch_of())["answer"]

    torch.testing.assert_close(answer("final-result", False), plain("none"))
    torch.testing.assert_close(answer("final-result", True), plain("final-result"))
    torch.testing.assert_close(answer("none", True), plain("none"))
    found = [answer("none", True, place) for place in range(2)]
    assert all(abs(one - plain("none")) > 1e-5 for one in found)
    assert abs(found[0] - found[1]) > 1e-5


def test_only_some_rows_are_rolled():
    objective, plain = (small_injection.objective(roll=roll) for roll in ("final-result", "none"))
    batch = batch_of()
    everything = losses_of(objective, batch)["answer"]
    none = losses_of(plain, batch)["answer"]

    def answer(*rows: int) -> Tensor:
        rolled = torch.zeros(len(batch.ids), dtype=torch.bool)
        rolled[list(rows)] = True
        return losses_of(objective, replace(batch, rolled=rolled))["answer"]

    torch.testing.assert_close(answer(*range(len(batch.ids))), everything)
    torch.testing.assert_close(answer(), none)
    # the loss is a sum over rows, so that what each row adds when it is rolled adds up
    parts = [answer(row) - none for row in range(len(batch.ids))]
    torch.testing.assert_close(none + torch.stack(parts).sum(), everything)


@pytest.mark.parametrize("forward", ["joint", "apart"])
@pytest.mark.parametrize("roll", ["final-result", "subspace"])
def test_what_is_not_kept_may_come_from_answers(forward, roll):
    """From the same positions of the row before it would be the roll, from nowhere none."""
    plain, none, answers = (
        small_injection.objective(roll=which, forward=forward, **more)
        for which, more in ((roll, {}), ("none", {}), (roll, {"roll_from": "answers"}))
    )
    batch = small_injection.batches(roll_from="answers", text_tokens=12).at(0)
    own = torch.arange(batch.ids.numel())
    like_roll = torch.stack([own, own.view_as(batch.ids).roll(1, dims=0).flatten()])
    nowhere = torch.empty((2, 0), dtype=torch.long)
    for rest, expected in ((like_roll, plain), (nowhere, none)):
        found = losses_of(answers, replace(batch, rest=rest))["answer"]
        torch.testing.assert_close(found, losses_of(expected, replace(batch, rest=None))["answer"])
    aligned = losses_of(answers, batch)["answer"]
    assert abs(aligned - losses_of(plain, replace(batch, rest=None))["answer"]) > 1e-6
    assert abs(aligned - losses_of(none, replace(batch, rest=None))["answer"]) > 1e-6


@pytest.mark.parametrize("forward", ["joint", "apart"])
def test_what_is_not_kept_may_come_from_text(forward):
    from_text = small_injection.objective(roll_from="text", forward=forward)
    others = small_injection.objective(forward=forward)
    batch = batch_of(text_tokens=12)
    text = torch.randint(from_text.student.config.vocab_size, batch.text_ids.shape)
    elsewhere = replace(batch, text_ids=text)  # other text
    assert losses_of(others, elsewhere)["answer"] == losses_of(others, batch)["answer"]
    assert losses_of(from_text, elsewhere)["answer"] != losses_of(from_text, batch)["answer"]
    apart = small_injection.objective(roll_from="text", forward="apart")
    torch.testing.assert_close(losses_of(from_text, batch), losses_of(apart, batch))
    without = replace(batch, text_ids=batch.text_ids[:0, :0], text_count=0)
    assert losses_of(from_text, without)["answer"] == losses_of(others, without)["answer"]


# --- however they are computed --------------------------------------------------------------------


@pytest.mark.parametrize("length", [SHORT, LONG])
@pytest.mark.parametrize("roll", ROLLS)
@pytest.mark.parametrize("kind", KINDS)
def test_jointly_and_apart(kind, roll, length):
    batch = batch_of(text_tokens=length)
    assert (length < batch.ids.shape[1]) == (length == SHORT)
    joint, apart = (
        losses_and_gradients(
            small_injection.objective(kind, roll=roll, forward=forward, text_tokens=length), batch
        )
        for forward in ("joint", "apart")
    )
    assert joint[0].keys() == {"answer", "alignment", "text"}
    assert_alike(joint, apart)


@pytest.mark.parametrize(
    ("rows", "forward", "joint"),
    [
        ({"text_tokens": 22}, "auto", True),
        ({"text_tokens": LONG}, "auto", False),
        ({"text_tokens": LONG}, "joint", True),
        ({"text_tokens": 22}, "apart", False),
    ],
)
def test_rows_go_together_where_that_adds_few_fillers(rows, forward, joint):
    objective = small_injection.objective(forward=forward)
    passes: list[torch.Size] = []
    objective.student.register_forward_pre_hook(
        lambda _model, _args, kwargs: passes.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    losses_of(objective, batch_of(**rows))
    assert len(passes) == (1 if joint else 2)


# --- parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("forward", ["joint", "apart"])
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"alignment": "cosine"},
        {"alignment": "slice-cosine", "balance": 1.0, "positions": "answer"},
        {"alignment": "cosine", "positions": "answer", "kl_every": 2},
        {"shift": 7},
    ],
)
def test_parts_add_up_to_the_whole(changed, forward):
    objective = small_injection.objective(roll="none", forward=forward, **changed)
    batches = small_injection.batches(text_rows=4, **changed)
    for step in (0, 1):
        whole = batches.at(step)
        expected = losses_and_gradients(objective, whole)
        for processes in (2, 4):
            parts = [
                losses_and_gradients(objective, whole.part(rank, processes))
                for rank in range(processes)
            ]
            added = [_sum(kind) for kind in zip(*parts, strict=True)]
            assert_alike(added, expected)


def _sum(parts: tuple[dict[str, Tensor], ...]) -> dict[str, Tensor]:
    assert all(part.keys() == parts[0].keys() for part in parts)
    return {name: sum(part[name] for part in parts) for name in parts[0]}


# --- which parameters learn what ------------------------------------------------------------------


def test_a_step_without_text():
    batch = batch_of(step=1, kl_every=2)
    objective = small_injection.objective(kl_every=2, forward="joint")
    assert losses_of(objective, batch).keys() == {"answer", "alignment"}
    assert objective.weights()["text"] == 2


def test_the_baselines_map_is_a_probe():
    objective = small_injection.objective(method="finetune", beta=7.0, forward="joint")
    loss = losses_of(objective, batch_of())["alignment"]
    assert objective.weights()["alignment"] == 1
    gradients = torch.autograd.grad(loss, list(objective.parameters()), allow_unused=True)
    learns = {
        name for (name, _), one in zip(objective.named_parameters(), gradients, strict=True)
        if one is not None
    }  # fmt: skip
    assert learns == {"projection.weight", "projection.bias"}
    plain = small_injection.objective(roll="none", forward="joint")
    answers = [losses_of(one, batch_of())["answer"] for one in (objective, plain)]
    torch.testing.assert_close(*answers)  # nothing is rolled


def test_the_teacher_is_not_trained_nor_saved(objective):
    (teacher,) = objective._teacher
    losses_and_gradients(objective, batch_of())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    own = {id(parameter) for parameter in objective.parameters()}
    assert own.isdisjoint(map(id, teacher.parameters()))
    assert all(name.startswith(("student.", "projection.")) for name in objective.state_dict())


def test_hooks_are_gone_after_a_step():
    objective = small_injection.objective(roll="subspace")
    losses_of(objective, batch_of())
    modules = list(objective.student.modules())
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in modules)
    with capture_streams(objective.student, [0]) as streams:
        objective.student(torch.arange(4)[None])
    assert streams[0].shape == (1, 4, small_injection.WIDTH)


def test_points_are_asked_for_in_proportion_to_their_weight():
    def alignment(digital: float, **settings: Any) -> torch.Tensor:
        objective = small_injection.objective(alignment="slice", digital=digital, **settings)
        return losses_of(objective, small_injection.batches(alignment="slice").at(0))["alignment"]

    without, some, more = (alignment(weight) for weight in (0.0, 1.0, 3.0))
    assert some > without
    torch.testing.assert_close(more - without, 3 * (some - without))
    probe = alignment(3.0, method="finetune")
    torch.testing.assert_close(probe, alignment(0.0, method="finetune"))  # it reads any code
