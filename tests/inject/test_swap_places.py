"""The kinds of places that interventions are drawn at."""

from __future__ import annotations

import numpy as np
import pytest
from evaluate.spelled_bundle import spelled_bundle
from inject import small_injection

from rinject.graph.tables import NONE
from rinject.inject.rows import Rows, rows_of
from rinject.inject.swap_places import (
    KINDS,
    drawn_kinds,
    drawn_places,
    rest_of_others,
    same_positions,
)


def rows_of_a_step() -> Rows:
    return small_injection.batches().task_rows(0)


def due(rows: Rows) -> np.ndarray:
    """bool [B T]: the positions that the program reads and an answer is due at."""
    return (rows.before_answer() & rows.are_read()).reshape(-1)


def draws(rows: Rows, kind: int, times: int = 30) -> list[tuple[np.ndarray, np.ndarray]]:
    chance = np.random.default_rng(0)
    return [drawn_places(chance, rows, np.full(len(rows), kind)) for _ in range(times)]


def test_answers_take_from_answers_of_another_row():
    rows = rows_of_a_step()
    at, width = due(rows), rows.ids.shape[1]
    for places, sources in draws(rows, 0):
        assert np.array_equal(places, np.flatnonzero(at))
        assert at[sources].all()
        assert (places // width != sources // width).all()


def test_answers_take_from_anywhere():
    rows = rows_of_a_step()
    at, read = due(rows), rows.are_read().reshape(-1)
    found = draws(rows, 1)
    assert all(np.array_equal(places, np.flatnonzero(at)) for places, _ in found)
    taken = np.concatenate([sources for _, sources in found])
    assert read[taken].all()
    assert not at[taken].all()


def test_a_share_from_none_to_all_takes_from_anywhere_or_from_one_place():
    rows = rows_of_a_step()
    read, width = rows.are_read(), rows.ids.shape[1]
    shares, alike = [], []
    for places, sources in draws(rows, 2, 200):
        assert read.reshape(-1)[places].all()
        assert read.reshape(-1)[sources].all()
        for row in range(len(rows)):
            own = places // width == row
            shares.append(own.sum() / read[row].sum())
            if own.sum() > 5:
                alike.append(len(set(sources[own].tolist())) == 1)
    assert 0.4 < np.mean(shares) < 0.6
    assert min(shares) < 0.1
    assert max(shares) > 0.9
    assert 0.4 < np.mean(alike) < 0.6


def test_each_row_has_places_of_its_own_kind_alone():
    rows = rows_of_a_step()
    at, width, chance = due(rows), rows.ids.shape[1], np.random.default_rng(0)
    for _ in range(20):
        kinds = np.array([0, 1, 2, NONE])[np.arange(len(rows)) % 4]
        places, sources = drawn_places(chance, rows, kinds)
        owners = places // width
        assert not (kinds[owners] == NONE).any()
        assert at[places[kinds[owners] < 2]].all()
        assert at[sources[kinds[owners] == 0]].all()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_kinds_are_drawn_evenly_for_a_share_of_the_rows(share):
    kinds = drawn_kinds(np.random.default_rng(0), 3000, share)
    assert abs(np.mean(kinds != NONE) - share) < 0.05
    for kind in range(len(KINDS)):
        assert abs(np.mean(kinds == kind) - share / len(KINDS)) < 0.05


def test_the_same_position_is_of_another_row_where_one_is_read_there():
    rows = rows_of_a_step()
    read, width = rows.are_read().reshape(-1), rows.ids.shape[1]
    places, moved = np.flatnonzero(read), 0
    for seed in range(10):
        found = same_positions(np.random.default_rng(seed), rows, places)
        assert np.array_equal(found % width, places % width)
        assert read[found].all()
        moved += np.count_nonzero(found != places)
    assert moved > 5 * len(places)


def spelled_rows() -> Rows:
    return spelled_bundle().rows(small_injection.spelled_examples(12))


@pytest.mark.parametrize("made", [spelled_rows, rows_of_a_step])
def test_the_rest_of_an_answer_is_that_of_an_answer_in_the_row_before(made):
    rows = made()
    at, read, width = rows.before_answer(), rows.are_read(), rows.ids.shape[1]
    expected = {}
    for row in range(len(rows)):
        other = row - 1 if row else len(rows) - 1
        theirs = np.flatnonzero(at[other])
        for order, place in enumerate(np.flatnonzero(at[row])):
            if order < len(theirs):
                expected[row * width + place] = other * width + theirs[order]
        for place in np.flatnonzero(read[row] & ~at[row]):
            if read[other, place] and not at[other, place]:
                expected[row * width + place] = other * width + place
    places, sources = rest_of_others(rows)
    assert dict(zip(places.tolist(), sources.tolist(), strict=True)) == expected
    assert len(places) == len(expected)


def test_answers_that_the_program_does_not_read_have_others_as_well():
    rows = rows_of([[1, 2, 3], [4, 5]], [[6, 7], [8, 9, 10]])  # 5 tokens each
    places, sources = rest_of_others(rows)
    answers = {2: 6, 3: 7, 6: 2, 7: 3}  # the second one's third token has none in the first
    assert answers.items() <= dict(zip(places.tolist(), sources.tolist(), strict=True)).items()
    assert not rows.are_read().reshape(-1)[[3, 7]].any()


def test_some_answers_are_longer_than_others():
    at = spelled_rows().before_answer()
    assert len({len(np.flatnonzero(one)) for one in at}) > 1
