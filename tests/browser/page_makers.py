"""The pages that are opened in a browser: one function for each, which writes it into a folder.

A page added to `PAGES` goes through every test of `test_pages.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evaluate.spelled_bundle import spelled_bundle
from inject import small_injection

from rinject.cli.decode_page import ROOM_FOR_MAPS, write_decoded
from rinject.cli.probe import Reports
from rinject.cli.probe_page import write_probe
from rinject.evaluate import read_prompts
from rinject.evaluate.probe import interchange, noise, steering
from rinject.inject.bundle import Bundle
from rinject.tasks import examples


def decoded(folder: Path) -> Path:
    """Three prompts of an untrained student; its answers are not read by the program."""
    bundle = small_injection.bundle()
    return _decoded(bundle, ["(())", "())", "()"], folder / "decoded.html")


def decoded_small(folder: Path) -> Path:
    """Two prompts, with room for the heat maps of one."""
    bundle = small_injection.bundle()
    return _decoded(bundle, ["(())", "())"], folder / "small.html", room=1)


def decoded_spelled(folder: Path) -> Path:
    """One prompt of a program that reads its answers."""
    return _decoded(spelled_bundle(), ["312"], folder / "spelled.html")


def _decoded(bundle: Bundle, texts: list[str], path: Path, room: int = ROOM_FOR_MAPS) -> Path:
    layers = range(bundle.last_layer + 1)
    readings = read_prompts(bundle, texts, layers=layers, generate=True)
    write_decoded(bundle, readings, bundle.last_layer, path, room)
    return path


def probed(folder: Path) -> Path:
    """All experiments on an untrained student."""
    bundle = small_injection.bundle()
    rows = bundle.rows(examples(small_injection.task(), "test", 30, 0))
    reports = Reports(
        noise(bundle, rows, draws=2), interchange(bundle, rows), steering(bundle, rows)
    )
    write_probe(bundle, reports, folder / "probed.html")
    return folder / "probed.html"


PAGES: dict[str, Callable[[Path], Path]] = {
    "decoded": decoded,
    "probed": probed,
    "decoded_small": decoded_small,
    "decoded_spelled": decoded_spelled,
}
