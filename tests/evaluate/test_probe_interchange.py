"""Interchange interventions: the program's side by direct computation, the student's where it is
known what it does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from evaluate.spelled_bundle import spelled_bundle
from inject import small_injection

from rinject.errors import InputError
from rinject.evaluate.probe import draw_interchange, interchange, steering
from rinject.evaluate.probe.answers import Answers
from rinject.evaluate.probe.effect import Places, with_part
from rinject.evaluate.probe.forward import stream_after
from rinject.evaluate.probe.shares import Share
from rinject.inject.bundle import Bundle
from rinject.inject.interchange import Swap, SwappedPart, swapped_stream, swapped_values
from rinject.inject.rows import Rows, rows_of
from rinject.inject.subspaces import Subspace, random_subspace
from rinject.tasks import examples


def some_rows(bundle: Bundle, n: int = 16) -> Rows:
    return bundle.rows(examples(small_injection.task(), "test", n, 0))


def index_of(bundle: Bundle, name: str) -> int:
    return [variable.name for variable in bundle.graph.variables].index(name)


def test_an_answer_that_is_one_direction_is_swapped_with_it() -> None:
    """Then the student answers as it does on the source; and the program as it does there."""
    bundle = small_injection.with_direction()
    report = interchange(bundle, some_rows(bundle, 40), variables=["answer"], draws=2)
    (one,) = report.variables
    assert one.name == report.output
    assert (one.layer, one.student_layer, one.rank) == (4, 4, 1)
    assert one.effect.followed.n == report.pairs == 40
    assert one.effect.followed.counts == report.undisturbed.counts
    assert 0 < one.effect.followed_changed.n < 40


def test_the_mean_is_over_the_variables_with_enough_cases() -> None:
    bundle = small_injection.with_direction()
    report = interchange(bundle, some_rows(bundle, 40), variables=["answer"], draws=1)
    (one,) = report.variables
    twenty = replace(one.effect, followed_changed=Share((15,), 20))
    few = replace(one.effect, followed_changed=Share((19,), 19))
    judged, left_out = replace(one, name="judged", effect=twenty), replace(one, effect=few)
    several = replace(report, variables=(judged, left_out, replace(judged, name="too")))
    assert [one.name for one in several.judged] == ["judged", "too"]
    assert several.mean == pytest.approx(0.75)
    assert replace(report, variables=(left_out,)).mean is None


def test_its_own_subspace_does_what_random_ones_do_not() -> None:
    """On prompts whose length tells the answer, and a student that answers by the position alone,
    in the direction in which the map reads it."""
    bundle = small_injection.with_direction()
    rows = some_rows(bundle, 60)
    answers = rows.ids[np.arange(len(rows)), rows.prompt_lengths]  # [B]
    yes, no = (
        bundle.reconciliation.student_ids(rule.text)[0] for rule in bundle.program.header.answers
    )
    longest = {length for length in rows.prompt_lengths if length > np.median(rows.prompt_lengths)}
    is_yes = np.isin(rows.prompt_lengths, list(longest))
    rows = rows.take(answers == np.where(is_yes, yes, no))
    layers: Any = bundle.model.transformer
    with torch.no_grad():
        for block in layers.h:
            for module in (block.attn, block.mlp):
                module.c_proj.weight.zero_()
                module.c_proj.bias.zero_()
        direction, places = (
            torch.linspace(-1, 1, small_injection.WIDTH),
            layers.wpe,
        )
        places.weight[:] = -direction
        places.weight[[int(length) - 1 for length in longest]] = direction
    swapped = interchange(bundle, rows, variables=["answer"], draws=8)
    assert swapped.undisturbed.value == 1
    for report in (swapped, steering(bundle, rows, variables=["answer"], draws=8)):
        effect = report.variables[0].effect
        assert effect.followed_changed.n > 10
        assert effect.followed_changed.value == 1
        assert effect.random_changed.value is not None
        assert effect.random_changed.value < 0.3


def test_between_equal_prompts_nothing_changes(bundle: Bundle) -> None:
    """In every variable, in one place or in all."""
    row = some_rows(bundle, 1)
    ids = row.ids[0].tolist()
    prompt, answer = ids[: row.prompt_lengths[0]], ids[row.prompt_lengths[0] : row.lengths[0]]
    rows = rows_of([prompt] * 4, [answer] * 4)
    for positions in ("answer", "all"):
        report = interchange(bundle, rows, positions=positions, draws=1)
        assert len(report.variables) == len(bundle.graph.variables)
        for one in report.variables:
            assert one.effect.followed.counts == report.undisturbed.counts
            assert one.effect.followed_changed.n == one.effect.random.n == 0
            assert one.accuracy is None


def test_the_programs_answer_is_what_follows_from_the_swapped_variable() -> None:
    """`depth` is swapped after `before`, and ahead of `lows`, `balanced` and `answer`."""
    bundle = small_injection.bundle()
    answers = Answers(bundle, some_rows(bundle, 30))
    rows, at = np.nonzero(answers.places)
    depth, lows, before, output = (
        index_of(bundle, name) for name in ("depth", "lows", "before", "answer")
    )
    sources = np.roll(rows, 1)
    width = answers.ids.shape[1]
    swap = Swap(2, (depth,), rows * width + at, sources * width + at[sources])
    after = swapped_values(bundle.graph, answers.ids, answers.values, swap)
    variables = bundle.graph.variables
    for row, place, source in zip(rows, at, sources, strict=True):
        old, new = answers.values[row, place], answers.values[source, at[source]]
        number = [variables[depth].values[one[depth]] for one in (old, new)]
        low = variables[lows].values[old[lows]] - (number[0] < 0) + (number[1] < 0)
        opened = variables[before].values[old[before]] == "("
        expected = number[1] == 0 and low == 0 and not opened
        assert variables[output].values[after[row, place, output]] == expected
    changed = after[rows, at, output] != answers.values[rows, at, output]
    assert changed.any()
    np.testing.assert_array_equal(answers.changed(answers.asked(after)), changed)


def test_rows_hold_the_answer_that_the_program_gives_then() -> None:
    bundle = small_injection.bundle()
    answers = Answers(bundle, some_rows(bundle, 10))
    rows, at = np.nonzero(answers.places)
    output = index_of(bundle, "answer")
    values = answers.values.copy()
    values[rows, at, output] = 1 - values[rows, at, output]
    asked = answers.asked(values)
    assert answers.changed(asked).all()
    for row, kept in enumerate(asked.kept):
        length = answers.rows.prompt_lengths[kept]
        written = asked.rows.ids[row, length : asked.rows.lengths[row]]
        true = bundle.graph.variables[output].values[answers.values[kept, length - 1, output]]
        text = {True: " no", False: " yes"}[true]
        assert written.tolist() == [
            *bundle.reconciliation.student_ids(text),
            bundle.reconciliation.end,
        ]
    values[rows[0], at[0], output] = -1
    assert answers.asked(values).kept.tolist() == list(range(1, 10))


def test_parts_are_swapped_as_in_training() -> None:
    bundle = small_injection.bundle()
    rows = some_rows(bundle, 5)
    stream = stream_after(bundle.model, rows, 2)
    count, width, dimensions = stream.shape
    subspace = random_subspace(dimensions, 3, torch.Generator().manual_seed(0))
    places = Places(np.arange(count), np.full(count, 2))
    sources = Places(np.roll(np.arange(count), 1), np.full(count, 4))
    swap = Swap(0, (0,), places.flat(width), sources.flat(width))
    targets = stream[torch.from_numpy(sources.rows), torch.from_numpy(sources.at)]
    mine = with_part(stream, subspace, places, targets)
    torch.testing.assert_close(mine, swapped_stream(stream, [(swap, SwappedPart(subspace))]))
    whole = with_part(stream, Subspace.orthogonal(torch.eye(dimensions)), places, targets)
    torch.testing.assert_close(whole[:, 2], targets)


def test_spelled_answers_are_compared_position_by_position() -> None:
    bundle = spelled_bundle()
    rows = bundle.rows(small_injection.spelled_examples(24))
    report = interchange(bundle, rows, draws=1)
    assert report.is_spelled
    assert report.pairs + report.unpaired == 24
    (final,) = (one for one in report.variables if one.name == report.output)
    ends = rows.lengths - rows.prompt_lengths
    assert final.effect.followed.n <= ends.sum()
    answers = Answers(bundle, rows)
    asked = answers.asked(answers.values)
    due = asked.due[rows.before_answer()]
    np.testing.assert_array_equal(due, rows.answers())  # the program's symbols are the answer's
    everywhere = interchange(bundle, rows, positions="all", draws=1)
    assert everywhere.pairs <= report.pairs


def test_everything_has_a_record_and_a_picture(bundle: Bundle) -> None:
    report = interchange(bundle, some_rows(bundle), draws=2)
    record = report.to_record()
    assert json.loads(json.dumps(record)) == record
    assert [one["variable"] for one in record["variables"]] == sorted(
        (variable.name for variable in bundle.graph.variables),
        key=lambda name: bundle.graph.variable(name).layer,
    )
    assert record["mean"] == report.mean
    changing = [one for one in report.variables if one.effect.followed_changed.n]
    (axes,) = draw_interchange(report).axes
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == [f"{one.name} ({one.layer})" for one in changing]
    assert interchange(bundle, some_rows(bundle), draws=2).to_record() == record


@pytest.mark.parametrize(
    ("names", "said"), [(["dpeth"], "no variable `dpeth`"), (["answer", "?"], "no variable `?`")]
)
def test_an_unknown_variable(names: list[str], said: str) -> None:
    bundle = small_injection.bundle()
    with pytest.raises(InputError, match=said.replace("?", r"\?")) as caught:
        interchange(bundle, some_rows(bundle, 4), variables=names)
    assert caught.value.hint


def test_one_example_has_no_partner() -> None:
    bundle = small_injection.bundle()
    with pytest.raises(InputError, match="no two examples make a pair"):
        interchange(bundle, some_rows(bundle, 1))
