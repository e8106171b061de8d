"""Shares of cases, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rinject.evaluate.intervals import wilson


@dataclass(frozen=True)
class Share:
    """So many of n cases; over several draws of chance, for each draw so many of the same n."""

    counts: tuple[int, ...]
    """One for each draw."""
    n: int

    @property
    def value(self) -> float | None:
        """The mean over the draws; None without cases."""
        return sum(self.counts) / len(self.counts) / self.n if self.n else None

    @property
    def ci(self) -> tuple[float, float] | None:
        """Its 95 % interval (Wilson). Draws share their cases, so they count as one."""
        return wilson(sum(self.counts) / len(self.counts), self.n) if self.n else None

    def to_record(self) -> dict[str, Any]:
        """Ready for JSON; of several draws, each one's share too."""
        several = {"draws": [count / self.n for count in self.counts]} if self.n else {"draws": []}
        return {
            "share": self.value,
            "ci": None if self.ci is None else list(self.ci),
            "n": self.n,
        } | (several if len(self.counts) > 1 else {})
