"""Inputs that cover what a program computes, with the program as the oracle.

What a program supports is more than what its task draws: other lengths, values that hardly come up,
characters that it ignores. Here training inputs are the task's own and edits of them. Of all edits
with one answer those are taken that bring what came up least in edits so far: values, of any s-op
at any position; and where an answer is due, combinations of an operation's arguments. There two
signs of the same answer may always come together in what the task draws, and nothing tells a
student that one of them would do.
Edits may go beyond the task's rule (`--data coverage`), or keep to what it allows (`--data
spread`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from random import Random
from typing import Any

import numpy as np

from rinject.errors import InputError
from rinject.graph import Elementwise
from rinject.graph.meeting import combination_count, combinations_met, meeting_operations
from rinject.graph.tables import NONE
from rinject.lang import Header, Program
from rinject.tasks.oracle import Oracle
from rinject.tasks.registry import task_source
from rinject.tasks.sampler import Fresh
from rinject.tasks.source import TaskSource
from rinject.tasks.task import Example, Split, Task, fill_prompt, split_of
from rinject.tokens import Reconciliation

BATCH = 256  # edits evaluated at a time
TAKEN = 64  # of a batch, those that bring most
MOST_VAIN = 20  # batches in a row that bring nothing: there is nothing left
MOST_EDITS = 6
REMEMBERED = 512  # inputs that edits are made of
BORDER = 64  # inputs that brought something new
SHARE_AT_BORDER = 0.5  # of edits, those that begin there: what is new yet is not far from there
OTHERS = "zqk#"
"""Characters that few programs read: edits put them in, so that ignoring them is learnt."""
SHARE_OF_OTHERS = 0.05


@dataclass(frozen=True, eq=False)
class Covering:
    """A task whose training inputs cover what its program computes. Held-out ones are its own."""

    program: Program
    task: Task
    reconciliation: Reconciliation
    """What the student's tokens are to the program: it labels what the student will read."""
    allows: Callable[[str], bool] | None = None
    """Which inputs edits may lead to; None for all that the program reads."""

    @property
    def header(self) -> Header:
        return self.task.header

    @property
    def source(self) -> TaskSource | None:
        """That of the task itself."""
        return task_source(self.task)

    @cached_property
    def oracle(self) -> Oracle:
        """The program's own answers."""
        return Oracle(self.program)

    def output(self, text: str) -> Any:
        """The program's own."""
        (output,) = self.oracle.outputs([self.symbols(text)])
        return output

    def cases(self, split: Split, rng: Random) -> Iterator[tuple[str, Any]]:
        """As `Task.cases`; in the training split one half are edits."""
        own = self.task.cases(split, rng)
        if split != "train":
            yield from own
            return
        yield from _Edits(self, own, rng).mixed()

    def symbols(self, text: str) -> list[str]:
        """What the program reads of the prompt around an input."""
        prompt = fill_prompt(self.header, text)
        return self.reconciliation.symbols(self.reconciliation.student_ids(prompt))

    def come_up(
        self, inputs: Sequence[Sequence[str]], due: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """What comes up in each input, which is symbols.

        bool [B, S]: of the S values that all s-ops can have, those at any position.
        bool [B, C]: of the C combinations of arguments that operations can have, those from the
        position on where the answer is `due`.
        """
        graph = self.oracle.graph
        ids = graph.encode(inputs)  # [B, T]
        known, here = graph.evaluate(ids), ids != NONE
        values = [_came_up(known[node], len(node.values), here) for node in graph.nodes]
        asked = here & (np.arange(ids.shape[1]) >= np.array(due)[:, None])  # [B, T]
        together = [np.zeros((len(ids), 0), dtype=bool)]
        together += [
            _came_up(combinations_met(node, known), combination_count(node), asked)
            for node in self.operations
        ]
        return np.concatenate(values, axis=1), np.concatenate(together, axis=1)

    def covered_by(self, examples: Sequence[Example]) -> Covered:
        """What comes up in such examples, and which was the last that brought something new."""
        values = sum(len(node.values) for node in self.oracle.graph.nodes)
        found, newest = np.zeros(0, dtype=bool), 0  # [S + C]
        for start in range(0, len(examples), BATCH):
            part = examples[start : start + BATCH]
            read = [self.answered(self.symbols(one.input), one.answer) for one in part]
            came_up = np.concatenate(self.come_up(*zip(*read, strict=True)), axis=1)  # [B, S + C]
            known = found if found.size else np.zeros(came_up.shape[1], dtype=bool)
            new = came_up.any(axis=0) & ~known
            if new.any():
                newest = start + int(came_up[:, new].argmax(axis=0).max()) + 1
            found = known | new
        parts = (found[:values], found[values:])
        return Covered(len(examples), newest, *(Reached(int(one.sum()), one.size) for one in parts))

    def answered(self, symbols: list[str], answer: str) -> tuple[list[str], int]:
        """What the program reads with an answer, if it is spelled, and the last place before it."""
        due = len(symbols) - 1
        if self.header.spelled:
            symbols = (symbols + self.oracle.reader.symbols(answer))[: self.oracle.longest]
        return symbols, due

    @cached_property
    def operations(self) -> tuple[Elementwise, ...]:
        """The functions of several s-ops that can meet with few arguments."""
        return meeting_operations(self.oracle.graph)


@dataclass(frozen=True)
class Reached:
    """How many came up, of how many that the program's tables can hold at most."""

    found: int
    most: int


@dataclass(frozen=True)
class Covered:
    """What examples showed of a program."""

    examples: int
    newest: int
    """How many it took until all of that had come up."""
    values: Reached
    """Of all s-ops, at any position."""
    combinations: Reached
    """Of the arguments that meet in operations where an answer is due."""

    @property
    def is_settled(self) -> bool:
        """Whether the second half brought nothing new, so that more of them hardly will."""
        return 2 * self.newest <= self.examples

    def __str__(self) -> str:
        came_up = f"{self.values.found:,} of at most {self.values.most:,} values"
        if self.combinations.most:
            came_up += (
                f" and {self.combinations.found:,} of {self.combinations.most:,} combinations"
            )
        last = f"the last {self.examples - self.newest:,} brought nothing new"
        end = last if self.is_settled else "more may come (raise --examples)"
        return f"{self.examples:,} training inputs: {came_up} came up; {end}"


@dataclass(frozen=True)
class _Edit:
    """An input, and what the program makes of it."""

    text: str
    symbols: list[str]
    """What it reads, of a spelled answer too."""
    due: int
    """From which of them on the next one is part of the answer."""
    output: Any
    answer: str


class _Edits:
    """One stream: the task's own inputs, edits of what came up, and what was covered."""

    def __init__(self, covering: Covering, own: Iterator[tuple[str, Any]], rng: Random) -> None:
        self.covering, self.own, self.rng = covering, own, rng
        self.fresh = Fresh("train")
        self.known: list[str] = []
        self.separator = covering.header.separator if covering.allows else ""
        self.pieces: list[str] = []  # that inputs are made of
        self.have: set[str] = set()  # the same
        self.vain = 0  # batches in a row without an edit
        # [S], [C]: of the edits that were taken, how many had each value, and each combination
        self.seen: list[np.ndarray | float] = [0.0, 0.0]
        self.waiting: deque[tuple[str, Any]] = deque()
        self.border: deque[str] = deque(maxlen=BORDER)  # the last that brought something new

    def mixed(self) -> Iterator[tuple[str, Any]]:
        for text, value in self.own:
            self._check_split(text)
            if text not in self.fresh:
                continue  # an edit led there before
            new = sorted({*self._split(text)} - self.have)
            self.pieces += new
            self.have.update(new)
            self._keep(text)
            yield text, value
            if not self.waiting and self.pieces and self.vain < MOST_VAIN:
                self._fill()
            if self.waiting:
                yield self.waiting.popleft()

    def _keep(self, text: str) -> None:
        self.fresh.use(text)
        if len(self.known) < REMEMBERED:
            self.known.append(text)
        else:
            self.known[self.rng.randrange(REMEMBERED)] = text

    def _fill(self) -> None:
        """Lets edits of a batch wait: those that bring most of what is rare, all answers alike."""
        drawn = self._answered({self._edit(): None for _ in range(BATCH)})
        self.vain = 0 if drawn else self.vain + 1
        if not drawn:
            self._check_found()
            return
        inputs, due = [one.symbols for one in drawn], [one.due for one in drawn]
        kinds = list(zip(self.covering.come_up(inputs, due), self.seen, strict=True))
        worth = sum(_worth(came_up, seen) for came_up, seen in kinds)  # [B]
        taken = _evenly(drawn, np.argsort(-worth, kind="stable").tolist())
        if self.covering.allows is None:  # what a rule allows has no such border
            new = np.concatenate([came_up & (seen == 0) for came_up, seen in kinds], axis=1)
            self.border += [drawn[place].text for place in taken if new[place].any()]
        self.seen = [seen + came_up[taken].sum(axis=0) for came_up, seen in kinds]
        for one in (drawn[place] for place in taken):
            self._keep(one.text)
            self.waiting.append((one.text, one.output))

    def _check_split(self, text: str) -> None:
        """Edits are parted by their characters: those of a task that parts otherwise could lead to
        its held-out inputs."""
        if split_of(text) != self.fresh.split:
            raise InputError(
                f"the task of `{self.covering.header.name}` trains on {text!r}, which"
                f" rinject.tasks.split_of holds out for {split_of(text)}",
                hint="part inputs by that, or train with --data paper",
            )

    def _check_found(self) -> None:
        """A rule that nothing ever keeps to is a mistake; one that is used up is not."""
        if self.vain == MOST_VAIN and not np.any(self.seen[0]):
            raise InputError(
                f"of {MOST_VAIN * BATCH:,} edits of inputs of `{self.covering.header.name}` none"
                " can be trained on: the task's rule allows none, or the program answers none",
                hint="look at `allows(text)`, or train with --data paper",
            )

    def _answered(self, texts: Iterable[str]) -> list[_Edit]:
        """The edits that are new, fit the program and have an answer."""
        longest = self.covering.oracle.longest
        allows = self.covering.allows or (lambda _: True)
        new = (text for text in texts if text in self.fresh and allows(text))
        read = {text: self.covering.symbols(text) for text in new}
        fitting = {text: one for text, one in read.items() if 0 < len(one) <= longest}
        outputs = self.covering.oracle.outputs_or_none(list(fitting.values()))
        made = (
            self._made(text, symbols, output)
            for (text, symbols), output in zip(fitting.items(), outputs, strict=True)
        )
        return [one for one in made if one is not None]

    def _made(self, text: str, symbols: list[str], output: Any) -> _Edit | None:
        """An edit with the symbols of its answer, where the answer is one that can be written."""
        answer = self.covering.oracle.answer(output)
        if answer is None:
            return None
        return _Edit(text, *self.covering.answered(symbols, answer), output, answer)

    def _edit(self) -> str:
        at_border = self.border and self.rng.random() < SHARE_AT_BORDER
        pieces = self._split(self.rng.choice(self.border if at_border else self.known))
        for _ in range(self.rng.randint(1, MOST_EDITS)):
            pieces = self._edited(pieces)
        return self.separator.join(pieces)

    def _split(self, text: str) -> list[str]:
        return text.split(self.separator) if self.separator and text else list(text)

    def _edited(self, pieces: list[str]) -> list[str]:
        """One small change: pieces replaced, left out, repeated, or taken from elsewhere."""
        rng, one = self.rng, [self._piece()]
        start = rng.randint(0, len(pieces))
        end = min(len(pieces), start + rng.choice((1, 1, 2, 4, 8, len(pieces))))
        other = self._split(rng.choice(self.known))
        gone = rng.choice(pieces) if pieces else ""
        return rng.choice(
            (
                pieces[:start] + one + pieces[start + 1 :],
                pieces[:start] + pieces[end:],
                pieces[:start] + one + pieces[start:],
                pieces[:end] + pieces[start:],
                pieces[:start] + other[start:],
                [one[0] if was == gone else was for was in pieces] or one,
            )
        )

    def _piece(self) -> str:
        others = self.covering.allows is None and self.rng.random() < SHARE_OF_OTHERS
        return self.rng.choice(OTHERS if others else self.pieces)


def _worth(came_up: np.ndarray, seen: np.ndarray | float) -> np.ndarray:
    """float64 [B]: how rare that is which comes up [B, S] in each input, of at most one."""
    worth = came_up @ (1 / (1 + seen + came_up.sum(axis=0)))  # [B]
    return np.asarray(worth / max(worth.max(), 1e-300))


def _came_up(values: np.ndarray, size: int, here: np.ndarray) -> np.ndarray:
    """bool [B, size]: which indices up to the size are among values [B, T], where `here` [B, T]."""
    found = np.zeros((len(values), size), dtype=bool)
    counts = here & (values != NONE)
    rows = np.broadcast_to(np.arange(len(values))[:, None], values.shape)
    found[rows[counts], values[counts]] = True
    return found


def _evenly(drawn: Sequence[_Edit], order: Iterable[int]) -> list[int]:
    """The first `TAKEN` places of an order, of each answer as many as of the others."""
    places: dict[str, list[int]] = {}
    for place in order:
        places.setdefault(drawn[place].answer, []).append(place)
    rounds = zip_longest(*places.values())
    return [place for some in rounds for place in some if place is not None][:TAKEN]
