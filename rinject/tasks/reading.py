"""How a program reads text where no student's tokenizer is at hand."""

from __future__ import annotations

import re

from tokenizers import Regex, pre_tokenizers

from rinject.lang import Header
from rinject.tokens.pieces import header_pieces, split_pattern, with_spaces

WORD = re.compile(r" ?\S+|\s")  # a word takes the space before it


class Reader:
    """Splits text as every reconciled tokenizer does: at the program's pieces, longest first.

    A run of other text may be any number of a student's tokens; here each word of it is one.
    """

    def __init__(self, header: Header) -> None:
        pieces = with_spaces(header_pieces(header), lambda _: True)
        self._otherwise = header.otherwise or ""
        self._symbols = {text: piece.symbol for piece in pieces for text in piece.texts}
        self._split = pre_tokenizers.Split(Regex(split_pattern(pieces)), "isolated")

    def runs(self, text: str) -> list[tuple[str, int]]:
        """The pieces and the runs between them, in order, each with where it ends."""
        return [(run, end) for run, (_, end) in self._split.pre_tokenize_str(text)]

    def symbols(self, text: str) -> list[str]:
        """The symbols of a text, in order."""
        return [
            symbol
            for run, _ in self._split.pre_tokenize_str(text)
            for symbol in self.symbols_of(run)
        ]

    def symbols_of(self, run: str) -> list[str]:
        """The symbols of a run: one of a piece, one for each word of anything else."""
        if run in self._symbols:
            return [self._symbols[run]]
        return [self._symbols.get(word, self._otherwise) for word in WORD.findall(run)]

    def others(self, text: str) -> list[str]:
        """The words that have no meaning of their own, in order, with their leading spaces."""
        return [
            word
            for run, _ in self.runs(text)
            if run not in self._symbols
            for word in WORD.findall(run)
            if word not in self._symbols
        ]
