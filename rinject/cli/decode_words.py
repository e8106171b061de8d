"""How a decoded value is written, in the terminal, in pictures and on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rinject.evaluate import Cell


def word(value: Any) -> str:
    """A value in few characters."""
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, float):
        return f"{value:.3g}"
    return "none" if value is None else str(value)


def difference(cell: Cell) -> str:
    """A value that is not the program's, and the program's."""
    return f"{word(cell.decoded)}≠{word(cell.true)}"
