"""Where swaps are, and where each place takes from, among the positions of a batch's rows.

Places and sources are flat positions in [B, T]. The three kinds are those of the rule in
`interventions.py`, in its order.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from rinject.graph.tables import NONE
from rinject.inject.rows import Rows

Pairs: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Places int64 [K], and their sources, int64 [K]."""


def drawn_kinds(chance: np.random.Generator, rows: int, share: float) -> np.ndarray:
    """int64 [rows]: the kind of places of each row, NONE for the rows without any."""
    kinds = chance.integers(len(KINDS), size=rows)
    return np.where(chance.random(rows) < share, kinds, NONE)


def drawn_places(chance: np.random.Generator, rows: Rows, kinds: np.ndarray) -> Pairs:
    """The places of rows of those `kinds` [B]."""
    parts = []
    for kind, draw in enumerate(KINDS):
        places, sources = draw(chance, rows)
        own = kinds[places // rows.ids.shape[1]] == kind  # [K]
        parts.append((places[own], sources[own]))
    places, sources = (np.concatenate(some) for some in zip(*parts, strict=True))
    return places, sources


def same_positions(chance: np.random.Generator, rows: Rows, places: np.ndarray) -> np.ndarray:
    """int64 [K]: the same positions of another row, or the places [K] themselves where the program
    reads none there."""
    read = rows.are_read()  # [B, T]
    count, width = read.shape
    there = _others(chance, count)[places // width] * width + places % width
    return np.where(read.reshape(-1)[there], there, places)


def _others(chance: np.random.Generator, count: int) -> np.ndarray:
    """int64 [count]: another row for each, where there is one."""
    return np.roll(np.arange(count), int(chance.integers(1, max(2, count))))


def rest_of_others(rows: Rows) -> Pairs:
    """The tokens of examples, each with its like in the row before: where a token of an answer is
    due, where one is due there; elsewhere the same position. Those without one are left out."""
    width, count = rows.ids.shape[1], len(rows)
    other = np.roll(np.arange(count), 1)
    inside = rows.are_read() & ~rows.before_answer()  # [B, T]
    places = np.flatnonzero(inside & inside[other])
    sources = other[places // width] * width + places % width
    answers, theirs = _answers_of(other, rows, rows.before_answer())
    return np.concatenate([places, answers]), np.concatenate([sources, theirs])


def _answers_of_others(chance: np.random.Generator, rows: Rows) -> Pairs:
    """The places that predict an answer token, each with its like in another row."""
    asked = rows.before_answer() & rows.are_read()  # [B, T]
    return _answers_of(_others(chance, len(rows)), rows, asked)


def _answers_of(other: np.ndarray, rows: Rows, asked: np.ndarray) -> Pairs:
    """The places `asked` [B, T] that predict an answer token, each with its like in the row that is
    the `other` of each [B]."""
    width = rows.ids.shape[1]
    rows_, positions = np.nonzero(asked)
    ordinal = positions - (rows.prompt_lengths[rows_] - 1)  # [K]
    there = rows.prompt_lengths[other[rows_]] - 1 + ordinal  # [K]
    fits = (there < width) & asked[other[rows_], np.minimum(there, width - 1)]
    return (rows_ * width + positions)[fits], (other[rows_] * width + there)[fits]


def _answers_from_anywhere(chance: np.random.Generator, rows: Rows) -> Pairs:
    """The places that predict an answer token take what other places hold, of any row: values that
    are common there may never be due where answers are."""
    asked = np.flatnonzero(rows.before_answer() & rows.are_read())  # [K]
    return asked, chance.choice(np.flatnonzero(rows.are_read()), size=len(asked))


def _any_places(chance: np.random.Generator, rows: Rows) -> Pairs:
    """A share of each row's places, from 0 to all; each from any place, or in half of the rows all
    from the same one, so that a value can stand at more places than in any example."""
    read = rows.are_read()  # [B, T]
    share = chance.random((len(rows), 1))
    places = np.flatnonzero(read & (chance.random(read.shape) < share))  # [K]
    known, owners = np.flatnonzero(read), places // read.shape[1]
    one = chance.choice(known, size=len(rows))[owners]  # [K]
    are_alike = (chance.random(len(rows)) < 0.5)[owners]
    return places, np.where(are_alike, one, chance.choice(known, size=len(places)))


KINDS = (_answers_of_others, _answers_from_anywhere, _any_places)
