"""Rendering a page: a template beside this file, its data as JSON, its pictures within it."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from rinject import __version__
from rinject.errors import InputError
from rinject.placing import check_file_target, placed_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS = (".html", ".htm")


def check_page(path: Path) -> None:
    """Raises InputError where no page can be written: by the ending, or by the place."""
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path} does not end like a page", hint="name it something.html")
    check_file_target(path)


def write_page(
    path: Path, template: str, *, title: str, data: Mapping[str, Any], **context: Any
) -> None:
    """Writes a page from `<template>.html`, which extends `base.html`, whole or not at all.

    The page finds `data` with `readData()`. Raises ValueError for numbers that JSON lacks.
    """
    text = (
        _templates()
        .get_template(f"{template}.html")
        .render(title=title, data=_embedded(data), version=__version__, **context)
    )
    with placed_file(path) as beside:
        beside.write_text(text + "\n", encoding="utf-8")


def picture(draw: Callable[[], Figure], text: str) -> Markup:
    """An image with the drawing in it; `text` says what it shows to those who do not see it.

    It is drawn on white, for light and dark pages alike.
    """
    from rinject.pictures import save_picture

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.svg"
        save_picture(file, draw)
        content = base64.b64encode(file.read_bytes()).decode("ascii")
    image = Markup('<img class="picture" alt="{}" src="data:image/svg+xml;base64,{}">')
    return image.format(text, content)


def _embedded(data: Mapping[str, Any]) -> Markup:
    """JSON that cannot end the script element it stands in."""
    return htmlsafe_json_dumps(
        data, dumps=json.dumps, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("rinject.cli", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
