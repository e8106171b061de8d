"""The room between what a compiled model computes and the next wrong answer, as a bound.

Every score and every threshold has a nominal distance from where it would tip over, and a bound on
how far rounding, leaking attention and blurred slots may move it. The margin is the share of the
distance that is left: 1 would be exact arithmetic, 0 a possible error. docs/exactness.md derives
the bounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rinject.graph import Node

LEAST = 0.1
"""Where less than this may be left, nothing is compiled."""


@dataclass(frozen=True)
class Margin:
    """The least room of a head, or of the units of one variable."""

    node: Node
    share: float
    """What is left of the nominal distance."""
    blurred: tuple[Node, ...] = ()
    """The variables whose blur takes part of it away."""


@dataclass
class Margins:
    """All margins of a model."""

    found: list[Margin] = field(default_factory=list)

    def note(self, node: Node, share: float, blurred: Iterable[Node] = ()) -> None:
        """Keep a margin of a node."""
        self.found.append(Margin(node, share, tuple(blurred)))

    @property
    def least(self) -> float:
        """The smallest margin; 1 without any."""
        return min((margin.share for margin in self.found), default=1.0)

    @property
    def too_small(self) -> list[Margin]:
        """Those that leave too little."""
        return [margin for margin in self.found if not margin.share >= LEAST]
