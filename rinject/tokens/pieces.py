"""Which pieces of text mean which symbols, and the pattern that splits text at them.

A piece without letters (``[``, ``:``, ``10``) is split off wherever it stands, without the space
before it. A piece with letters (``x``) counts only as a whole word, so that words such as ``text``
stay uncut; the space before it belongs to it where the student has a token for the two together.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rinject.errors import InputError
from rinject.lang import Header

WORD_CHARACTER = r"[\p{L}\p{M}\p{N}_]"


@dataclass(frozen=True)
class Piece:
    """A text that means one symbol of the program."""

    text: str
    symbol: str
    takes_space: bool = False
    """Whether one leading space belongs to the piece (whole words only)."""

    @property
    def is_word(self) -> bool:
        return any(character.isalpha() for character in self.text)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of a token that stands for this piece."""
        return (self.text, f" {self.text}") if self.is_word else (self.text,)


def header_pieces(header: Header) -> tuple[Piece, ...]:
    """The pieces of a program: its symbol rules, and every other symbol as its own text.

    The ``otherwise`` symbol has no text of its own: every token without another meaning becomes it.

    Raises:
        InputError: a rule names a symbol outside the vocabulary, or a text has two meanings.
    """
    described = {rule.symbol for rule in header.symbols} | {header.otherwise}
    ruled = [(rule.text, rule.symbol) for rule in header.symbols]
    plain = [(symbol, symbol) for symbol in header.vocabulary if symbol not in described]
    _check_symbols(header)
    meanings: dict[str, str] = {}
    for text, symbol in ruled + plain:
        _check_meaning(text, symbol, meanings)
        meanings[text] = symbol
    return tuple(Piece(text, symbol) for text, symbol in meanings.items())


def _check_symbols(header: Header) -> None:
    if not header.vocabulary:
        raise InputError(
            "the program has no vocabulary",
            hint="name its symbols in the program's header, so that text can be mapped to them",
        )
    named = [rule.symbol for rule in header.symbols]
    if header.otherwise is not None:
        named.append(header.otherwise)
    for symbol in named:
        if symbol not in header.vocabulary:
            raise InputError(
                f"symbol {symbol!r} is not in the program's vocabulary",
                hint="the vocabulary is " + ", ".join(map(repr, header.vocabulary)),
            )


def _check_meaning(text: str, symbol: str, meanings: dict[str, str]) -> None:
    if not text:
        raise InputError(
            f"symbol {symbol!r} stands for the empty text", hint="give it a text with a symbol rule"
        )
    if meanings.get(text, symbol) != symbol:
        raise InputError(
            f"the text {text!r} means both {meanings[text]!r} and {symbol!r}",
            hint="give each text one symbol in the program's symbol rules",
        )


def split_pattern(pieces: Iterable[Piece], space: str = " ") -> str:
    """An Oniguruma pattern that matches each piece in a text, the longest first.

    `space` is what the text holds in the place of a space.
    """
    ordered = sorted(pieces, key=lambda piece: (-len(piece.text), piece.text))
    return "|".join(_piece_pattern(piece, space) for piece in ordered)


def _piece_pattern(piece: Piece, space: str) -> str:
    escaped = "".join(map(_escaped, piece.text.replace(" ", space)))
    if not piece.is_word:
        return escaped
    before = f"(?<!{WORD_CHARACTER})" if _is_word_character(piece.text[0]) else ""
    after = f"(?!{WORD_CHARACTER})" if _is_word_character(piece.text[-1]) else ""
    start = f"(?:{space}|{before})" if piece.takes_space else before
    return f"{start}{escaped}{after}"


def _escaped(character: str) -> str:
    is_plain = _is_word_character(character) or not character.isascii()
    return character if is_plain else f"\\{character}"


def _is_word_character(character: str) -> bool:
    return character == "_" or unicodedata.category(character)[0] in "LMN"


def with_spaces(pieces: Iterable[Piece], is_token: Callable[[str], bool]) -> tuple[Piece, ...]:
    """The pieces, each whole word taking its leading space where ``is_token(" " + word)``."""
    return tuple(
        Piece(piece.text, piece.symbol, piece.is_word and is_token(f" {piece.text}"))
        for piece in pieces
    )
