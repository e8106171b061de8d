"""What stands between the tokens of a text: comments, line breaks, blank lines.

The gap number n lies before token n; one more lies behind the last token.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from lark import Token

_FOUND = re.compile(r"#[^\n]*|\n")
_MOVED_ON = frozenset({",", ";", "{"})  # a comment before one of these follows it instead


class Place(Enum):
    """Where a comment stands."""

    AFTER = "behind code, on its line"
    BELOW = "under such a comment, in its column, going on with it"
    ALONE = "on a line by itself"


@dataclass(frozen=True)
class Comment:
    """A comment and how its author placed it."""

    text: str
    place: Place
    column: int
    """Characters before it on its line."""
    blank: bool
    """Whether a blank line is above it."""


@dataclass
class Gap:
    """Everything between two tokens that are neighbours."""

    comments: list[Comment]
    broken: bool
    """Whether the second token is on a later line than the first."""
    blank: bool
    """Whether a blank line is right above the second token."""


def read_gaps(text: str, tokens: Sequence[Token]) -> list[Gap]:
    """The gaps before, between and behind the tokens of `text`."""
    ends = [0, *(token.end_pos or 0 for token in tokens)]
    starts = [*(token.start_pos or 0 for token in tokens), len(text)]
    return [_read_gap(text, start, end) for start, end in zip(ends, starts, strict=True)]


def _read_gap(text: str, start: int, end: int) -> Gap:
    comments: list[Comment] = []
    breaks = 0  # since the last token or comment
    for found in _FOUND.finditer(text, start, end):
        if found[0] == "\n":
            breaks += 1
            continue
        column = found.start() - (text.rfind("\n", 0, found.start()) + 1)
        on_code = start > 0 and breaks == 0
        place = Place.AFTER if on_code else _place_below(comments, column, breaks)
        comments.append(Comment(found[0].rstrip(), place, column, breaks > 1))
        breaks = 0
    return Gap(comments, "\n" in text[start:end], breaks > 1)


def _place_below(above: list[Comment], column: int, breaks: int) -> Place:
    goes_on = above and above[-1].place is not Place.ALONE and above[-1].column == column
    return Place.BELOW if goes_on and breaks == 1 else Place.ALONE


def merge(first: Gap, second: Gap) -> None:
    """Empties `first` into `second`: the token between them goes away."""
    second.comments = _in_order([*first.comments, *second.comments])
    second.broken |= first.broken
    first.comments = []


def settle(
    gaps: Sequence[Gap],
    tokens: Sequence[Token],
    first: int,
    last: int,
    breaks: Collection[int],
    operators: Collection[int],
) -> None:
    """Moves the comments of a statement, its tokens `first` to `last`, to where lines may break.

    These are the gaps `breaks`, those of them in `operators` before a binary operator, and the
    gaps around the statement. No comment passes another one.
    """
    commented = [n for n in range(first + 1, last + 1) if gaps[n].comments and n not in breaks]
    if not commented:
        return
    allowed = {first, last + 1} | {n for n in range(first, last + 1) if n in breaks}
    for number in commented:
        gap = gaps[number]
        if tokens[number] in _MOVED_ON and number + 1 in allowed:
            merge(gap, gaps[number + 1])
            continue
        target = next(n for n in range(number, first - 1, -1) if n in allowed)
        beside = target == number - 1 and target in operators and not gaps[target].comments
        _move_up(gap, gaps[target], alone=not beside)


def _move_up(gap: Gap, target: Gap, *, alone: bool) -> None:
    """Appends the comments of `gap` to those of an earlier one; `alone` gives them own lines."""
    moved = gap.comments
    if alone:
        moved = [replace(comment, place=Place.ALONE, blank=False) for comment in moved]
        moved[0] = replace(moved[0], blank=target.blank)
        target.blank = False
    target.comments += moved
    gap.comments = []


def _in_order(comments: list[Comment]) -> list[Comment]:
    """The same comments, at most the first of them behind code."""
    ordered = comments[:1]
    for comment in comments[1:]:
        follows = comment.place is Place.BELOW and ordered[-1].place is not Place.ALONE
        ordered.append(comment if follows else replace(comment, place=Place.ALONE))
    return ordered
