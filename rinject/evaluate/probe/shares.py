"""Shares of cases, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rinject.evaluate.intervals import wilson


@dataclass(frozen=True)
class Share:
    """So many of n cases; over several draws of chance, for each draw so many of the same n.

    Cases of one prompt go together, so the interval takes them as one.
    """

    counts: tuple[int, ...]
    """One for each draw."""
    n: int
    prompts: frozenset[int] | None = None
    """Those that the cases belong to; None where each case has a prompt of its own."""

    @property
    def value(self) -> float | None:
        """The mean over the draws; None without cases."""
        return sum(self.counts) / len(self.counts) / self.n if self.n else None

    @property
    def ci(self) -> tuple[float, float] | None:
        """Its 95 % interval (Wilson), of as many cases as there are prompts. Draws share their
        cases, so they count as one."""
        if self.value is None:
            return None
        independent = self.n if self.prompts is None else len(self.prompts)
        return wilson(self.value * independent, independent)

    def to_record(self) -> dict[str, Any]:
        """Ready for JSON; of several draws, each one's share too, and the number of prompts where
        that may be another than the number of cases."""
        prompts = {} if self.prompts is None else {"prompts": len(self.prompts)}
        several = {"draws": [count / self.n for count in self.counts]} if self.n else {"draws": []}
        return (
            {"share": self.value, "ci": None if self.ci is None else list(self.ci), "n": self.n}
            | prompts
            | (several if len(self.counts) > 1 else {})
        )


NO_CASES = Share((0,), 0, frozenset())
"""Of nothing."""


def together(shares: Sequence[Share]) -> Share:
    """Of the cases of several shares with as many draws each, or of nothing."""
    asked = [one for one in shares if one.n]
    if not asked:
        return NO_CASES
    counts = zip(*(one.counts for one in asked), strict=True)
    prompts = [one.prompts for one in asked if one.prompts is not None]
    return Share(
        tuple(map(sum, counts)),
        sum(one.n for one in asked),
        frozenset().union(*prompts) if len(prompts) == len(asked) else None,
    )
