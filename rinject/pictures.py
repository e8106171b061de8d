"""Pictures drawn with matplotlib: what they share in looks; saved whole or not at all."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from rinject.placing import placed_file

INK, FAINT, LINE = "#1f2430", "#5b6472", "#c9ced6"  # texts, lesser ones, and thin lines
RED, BLUE, GREEN = "#b3261e", "#1f5fa8", "#2f7d4f"  # lines and bars that are told apart
SIGNED = LinearSegmentedColormap.from_list(
    "signed", ["#67001f", "#d6604d", "#ffffff", "#4393c3", "#053061"]
)
"""From the least to the largest number, with 0 in the middle."""

DPI = 200  # dots per inch
MOST_PIXELS = 20_000  # along one side

Align = Literal["left", "center", "right"]


@dataclass(frozen=True)
class Font:
    """A size in points and a weight."""

    size: float
    weight: str = "normal"

    def width(self, text: str) -> float:
        """Of a text, in points."""
        return _width(text, self.size, self.weight)


@cache
def _width(text: str, size: float, weight: str) -> float:
    font = FontProperties(size=size, weight=weight)
    return float(TextToPath().get_text_width_height_descent(text, font, ismath=False)[0])


def write(
    axes: Axes, x: float, y: float, text: str, font: Font, colour: str = INK, align: Align = "left"
) -> None:
    """A text in one line, its middle at the height `y`."""
    _write(axes, x, y, text, font, colour, ha=align, va="center_baseline")


def write_turned(axes: Axes, x: float, y: float, text: str, font: Font, colour: str = INK) -> None:
    """A text in one line that runs upwards and ends at the height `y`, its middle at `x`."""
    _write(axes, x, y, text, font, colour, ha="center", va="top", rotation=90)


def _write(
    axes: Axes, x: float, y: float, text: str, font: Font, colour: str, **placed: Any
) -> None:
    look: dict[str, Any] = {"size": font.size, "weight": font.weight, "color": colour}
    axes.text(x, y, text, **look, **placed, parse_math=False)


def save_picture(path: str | Path, draw: Callable[[], Figure]) -> None:
    """Draws into a file of a format that matplotlib knows by its ending; the same bytes every time.

    What is drawn as pixels has `DPI`, or as many as leave no side longer than `MOST_PIXELS`.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "rinject"}), warnings.catch_warnings():
        # A name may have letters that the font lacks: a box stands for them.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure = draw()
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
        with placed_file(path) as beside:
            figure.savefig(beside, format=kind, dpi=_resolution(figure), metadata=metadata)


def _resolution(figure: Figure) -> float:
    return float(min(DPI, MOST_PIXELS / max(figure.get_size_inches())))
