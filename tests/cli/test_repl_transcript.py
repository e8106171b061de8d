"""The session in docs/repl.md is what happens: its inputs are replayed, its outputs compared."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from rinject.cli.repl.engine import Engine
from rinject.errors import RinjectError
from rinject.lang import SourceError

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "repl.md"
PROMPTS = (">> ", "..")


def answers(engine: Engine, line: str) -> Iterator[str]:
    """What a line shows; an empty one ends what was begun."""
    out = io.StringIO()
    console = Console(file=out, width=engine.width())
    try:
        for shown in engine.feed(line) if line else engine.finish():
            console.print(shown, soft_wrap=isinstance(shown, Text))
    except RinjectError as error:
        label = "" if isinstance(error, SourceError) else "error: "
        hint = f"\nhint: {error.hint}" if error.hint else ""
        out.write(f"{label}{error.message}{hint}\n")
    yield from (one.rstrip() for one in out.getvalue().splitlines())


def replayed(document: str) -> str:
    """The document with the outputs of its inputs as they are now."""
    engine, lines, is_session = Engine(Path()), [], False
    for line in document.splitlines():
        if line.startswith("```"):
            is_session = not is_session
        if not is_session or line.startswith("```"):
            lines.append(line)
        elif line.startswith(PROMPTS):
            lines += [line, *answers(engine, line[3:])]
    assert engine.is_done, "the session ends with `exit`"
    return "\n".join(lines) + "\n"


def test_the_document_is_a_session(request: pytest.FixtureRequest) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    with chdir(ROOT):
        now = replayed(document)
    if request.config.getoption("--update-golden"):
        DOCUMENT.write_text(now, encoding="utf-8")
        document = now
    assert now == document
    assert document.count("\n>> ") > 40


def test_the_replay_finds_a_changed_output() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    with chdir(ROOT):
        assert replayed(document.replace("[0, 3, 6, 9, 12]", "[0, 3, 6, 9, 13]")) == document
