"""All syntax errors of a file, not only the first: what cannot be read is left out, the rest read.

The statement around an error is blanked, which leaves all other places as they are, and the text
is parsed again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rinject.lang import syntax
from rinject.lang.diagnostics import Diagnostic, SourceError, Span
from rinject.lang.parser import parse

MOST_ERRORS = 20
MOST_CHARACTERS = 400_000  # parsed in all, so that many errors in a long file end soon
_HIDDEN = re.compile(r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#[^\n]*""")
_OPENS_BLOCK = re.compile(r"\s*(def|for|program|if|else|elif|while|class)\b")
_NEXT = re.compile(r";|^[ \t]*(?=(?:def|for|load|return|program)\b|\})", re.MULTILINE)
_BOUND = re.compile(r"\s*(?:def\s+(\w+)|for\s+([\w\s,]+?)\s+in\b|([\w\s,]+?)\s*=(?!=))")


@dataclass(frozen=True)
class Recovered:
    """What could be read of a file."""

    module: syntax.Module | None
    """The tree without the statements that have an error; None where that left nothing to read."""
    errors: tuple[Diagnostic, ...]
    """Of syntax, in the order in which they were found."""
    lost: frozenset[str]
    """The names that the statements left out would have bound."""


def recover(text: str, file: str) -> Recovered:
    """The tree of a text, and every syntax error in it."""
    errors: list[Diagnostic] = []
    lost: set[str] = set()
    tries = max(1, min(MOST_ERRORS, MOST_CHARACTERS // (len(text) + 1)))
    for _ in range(tries):
        try:
            return Recovered(parse(text, file), tuple(errors), frozenset(lost))
        except SourceError as error:
            (found,) = error.diagnostics
        errors.append(found)
        start, end = _statement(text, found)
        if found.code == "unclosed-bracket" or end <= start:
            break  # where it should end is anyone's guess
        lost |= _names(text[start:end])
        text = text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
    return Recovered(None, tuple(errors), frozenset(lost))


def _statement(text: str, error: Diagnostic) -> tuple[int, int]:
    """Where the statement around an error begins and ends, as offsets."""
    masked = _HIDDEN.sub(lambda found: " " * len(found[0]), text)
    place = _offset(text, error.span)
    start = _start(masked[:place])
    if error.code == "missing-semicolon":
        return start, place
    if _OPENS_BLOCK.match(masked, start):
        return start, _block_end(masked, place)
    following = _NEXT.search(masked, place)
    if following is None:
        return start, len(text)
    return start, max(following.end(), place + 1) if following[0] == ";" else following.start()


def _block_end(masked: str, place: int) -> int:
    """Where the block ends whose head has an error at a place."""
    depth = 0
    for offset in range(place, len(masked)):
        depth += (masked[offset] == "{") - (masked[offset] == "}")
        if masked[offset] == "}" and depth <= 0:
            return offset + 1
    return len(masked)


def _offset(text: str, span: Span) -> int:
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: span.line - 1]) + span.column - 1


def _start(masked: str) -> int:
    """Where the last statement of a text begins; its strings and comments are blank."""
    start = braces = 0  # braces: those of dictionaries
    for place, character in enumerate(masked):
        if character == ";":
            start, braces = place + 1, 0
        elif character == "{" and _OPENS_BLOCK.match(masked, start):
            start = place + 1
        elif character == "{":
            braces += 1
        elif character == "}" and braces:
            braces -= 1
        elif character == "}":
            start = place + 1
    return start


def _names(statement: str) -> set[str]:
    found = _BOUND.match(statement)
    if found is None:
        return set()
    return set(re.findall(r"\w+", found[1] or found[2] or found[3] or ""))
