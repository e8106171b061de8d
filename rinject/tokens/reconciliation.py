"""A student's tokenizer and a program's vocabulary, reconciled: student ids to symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerFast

from rinject.errors import InputError
from rinject.tokens.texts import encoded, without_space, written

UNMAPPED = -1


@dataclass(frozen=True)
class Coverage:
    """The student's tokens that reach one symbol of the program."""

    symbol: str
    token_ids: tuple[int, ...]
    """Ascending; empty for the ``otherwise`` symbol unless a rule gives it a text."""
    texts: tuple[str, ...]
    """The text of each id, with its leading space."""


@dataclass(frozen=True)
class Reconciliation:
    """The reconciled tokenizer and the map from its ids to the program's symbols."""

    tokenizer: PreTrainedTokenizerFast
    """Splits every piece of the program off; its ids are those of the student's own tokenizer."""
    vocabulary: tuple[str, ...]
    """The program's symbols, in the order of the program's header."""
    otherwise: str | None
    """The symbol of every token that no other symbol claims."""
    coverage: tuple[Coverage, ...]
    """One entry for each symbol, in the order of the vocabulary."""

    @property
    def filler(self) -> int:
        """Index of the ``otherwise`` symbol in the vocabulary, -1 without one."""
        return UNMAPPED if self.otherwise is None else self.vocabulary.index(self.otherwise)

    @property
    def end(self) -> int | None:
        """The student's end-of-text token; None where it has none."""
        found = self.tokenizer.eos_token_id
        return found if isinstance(found, int) else None

    @cached_property
    def symbol_of(self) -> np.ndarray:
        """int64 [number of student ids]: index into the vocabulary, -1 for ids without symbol."""
        symbol_of = np.full(_id_count(self.tokenizer), self.filler, dtype=np.int64)
        for index, covered in enumerate(self.coverage):
            symbol_of[list(covered.token_ids)] = index
        return symbol_of

    @cached_property
    def tokens_alike(self) -> dict[int, list[int]]:
        """For each token that writes letters, or a symbol's own text, those of the same symbol,
        spaced as it is."""
        own = {token for covered in self.coverage for token in covered.token_ids}
        known = np.flatnonzero(self.symbol_of != UNMAPPED).tolist()
        texts = written(self.tokenizer, [[token] for token in known])
        groups: dict[tuple[int, bool], list[int]] = {}
        for token, text in zip(known, texts, strict=True):
            if token in own or text.removeprefix(" ").isalpha():
                symbol = int(self.symbol_of[token])
                groups.setdefault((symbol, text.startswith(" ")), []).append(token)
        return {token: group for group in groups.values() for token in group}

    def encode(self, text: str) -> list[int]:
        """Student ids of a text, without special tokens around them.

        Raises:
            InputError: a token of the text has no symbol (programs without ``otherwise`` only).
        """
        ids = self.student_ids(text)
        self.symbol_ids(ids)
        return ids

    def student_ids(self, text: str) -> list[int]:
        """As :meth:`encode`, but tokens without a symbol pass."""
        return encoded(self.tokenizer, text)

    def symbol_ids(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """int64, of the shape of ``ids``: index of each token's symbol in the vocabulary.

        Raises:
            InputError: a token has no symbol (programs without ``otherwise`` only).
        """
        ids = np.asarray(ids, dtype=np.int64)
        symbols = self.symbol_of[ids]
        unmapped = ids[symbols == UNMAPPED]
        if unmapped.size:
            raise InputError(
                f"the token {self.text_of(int(unmapped[0]))!r} has no symbol in the program",
                hint="say with 'otherwise' in the header which symbol other tokens become",
            )
        return symbols

    def symbols(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """The symbol of each id; raises as :meth:`symbol_ids`."""
        return [self.vocabulary[index] for index in self.symbol_ids(ids)]

    def text_of(self, token_id: int) -> str:
        """The text of one id, with its leading space."""
        return self.written([token_id])

    def written(self, ids: Sequence[int]) -> str:
        """What ids write within a text, with a leading space if they have one."""
        return written(self.tokenizer, [ids])[0]

    def to_record(self) -> dict[str, Any]:
        """What a bundle keeps beside the tokenizer's own files, ready for JSON."""
        return {
            "vocabulary": list(self.vocabulary),
            "otherwise": self.otherwise,
            "coverage": [asdict(covered) for covered in self.coverage],
        }

    @classmethod
    def from_record(
        cls, record: Mapping[str, Any], tokenizer: PreTrainedTokenizerFast
    ) -> Reconciliation:
        """The reconciliation that :meth:`to_record` described, on the bundle's tokenizer.

        Raises:
            InputError: the record is incomplete, or speaks of another tokenizer.
        """
        try:
            reconciliation = cls(
                tokenizer=tokenizer,
                vocabulary=tuple(record["vocabulary"]),
                otherwise=record["otherwise"],
                coverage=tuple(map(_coverage, record["coverage"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(f"its symbol map cannot be read ({error!r})") from error
        _check_record(reconciliation)
        return reconciliation


def _coverage(record: Mapping[str, Any]) -> Coverage:
    token_ids = tuple(int(token_id) for token_id in record["token_ids"])
    return Coverage(str(record["symbol"]), token_ids, tuple(map(str, record["texts"])))


def _check_record(reconciliation: Reconciliation) -> None:
    vocabulary, coverage = reconciliation.vocabulary, reconciliation.coverage
    if tuple(covered.symbol for covered in coverage) != vocabulary:
        raise _damaged("its symbol map does not cover its vocabulary")
    if reconciliation.otherwise not in (None, *vocabulary):
        raise _damaged(f"{reconciliation.otherwise!r} is not in its vocabulary")
    for covered in coverage:
        _check_texts(reconciliation, covered)
    _check_split(reconciliation)


def _check_texts(reconciliation: Reconciliation, covered: Coverage) -> None:
    known = range(_id_count(reconciliation.tokenizer))
    inside = all(token_id in known for token_id in covered.token_ids)
    if not inside or tuple(map(reconciliation.text_of, covered.token_ids)) != covered.texts:
        raise _damaged(f"its tokenizer has other tokens for the symbol {covered.symbol!r}")


def _check_split(reconciliation: Reconciliation) -> None:
    """A tokenizer that lost its split step would merge a piece with its like, as in ``((``."""
    coverage = reconciliation.coverage
    token_ids = {token_id for covered in coverage for token_id in covered.token_ids}
    texts = {text for covered in coverage for text in covered.texts}
    for text in texts:
        is_word = any(character.isalpha() for character in text)
        if is_word:
            continue
        ids = without_space(reconciliation.tokenizer, reconciliation.student_ids(2 * text))
        if not token_ids.issuperset(ids):
            raise _damaged(f"its tokenizer does not split off {text!r}")


def _damaged(reason: str) -> InputError:
    return InputError(f"the bundle is damaged: {reason}", hint="inject the program again")


def _id_count(tokenizer: PreTrainedTokenizerFast) -> int:
    return max(len(tokenizer), max(tokenizer.get_vocab().values(), default=-1) + 1)
