"""How large tables and value sets may get, and what building them may cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from tracr.rasp import rasp

from rinject.errors import InputError

LARGEST_TABLE = 4_000_000
"""Most cells of a table."""
LARGEST_SET = 20_000
"""Most values of a mean, and of any variable before a residual stream of them is hopeless."""
MANY = 10**12
"""Upper bounds stop growing here."""
SMALL = 10_000
"""So few cells or calls can always be afforded."""
Unit = Literal["values", "cells", "layers"]


class TooLarge(InputError):
    """An expression needs too many cells, or has too many values."""

    def __init__(self, message: str, *, size: int, unit: Unit, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.size, self.unit = size, unit


@dataclass
class Budget:
    """What building a graph may still cost; without arguments, all that a single table may."""

    cells: float = math.inf
    """Cells of all tables together."""
    calls: float = math.inf
    """Functions called for one value, or one pair of values."""
    tables: dict[int, int] = field(default_factory=dict)
    """Cells of the largest table of each expression, by its id."""

    def table(self, expr: rasp.RASPExpr, cells: int) -> None:
        """Pay for a table before it is made; raises TooLarge."""
        if cells > LARGEST_TABLE or SMALL < cells > self.cells:
            raise _needs_table(expr, cells)
        self.cells -= cells
        self.tables[id(expr)] = max(cells, self.tables.get(id(expr), 0))

    def affords(self, calls: int) -> bool:
        """Pay for a Python loop, if possible."""
        if SMALL < calls > self.calls:
            return False
        self.calls -= calls
        return True

    def loop(self, expr: rasp.RASPExpr, calls: int) -> None:
        """Pay for computing a table one by one; raises TooLarge."""
        if not self.affords(calls):
            raise _needs_table(expr, calls)


def _needs_table(expr: rasp.RASPExpr, cells: int) -> TooLarge:
    return TooLarge(
        f"`{expr.name}` needs a table of {cells} entries",
        size=cells,
        unit="cells",
        hint="reduce the values of its inputs first, or compile for a shorter longest input",
    )
