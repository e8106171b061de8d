"""Values of s-ops and selectors as text: sequences, matrices, and the inputs they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len

from rinject.cli.blocks import visible
from rinject.lang.types import types_of

NO_VALUE = "-"
_TYPES = {bool: "bools", int: "ints", float: "floats", str: "strings"}
_SPECIAL = frozenset(" ,:()[]{}\"'")  # in a sequence, a string with one of these is quoted
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
_SMALL = 0.001  # three digits after the point show nothing of what is nearer to 0


def quoted(text: str) -> str:
    """A string as the language writes it."""
    return f'"{"".join(_ESCAPES.get(character, character) for character in text)}"'


def number(value: float) -> str:
    """A number that is not whole, with three digits."""
    short = f"{value:.3g}" if abs(value) < _SMALL else repr(round(value, 3))
    return short if value else "0.0"


def word(value: Any) -> str:
    """A value in few characters: T or F, three digits after the point, `-` for no value."""
    if value is None:
        return NO_VALUE
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, float):
        return number(value)
    return str(value)


def item(value: Any) -> str:
    """A value as one of a sequence, where a string needs quotes if it could be misread."""
    if not isinstance(value, str):
        return word(value)
    plain = value.isprintable() and value not in ("", NO_VALUE) and not _SPECIAL & set(value)
    return value if plain else quoted(value)


def items(values: Sequence[Any]) -> list[str]:
    """The values of a sequence, alike: among other types strings are quoted, among floats whole
    numbers have a point too."""
    types = types_of(values)
    is_mixed = str in types and len(types) > 1
    words = []
    for value in values:
        if is_mixed and isinstance(value, str):
            words.append(quoted(value))
        else:
            words.append(item(float(value) if float in types and type(value) is int else value))
    return words


def sequence(values: Sequence[Any], *, full: bool = False) -> str:
    """`[0, 3, 6]`; `[0.333]*3` where one value stands everywhere, unless all are asked for."""
    words = items(values)
    if len(words) > 1 and len(set(words)) == 1 and not full:
        return f"[{words[0]}]*{len(words)}"
    return f"[{', '.join(words)}]"


def types_note(values: Sequence[Any]) -> str:
    """The types among some values: `ints`; whole numbers among others are just numbers."""
    types = types_of(values)
    if {int, float} <= types:
        types -= {int}
    names = [name for one, name in _TYPES.items() if one in types]
    return " and ".join(names) or "no values"


def input_text(tokens: Sequence[Any]) -> str:
    """An input as the language writes it: a string if its tokens are single characters."""
    if tokens and all(isinstance(token, str) and len(token) == 1 for token in tokens):
        return quoted("".join(tokens))
    return f"[{', '.join(literal(token) for token in tokens)}]"


def literal(value: Any) -> str:
    """A value as the language writes it; `-` for no value, which it cannot write."""
    if value is None:
        return NO_VALUE
    return quoted(value) if isinstance(value, str) else repr(value)


def token_label(token: Any) -> str:
    """What stands above the column of a token, and before its row."""
    return visible(token) or '""' if isinstance(token, str) else word(token)


def matrix(tokens: Sequence[Any], rows: Sequence[Sequence[bool]], width: int) -> list[str]:
    """The lines of a selector on T tokens; rows [T][T] select, columns are selected.

    One that is wider than `width` cells is cut into blocks of columns, with a blank line between.
    """
    labels = list(map(token_label, tokens))
    first = max(map(cell_len, labels), default=0)
    lines: list[str] = []
    for places in _blocks(labels, width - first - len(" |")):
        lines += [""] * bool(lines)
        head = [_right(labels[place], cell_len(labels[place])) for place in places]
        lines.append(f"{' ' * first}   {' '.join(head)}".rstrip())
        for label, row in zip(labels, rows, strict=True):
            marks = (_right("1" if row[at] else "", cell_len(labels[at])) for at in places)
            lines.append(f"{_right(label, first)} | {' '.join(marks)}".rstrip())
    return lines


def _blocks(labels: Sequence[str], room: int) -> Iterator[list[int]]:
    """The places of as many columns at a time as there is room for, at least one."""
    block: list[int] = []
    used = 0
    for place, label in enumerate(labels):
        needed = cell_len(label) + 1
        if block and used + needed > room:
            yield block
            block, used = [], 0
        block.append(place)
        used += needed
    if block:
        yield block


def _right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text
