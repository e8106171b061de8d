"""Shuffle-dyck: are the brackets of each kind balanced? (arXiv 2505.10719, appendix C)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from rinject.lang import Header
from rinject.tasks.sampler import Sampler

Pairs = Sequence[tuple[str, str]]
PAIRS = (("(", ")"), ("{", "}"), ("[", "]"))
BRACKETS = "".join(left + right for left, right in PAIRS)
SHORTEST, LONGEST = 5, 30  # brackets


@dataclass(frozen=True)
class ShuffleDyck(Sampler):
    """Half random strings, half correct ones, 5 to 30 brackets long."""

    header: Header
    """Of the program."""
    kinds: tuple[str, ...] = ("random", "correct")
    """A random string can be correct by chance."""

    def draw(self, kind: str, rng: Random) -> str:
        if kind == "random":
            return "".join(rng.choices(BRACKETS, k=rng.randint(SHORTEST, LONGEST)))
        return correct_string(rng.randint((SHORTEST + 1) // 2, LONGEST // 2), rng)

    def allows(self, text: str) -> bool:
        """Whether the rule can draw an input; less those of the suite `almost balanced`, which come
        up in random strings, if seldom."""
        fits = SHORTEST <= len(text) <= LONGEST and {*text} <= {*BRACKETS}
        return fits and not any(is_balanced(text + right) for _, right in PAIRS)

    def output(self, text: str) -> bool:
        return is_balanced(text)


def correct_string(pairs: int, rng: Random, families: Pairs = PAIRS) -> str:
    """A random correct string of 2 * ``pairs`` brackets; every such string can come up.

    Written from left to right. A coin decides between opening and closing where both are
    possible; the kind to open is uniform, and so is the open bracket to close.
    """
    text, waiting = "", ""  # waiting: the open brackets, as the brackets that will close them
    for opened_left in range(pairs, -1, -1):
        while waiting and (opened_left == 0 or rng.random() < 0.5):
            closing = rng.choice(waiting)
            waiting = waiting.replace(closing, "", 1)
            text += closing
        if opened_left:
            left, right = rng.choice(families)
            text, waiting = text + left, waiting + right
    return text


def is_balanced(text: str, families: Pairs = PAIRS) -> bool:
    """Whether each kind of bracket, taken by itself, is balanced."""
    closing = {right: left for left, right in families}
    depth: Counter[str] = Counter()
    for bracket in text:
        left = closing.get(bracket)
        if left is None:
            depth[bracket] += 1
        elif depth[left] == 0:
            return False
        else:
            depth[left] -= 1
    return not any(depth.values())
