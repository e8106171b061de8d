"""The parts that a report is made of: words, tables and pictures, whatever it is written as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

NOTHING = "-"


@dataclass(frozen=True)
class Table:
    """Cells as they are shown."""

    caption: str
    columns: tuple[str, ...]
    """Each name once."""
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    """So many columns hold words; the others hold numbers."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns that hold numbers."""
        return self.columns[self.words :]


@dataclass(frozen=True)
class Picture:
    """A file, and what it shows."""

    file: str
    caption: str


@dataclass(frozen=True)
class Section:
    """One heading of a report."""

    anchor: str
    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


# --- figures as text ------------------------------------------------------------------------------


def percent(value: float | None) -> str:
    """A share of one in percent, to one place."""
    return NOTHING if value is None else f"{100 * value:.1f}"


def interval(ci: tuple[float, float] | None) -> str:
    """A confidence interval of a share, in percent."""
    return "" if ci is None else f" ({percent(ci[0])} to {percent(ci[1])})"


def number(value: float | None, places: int = 1) -> str:
    """A number to so many places."""
    return NOTHING if value is None else f"{value:.{places}f}"


def spread(values: Sequence[float | None], scale: float = 1.0, places: int = 1) -> str:
    """The mean over seeds, and with several the standard deviation; a dash without values."""
    known = [scale * value for value in values if value is not None]
    if not known:
        return NOTHING
    middle = f"{mean(known):.{places}f}"
    return middle if len(known) == 1 else f"{middle} ± {stdev(known):.{places}f}"
