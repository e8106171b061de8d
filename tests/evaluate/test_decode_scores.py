"""The scores of values, and which of them are shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rinject.evaluate.decode import table_of
from rinject.evaluate.decode_reading import read_prompts
from rinject.evaluate.decode_scores import (
    LEAST_SCORE,
    MOST_SCORES,
    projected_stream,
    top_scores,
    value_scores,
)
from rinject.inject.bundle import Bundle


def test_the_highest_score_is_the_value_read(bundle: Bundle) -> None:
    (reading,) = read_prompts(bundle, ["(())"], layers=[2, 4])
    for layer in (2, 4):
        table = table_of(bundle, reading, layer)
        scores = value_scores(bundle, projected_stream(bundle, reading, layer))
        by_name = {one.name: place for place, one in enumerate(bundle.graph.variables)}
        for row in table.rows:
            place = by_name[row.name]
            values = bundle.graph.variables[place].values
            best = top_scores(scores[place], reading.true[:, place])
            assert [values[one[0].value] for one in best] == [c.decoded for c in row.cells]


def test_scores_are_shares(bundle: Bundle) -> None:
    (reading,) = read_prompts(bundle, ["()"], layers=[4])
    projected = projected_stream(bundle, reading, 4)
    assert projected.shape == (len(reading.tokens), bundle.projection.slices[-1].stop)
    for one, part in zip(bundle.projection.slices, value_scores(bundle, projected), strict=True):
        assert part.shape == (len(reading.tokens), one.size)
        assert part.sum(axis=1) == pytest.approx(1)
        assert projected[:, one.start : one.stop].mean(dim=1).abs().max() < 1e-4


@given(
    arrays(np.float64, (2, 30), elements=st.sampled_from([0.0, 0.0001, 0.02, 0.3, 0.4])),
    st.lists(st.integers(-1, 29), min_size=2, max_size=2),
)
def test_few_scores_are_shown_and_always_the_true_one(scores: np.ndarray, true: list[int]) -> None:
    for token, best in enumerate(top_scores(scores, np.array(true))):
        values = [one.value for one in best]
        assert len(set(values)) == len(values) <= MOST_SCORES
        assert best[0].score == scores[token].max()
        assert true[token] in (-1, *values)
        shown = [one.score for one in best]
        assert shown == sorted(shown, reverse=True)
        others = [one.score for one in best[1:] if one.value != true[token]]
        assert all(score >= LEAST_SCORE for score in others)
        left_out = np.delete(scores[token], values)
        if len(values) < MOST_SCORES:
            assert not (left_out >= LEAST_SCORE).any()
