"""Sections of a report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from rinject.evaluate.results.sections import Picture, Section, Table

_SPECIAL = re.compile(r"([\\|*_<>\[\]])")


def markdown(title: str, sections: Iterable[Section]) -> str:
    """The whole report; pictures are named by their files."""
    parts = [f"# {title}"]
    for section in sections:
        parts += [f"## {section.title}", *map(_prose, section.paragraphs)]
        parts += map(_picture, section.pictures)
        parts += [block for table in section.tables for block in _table(table)]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> Iterator[str]:
    rules = ["---:" if name in table.numbers else "---" for name in table.columns]
    rows = [table.columns, *table.rows]
    head, *body = (f"| {' | '.join(map(_cell, row))} |" for row in rows)
    yield f"**{_cell(table.caption)}**"
    yield "\n".join([head, f"|{'|'.join(rules)}|", *body])


def _picture(picture: Picture) -> str:
    return f"![{_cell(picture.caption)}]({quote(picture.file)})\n\n*{_cell(picture.caption)}*"


def _prose(text: str) -> str:
    """Paragraphs have marks of their own, such as code."""
    return text


def _cell(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text.replace("\n", " "))
