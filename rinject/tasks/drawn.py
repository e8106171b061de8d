"""Inputs of any injectable program, drawn as its header describes them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from random import Random
from typing import Any

from rinject.errors import InputError
from rinject.lang import Header, Program
from rinject.lang.header import INPUT_SLOT
from rinject.tasks.oracle import Oracle
from rinject.tasks.proposals import FAMILIES, Symbols, descended, uniform
from rinject.tasks.sampler import MOST_DRAWS, Fresh
from rinject.tasks.task import Split, answer_text, fill_prompt

MOST_HELD_OUT_DRAWS = 5 * MOST_DRAWS  # most draws fall into another split
BATCH = 256  # inputs evaluated at a time
CROWD = 8  # inputs of one answer and length that are taken from a batch, where answers are balanced
KEPT = 32  # earlier inputs of one answer and length that others may descend from
DESCENDED = 0.75  # share of the proposals that do, once there are any


@dataclass(frozen=True)
class Text:
    """An input as it is drawn and as it is written."""

    symbols: tuple[str, ...]
    pieces: tuple[str, ...]
    """The text of each symbol."""
    text: str


@dataclass(frozen=True, eq=False)
class Drawn:
    """Random inputs from the header's `alphabet`, `lengths` and `separator`.

    A length is drawn uniformly from `lengths`, then each symbol uniformly from the alphabet; a
    symbol with several texts is written as any of them. An input that came up before is drawn
    again, so very short ones become rare in a long stream.

    With `balance answers`, the answer is drawn first, uniformly from those of the header, and then
    an input with it, by rejection. Proposed are, with equal shares, inputs that are uniform as
    above, made of few of the symbols, a repeated block, a palindrome (also one of paired symbols),
    or sorted. Once inputs with the answer are known, three of four proposals descend from them:
    two combined, or one with a small edit. Lengths are proposed uniformly, and from each batch
    only a few inputs of one answer and length are taken, so that long ones come up as well where
    most of them have another answer. What turns out to have another answer may serve for that one:
    so there are inputs close to a rare answer that do not have it. An answer whose inputs are used
    up is left out from then on.
    """

    program: Program

    def __post_init__(self) -> None:
        """Raises InputError: no symbols to draw, one that has no text, or no room for an input."""
        header = self.header
        if not header.alphabet:
            raise InputError(
                f"the program `{header.name}` does not say which symbols its inputs have",
                hint='add a line `alphabet "…", "…";` to its header',
            )
        for symbol in header.alphabet:
            if symbol not in self._texts:
                raise InputError(
                    f"inputs of `{header.name}` cannot hold {symbol!r}, which has no text",
                    hint=f'leave it out of `alphabet`, or add `symbol "…" is "{symbol}";`',
                )
        self._check_room()

    @property
    def header(self) -> Header:
        return self.program.header

    @cached_property
    def oracle(self) -> Oracle:
        """The program's own answers."""
        return Oracle(self.program)

    @cached_property
    def lengths(self) -> tuple[int, int]:
        """The fewest and the most symbols of an input.

        Where the header does not say, the longest is what should fit with any student: few need
        more than one token for two characters of the prompt's words.
        """
        if self.header.lengths is not None:
            return self.header.lengths
        one, two = (self._most_tokens(n) for n in (1, 2))
        return 1, 1 + (self.oracle.longest - one) // max(two - one, 1)

    def allows(self, text: str) -> bool:
        """Whether an input is made of the alphabet's symbols, as many as `lengths` says."""
        separator, (fewest, most) = self.header.separator, self.lengths
        pieces = text.split(separator) if separator else self._longest_piece.findall(text)
        return fewest <= len(pieces) <= most and all(one in self._pieces for one in pieces)

    @cached_property
    def _pieces(self) -> frozenset[str]:
        """All that the symbols of the alphabet are written as."""
        return frozenset(text for name in self.header.alphabet for text in self._texts[name])

    @cached_property
    def _longest_piece(self) -> re.Pattern[str]:
        """The longest piece that comes next, or any other character."""
        longest_first = sorted(self._pieces, key=len, reverse=True)
        return re.compile("|".join([*map(re.escape, longest_first), "."]), re.DOTALL)

    def output(self, text: str) -> Any:
        return self.oracle.output(text)

    def cases(self, split: Split, rng: Random) -> Iterator[tuple[str, Any]]:
        return _Stream(self, split, rng).cases()

    def write(self, symbols: Symbols, rng: Random) -> Text:
        """Symbols as text, each in one of its ways."""
        ways = [self._texts[symbol] for symbol in symbols]
        pieces = [texts[0] if len(texts) == 1 else rng.choice(texts) for texts in ways]
        return Text(tuple(symbols), tuple(pieces), self.header.separator.join(pieces))

    def read(self, written: Text) -> list[str]:
        """The symbols of the whole prompt. Raises InputError where an input reads otherwise."""
        prompt = fill_prompt(self.header, written.text)
        runs = self.oracle.reader.runs(prompt)
        found = {end: run for run, end in runs}
        end = self._start
        for piece in written.pieces:
            end += len(piece)
            if found.get(end) not in (piece, f" {piece}"):
                raise self._misread(written)
            end += len(self.header.separator)
        return [symbol for run, _ in runs for symbol in self.oracle.reader.symbols_of(run)]

    @cached_property
    def _texts(self) -> dict[str, list[str]]:
        """The ways to write each symbol."""
        texts: dict[str, list[str]] = defaultdict(list)
        for rule in self.header.symbols:
            texts[rule.symbol].append(rule.text)
        return dict(texts)

    @cached_property
    def _start(self) -> int:
        """Where an input begins in the prompt."""
        return (self.header.prompt or "").index(INPUT_SLOT)

    def _check_room(self) -> None:
        _, most = self.lengths
        needed = len(self.read(self._sample(max(most, 1))))
        if most < 1 or needed > self.oracle.longest:
            size = f"{most} symbols" if most > 1 else "one symbol"
            raise InputError(
                f"an input of {size} and the prompt of `{self.header.name}` do not fit into the"
                f" {self.oracle.longest} tokens that it reads",
                hint="raise `longest`, or say with `lengths` how short inputs are",
            )

    def _sample(self, length: int) -> Text:
        """Some input; the same each time."""
        return self.write([self.header.alphabet[0]] * length, Random(0))

    def _most_tokens(self, length: int) -> int:
        """Tokens that the prompt around an input may need: one for two characters of words."""
        prompt, reader = fill_prompt(self.header, self._sample(length).text), self.oracle.reader
        others = reader.others(prompt)
        pieces = len(reader.symbols(prompt)) - len(others)
        return 2 * pieces + sum(ceil(len(word) / 2) for word in others)

    def _misread(self, written: Text) -> InputError:
        return InputError(
            f"an input of `{self.header.name}` is not read as it was drawn: {written.text!r} was"
            f" meant to be {' '.join(written.symbols)}",
            hint='put something between the symbols: add `separator " ";` to the header',
        )


class _Stream:
    """One stream of inputs: which came up, which wait, and which others may descend from."""

    def __init__(self, task: Drawn, split: Split, rng: Random) -> None:
        self.task, self.header, self.rng = task, task.header, rng
        self.fresh = Fresh(split)
        self.balanced = task.header.balanced
        self.waiting: dict[str, deque[tuple[str, Any]]] = defaultdict(deque)
        self.earlier: dict[str, dict[int, list[Symbols]]] = defaultdict(dict)

    def cases(self) -> Iterator[tuple[str, Any]]:
        kinds = [rule.text for rule in self.header.answers] if self.balanced else [""]
        while kinds:
            kind = self.rng.choice(kinds)
            self._fill(kind)
            if self.waiting[kind]:
                yield self.waiting[kind].popleft()
            else:
                self._check_found(kind)
                kinds.remove(kind)
        raise self.fresh.used_up(self.header.name)

    def _fill(self, kind: str) -> None:
        """Draws until an input of the kind waits, or none was found in very many draws."""
        left = MOST_DRAWS if self.fresh.split == "train" else MOST_HELD_OUT_DRAWS
        while left and not self.waiting[kind]:
            batch: list[Text] = []
            while left and len(batch) < BATCH:
                left -= 1
                written = self.task.write(self._propose(kind), self.rng)
                if written.text in self.fresh:
                    batch.append(written)
            self._take(batch)

    def _propose(self, kind: str) -> list[str]:
        alphabet, rng, earlier = self.header.alphabet, self.rng, self.earlier[kind]
        length = rng.randint(*self.task.lengths)
        if not self.balanced:
            return uniform(alphabet, length, rng)
        if earlier and rng.random() < DESCENDED:
            return descended(earlier, alphabet, length, rng)
        return rng.choice(FAMILIES)(alphabet, length, rng)

    def _take(self, batch: Sequence[Text]) -> None:
        """Evaluates a batch and lets its inputs wait, each for its answer."""
        values = self.task.oracle.outputs([self.task.read(written) for written in batch])
        crowds: Counter[tuple[str, int]] = Counter()
        for written, value in zip(batch, values, strict=True):
            kind = answer_text(self.header, value, written.text) if self.balanced else ""
            crowd = kind, len(written.symbols)
            full = self.balanced and crowds[crowd] == CROWD
            if not full and len(self.waiting[kind]) < BATCH and written.text in self.fresh:
                crowds[crowd] += 1
                self.fresh.use(written.text)
                self.waiting[kind].append((written.text, value))
                self._remember(kind, written.symbols)

    def _remember(self, kind: str, symbols: Symbols) -> None:
        known = self.earlier[kind].setdefault(len(symbols), [])
        if len(known) < KEPT:
            known.append(symbols)
        else:
            known[self.rng.randrange(KEPT)] = symbols

    def _check_found(self, kind: str) -> None:
        """An answer that no input has cannot be balanced; held-out inputs are too few to tell."""
        if self.balanced and self.fresh.split == "train" and not self.earlier[kind]:
            raise InputError(
                f"no input of `{self.header.name}` with the answer {kind!r} was found in"
                f" {MOST_DRAWS:,} draws",
                hint="drop `balance answers`, or give inputs that have it with `examples`",
            )
