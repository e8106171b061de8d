"""Scopes of a text under a TextMate grammar: as much of an editor's engine as the grammar needs.

Oniguruma, which editors use, is approximated by the package `regex`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import regex  # type: ignore[import-untyped]

Rule = Mapping[str, Any]
Token = tuple[str, tuple[str, ...]]
"""Some text and its scopes, the outermost first."""


@dataclass(frozen=True)
class _Open:
    """A rule with a begin and an end, between the two."""

    rule: Rule
    scopes: tuple[str, ...]
    end: str | None = None


class Engine:
    """One grammar."""

    def __init__(self, grammar: Rule) -> None:
        self._grammar = grammar

    def tokens(self, text: str) -> Iterator[list[Token]]:
        """The tokens of each line."""
        stack = [_Open(self._grammar, (self._grammar["scopeName"],))]
        for line in text.splitlines():
            yield list(self._line(line, stack))

    def _line(self, line: str, stack: list[_Open]) -> Iterator[Token]:
        place = 0
        while True:
            top = stack[-1]
            found = self._next(line, place, top)
            if found is None:
                break
            rule, match = found
            yield from _token(line, place, match.start(), top.scopes)
            place = match.end()
            if rule is None:
                yield from _captured(line, match, top.rule.get("endCaptures", {}), top.scopes)
                stack.pop()
                continue
            scopes = (*top.scopes, rule["name"]) if "name" in rule else top.scopes
            captures = rule.get("captures", rule.get("beginCaptures", {}))
            yield from _captured(line, match, captures, scopes)
            if "begin" in rule:
                stack.append(_Open(rule, scopes, rule["end"]))
            else:
                assert match.end() > match.start(), f"{rule} matches nothing, again and again"
        yield from _token(line, place, len(line), stack[-1].scopes)

    def _next(
        self, line: str, place: int, top: _Open
    ) -> tuple[Rule | None, regex.Match[str]] | None:
        """The earliest match; at one place the end of the rule, then the first of its patterns."""
        rules: list[tuple[Rule | None, str]] = [] if top.end is None else [(None, top.end)]
        rules += [(rule, rule.get("match", rule.get("begin"))) for rule in self._flat(top.rule)]
        found = [(rule, regex.compile(pattern).search(line, place)) for rule, pattern in rules]
        matched = [(rule, match) for rule, match in found if match is not None]
        return min(matched, key=lambda pair: pair[1].start(), default=None)

    def _flat(self, rule: Rule) -> Iterator[Rule]:
        for inner in rule.get("patterns", ()):
            if "include" in inner:
                inner = self._grammar["repository"][inner["include"].removeprefix("#")]
            if "match" in inner or "begin" in inner:
                yield inner
            else:
                yield from self._flat(inner)


def _captured(
    line: str, match: regex.Match[str], captures: Rule, scopes: tuple[str, ...]
) -> Iterator[Token]:
    """The text of a match; no capture here lies within another."""
    place = match.start()
    for number, capture in captures.items():
        start, end = match.span(int(number))
        if start >= 0:
            yield from _token(line, place, start, scopes)
            yield from _token(line, start, end, (*scopes, capture["name"]))
            place = end
    yield from _token(line, place, match.end(), scopes)


def _token(line: str, start: int, end: int, scopes: tuple[str, ...]) -> Iterator[Token]:
    if start < end:
        yield line[start:end], scopes
