"""Tokens as they are written on the command line: inputs of programs, and vocabularies."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from rinject.cli.shown_values import quoted
from rinject.errors import InputError

_LIST = re.compile(r'\s*\[\s*(["\d-]|true|false|null)')  # a bracket may be a symbol: [,],(,)
LIST_HINT = 'as in ["a", "b"] or [1, 2]'


def read_input(
    text: str, vocabulary: Sequence[Any], *, name: str, as_json: bool = False
) -> list[Any]:
    """The tokens of an input of the program `name`, whose vocabulary may be empty: unknown.

    A JSON list, or text. Raises InputError for what is not in the vocabulary.
    """
    # A program that reads brackets gets brackets.
    has_brackets = any(str(symbol).startswith("[") for symbol in vocabulary)
    bracketed = text.lstrip().startswith("[") and not has_brackets
    tokens = _json_list(text) if as_json or bracketed else _split(text, vocabulary, name)
    if not tokens:
        raise InputError("an input is empty", hint='give at least one token, as in "hello"')
    for token in tokens if vocabulary else ():
        if token not in vocabulary:
            raise _unknown(token, text, vocabulary, name)
    return tokens


def read_vocabulary(text: str) -> tuple[Any, ...]:
    """The symbols in a list with commas, numbers as numbers; or in a JSON list.

    Raises InputError where there is none, or one twice.
    """
    symbols = _json_list(text) if _LIST.match(text) else _with_commas(text)
    if not symbols:
        raise InputError("the vocabulary is empty", hint='give symbols, as in --vocab "a,b,c"')
    for index, symbol in enumerate(symbols):
        if symbol in symbols[:index]:
            raise InputError(f"the vocabulary has {symbol!r} twice", hint="keep one")
    return tuple(symbols)


def _with_commas(text: str) -> list[Any]:
    return [_symbol(part.strip()) for part in text.split(",") if part.strip()]


def _symbol(text: str) -> Any:
    """A number, a string in quotes, or else the text itself."""
    try:
        value = json.loads(text, parse_constant=str)
    except ValueError:
        return text
    return value if type(value) in (int, float, str) else text


def _json_list(text: str) -> list[Any]:
    try:
        tokens = json.loads(text)
    except ValueError as error:
        raise InputError(
            f"the input {text} is not a JSON list: {error}",
            hint='write it as ["a", "b"] or [1, 2]; text does not begin with [',
        ) from None
    if not isinstance(tokens, list):
        raise InputError(f"the input {text} is not a JSON list", hint=LIST_HINT)
    for token in tokens:
        if not isinstance(token, str | int | float):
            raise InputError(
                f"the input {text} holds {json.dumps(token)}",
                hint="tokens are strings, numbers, true and false",
            )
    return tokens


def _split(text: str, vocabulary: Sequence[Any], name: str) -> list[Any]:
    """Words where there are blanks, else characters; of a vocabulary, its longest symbols."""
    if not vocabulary:
        return text.split() if re.search(r"\s", text) else list(text)
    symbols = {str(symbol): symbol for symbol in vocabulary}
    has_blanks = any(re.search(r"\s", symbol) for symbol in symbols)
    longest_first = sorted(symbols, key=len, reverse=True)
    tokens = []
    for part in [text] if has_blanks else text.split():
        place = 0
        while place < len(part):
            found = next((one for one in longest_first if part.startswith(one, place)), None)
            if not found:
                raise _unknown(part[place:], text, vocabulary, name)
            tokens.append(symbols[found])
            place += len(found)
    return tokens


def _unknown(token: Any, text: str, vocabulary: Sequence[Any], name: str) -> InputError:
    shown = quoted(token) if isinstance(token, str) else repr(token)
    return InputError(
        f"`{name}` has no symbol for {shown}, in the input {text}",
        hint=f"its vocabulary is {' '.join(map(str, vocabulary))}",
    )
