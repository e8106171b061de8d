"""Pictures drawn with matplotlib, saved whole or not at all."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from rinject.placing import placed_file


def save_picture(
    path: str | Path, draw: Callable[[], Figure], dpi: Callable[[Figure], float]
) -> None:
    """Draws into a file of a format that matplotlib knows by its ending; the same bytes every time.

    `dpi` says how fine a figure is drawn, in dots per inch.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem}), warnings.catch_warnings():
        # A name may have letters that the font lacks: a box stands for them.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure = draw()
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
        with placed_file(path) as beside:
            figure.savefig(beside, format=kind, dpi=dpi(figure), metadata=metadata)
