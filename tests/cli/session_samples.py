"""Talks to the engine of the interactive session."""

from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text

from rinject.cli.repl.engine import Engine


def said(engine: Engine, *lines: str) -> str:
    """What the lines show, without blanks at the end of a line."""
    out = io.StringIO()
    console = Console(file=out, width=engine.width())
    for line in lines:
        for shown in engine.feed(line):
            console.print(shown, soft_wrap=isinstance(shown, Text))
    return "\n".join(one.rstrip() for one in out.getvalue().splitlines())
