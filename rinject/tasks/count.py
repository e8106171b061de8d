"""Count: how many `x` are there? (arXiv 2505.10719, appendix C)"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from rinject.lang import Header
from rinject.tasks.sampler import Sampler

LETTERS = "xy"
SHORTEST, LONGEST = 5, 40  # characters


@dataclass(frozen=True)
class Count(Sampler):
    """Texts of 5 to 40 characters, each `x` or `y`, with at least one `y`."""

    header: Header
    """Of the program."""
    kinds: tuple[str, ...] = ("any",)

    def draw(self, kind: str, rng: Random) -> str:
        """The length is uniform, then each letter; one without `y` is drawn again."""
        letters = rng.choices(LETTERS, k=rng.randint(SHORTEST, LONGEST))
        return " ".join(letters) if "y" in letters else self.draw(kind, rng)

    def allows(self, text: str) -> bool:
        """Whether the rule can draw an input."""
        letters = text.split(" ")
        return SHORTEST <= len(letters) <= LONGEST and {"y"} <= {*letters} <= {*LETTERS}

    def output(self, text: str) -> int:
        return text.split().count("x")
