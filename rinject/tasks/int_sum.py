"""Integer sums, written digit by digit. (arXiv 2505.10719, appendix C)"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np

from rinject.errors import InputError
from rinject.lang import Header
from rinject.tasks.task import Exhausted, Split, split_of

BELOW = 450
_SUM = re.compile(r"([0-9]+) \+ ([0-9]+)")


@dataclass(frozen=True)
class IntSum:
    """All pairs of numbers below 450, in random order, each once."""

    header: Header
    """Of the program."""
    below: int = BELOW
    """What both numbers are less than."""

    def cases(self, split: Split, rng: Random) -> Iterator[tuple[str, tuple[int, ...]]]:
        """As `Task.cases`. All pairs of the split come, up to the last."""
        pairs = np.arange(self.below**2, dtype=np.int32)
        for number in np.random.default_rng(rng.getrandbits(64)).permutation(pairs):
            first, second = divmod(int(number), self.below)
            text = f"{first} + {second}"
            if split_of(text) == split:
                yield text, self.output(text)
        raise Exhausted(
            f"the task `{self.header.name}` has no more {split} inputs",
            hint=f"these were all pairs of numbers below {self.below:,} in this split",
        )

    def allows(self, text: str) -> bool:
        """Whether an input is one of the pairs."""
        numbers = _SUM.fullmatch(text)
        return numbers is not None and all(
            number == str(int(number)) and int(number) < self.below for number in numbers.groups()
        )

    def output(self, text: str) -> tuple[int, ...]:
        """The digits of the sum. Raises InputError for anything but `first + second`."""
        numbers = _SUM.fullmatch(text)
        if numbers is None:
            raise InputError(f"{text!r} is no sum", hint="write an input such as 211 + 123")
        return tuple(map(int, str(int(numbers[1]) + int(numbers[2]))))
