"""Measured stages on the disk: each is measured once, and again only where something changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rinject.evaluate.results.typed_json import from_json, to_json
from rinject.inject.record import versions
from rinject.placing import placed_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[], "Figure"]


@dataclass(frozen=True)
class Outcome:
    """What a stage yields."""

    value: Any
    """A dataclass, or a tuple of such."""
    draw: Draw | None = None
    """Draws it, where there is something to draw."""
    lasts: bool = True
    """Whether it is kept; not where another try may yield more."""


@dataclass(frozen=True)
class Kept:
    """What is kept of a stage."""

    value: Any
    picture: str | None
    """A file name in the store."""
    versions: dict[str, str]
    """At the time of the measurement."""


@dataclass(frozen=True)
class Store:
    """A folder with ``<stage>.json`` for each stage, and ``<stage>.png`` where it is drawn.

    A stage's file holds its key, which says what was measured and how; under another key nothing
    is kept. It also says with which versions. It is written last, so a stage that is there is
    complete.
    """

    folder: Path

    def find(self, stage: str, key: Mapping[str, Any], kind: Any) -> Kept | None:
        """What is kept of a stage under this key, of that type; None where it must be measured."""
        try:
            found = json.loads(self._file(stage).read_text(encoding="utf-8"))
            value = from_json(kind, found["value"])
            kept = Kept(value, found["picture"], dict(found["versions"]))
            is_same = found["key"] == json.loads(json.dumps(key))
            is_whole = kept.picture is None or (self.folder / kept.picture).is_file()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # there is none, or it is damaged, or of another version
        return kept if is_same and is_whole else None

    def keep(self, stage: str, key: Mapping[str, Any], outcome: Outcome) -> Kept:
        """Writes a stage, its picture first; one that does not last is only passed on."""
        from rinject.pictures import save_picture  # imports matplotlib

        picture = None
        if outcome.draw is not None:
            picture = f"{stage}.png"
            save_picture(self.folder / picture, outcome.draw)
        kept = Kept(outcome.value, picture, versions())
        if not outcome.lasts:
            return kept
        record = {
            "key": key,
            "versions": kept.versions,
            "value": to_json(outcome.value),
            "picture": picture,
        }
        text = json.dumps(record, ensure_ascii=False, indent=1)
        with placed_file(self._file(stage)) as beside:
            beside.write_text(text + "\n", encoding="utf-8")
        return kept

    def _file(self, stage: str) -> Path:
        return self.folder / f"{stage}.json"
