"""Which dimensions of a compiled residual stream hold which variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reading = Literal["one-hot", "argmax", "number"]


@dataclass(frozen=True)
class Slot:
    """The slice of one variable."""

    variable: str
    start: int
    stop: int
    values: tuple[object, ...]
    """What each dimension stands for; empty for a number."""
    reading: Reading = "one-hot"
    """`one-hot`: all zeros mean no value; `argmax`: always some value; `number`: one dimension."""
    points: tuple[tuple[float, int], ...] = ()
    """For a number that stands for one of `values`: which number for which, ascending; -1 for no
    value. Without points it is the value itself."""

    @property
    def size(self) -> int:
        """Number of dimensions."""
        return self.stop - self.start


@dataclass(frozen=True)
class ResidualLayout:
    """The variables come first, one after the other; what follows is the circuit's own."""

    slots: tuple[Slot, ...]
    width: int
    """All dimensions, those for BOS and for scratch included."""

    @property
    def variable_width(self) -> int:
        """Number of dimensions that hold variables."""
        return max((slot.stop for slot in self.slots), default=0)

    def slot(self, variable: str) -> Slot:
        """The slice of a variable; raises KeyError."""
        return {slot.variable: slot for slot in self.slots}[variable]
