"""Tasks whose inputs are drawn one by one, and what was drawn already."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from random import Random
from typing import Any

from rinject.lang import Header
from rinject.tasks.task import Exhausted, Split, digest, split_of

MOST_DRAWS = 10_000  # in a row without anything new: there is nothing left


class Fresh:
    """The inputs of a split that have not come up yet."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self._used: set[int] = set()

    def __contains__(self, text: str) -> bool:
        return split_of(text) == self.split and digest(text) not in self._used

    def use(self, text: str) -> None:
        """The input has come up."""
        self._used.add(digest(text))

    def used_up(self, task: str, kind: str = "") -> Exhausted:
        """The error for a split that has nothing left of a kind, or of any."""
        count = len(self._used)
        return Exhausted(
            f"the task `{task}` has no more {self.split} inputs{kind} after {count} examples",
            hint="ask for fewer examples" if count else "let its inputs be longer, or more varied",
        )


class Sampler(ABC):
    """A task that draws inputs of several kinds, each of them equally frequent."""

    header: Header
    """Of the program."""
    kinds: tuple[str, ...]
    """The kinds of input."""

    @abstractmethod
    def draw(self, kind: str, rng: Random) -> str:
        """A random input of a kind."""

    @abstractmethod
    def output(self, text: str) -> Any:
        """The program's output value at the end of the prompt, for an input."""

    def cases(self, split: Split, rng: Random) -> Iterator[tuple[str, Any]]:
        """As `Task.cases`, without end but for Exhausted."""
        fresh = Fresh(split)
        while True:
            text = self._draw_fresh(fresh, rng)
            fresh.use(text)
            yield text, self.output(text)

    def _draw_fresh(self, fresh: Fresh, rng: Random) -> str:
        """A new input. The kind is chosen once, so that rare kinds keep their share."""
        kind = rng.choice(self.kinds)
        for _ in range(MOST_DRAWS):
            text = self.draw(kind, rng)
            if text in fresh:
                return text
        raise fresh.used_up(self.header.name, f" of the kind {kind!r}")
