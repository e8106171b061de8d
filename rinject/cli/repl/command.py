"""The command: at a terminal a prompt, else lines from the standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from rinject import __version__
from rinject.cli.console import show_error, stdout
from rinject.errors import InputError, RinjectError

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

    from rinject.cli.repl.engine import Engine


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: rinject repl programs/shuffle_dyck.rasp")(repl)


def repl(
    file: Annotated[
        Path | None,
        typer.Argument(help="A program to begin with.", metavar="[FILE]", show_default=False),
    ] = None,
) -> None:
    """Type programs statement by statement, and see each value on a running example.

    Without a terminal the statements are read from the standard input; the exit code is 2 if one
    of them is wrong.
    """
    from rinject.cli.repl.engine import Engine

    engine = Engine(Path(), width=lambda: stdout.width)
    is_interactive = sys.stdin.isatty() and sys.stdout.isatty()
    if is_interactive:
        _greet()
    if file is not None:
        for shown in engine.load(file):
            _print(shown)
    if is_interactive:
        converse(engine, _at_the_terminal(engine))
    elif not run_lines(engine, _piped()):
        raise typer.Exit(2)


def _piped() -> Iterator[str]:
    """The lines of the standard input. Raises InputError for what is not text."""
    try:
        yield from sys.stdin
    except UnicodeDecodeError:
        raise InputError("the standard input is not text in UTF-8") from None


def _greet() -> None:
    text = f"rinject {__version__}. `:help` shows the commands, Ctrl-D leaves."
    stdout.print(text, style="dim", markup=False)


def _at_the_terminal(engine: Engine) -> PromptSession[str]:
    from rinject.cli.repl.history import UserHistory, history_file
    from rinject.cli.repl.terminal import prompt_session

    return prompt_session(engine, UserHistory(history_file()))


def converse(engine: Engine, prompt: PromptSession[str]) -> None:
    """Asks and answers until the user leaves."""
    while not engine.is_done:
        try:
            text = prompt.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            break
        try:
            run_lines(engine, text.split("\n"))
        except KeyboardInterrupt:
            show_error(RinjectError("stopped"))


def run_lines(engine: Engine, lines: Iterable[str]) -> bool:
    """Answers each line, and what they leave unfinished; whether nothing was wrong."""
    is_right = True
    for line in lines:
        is_right &= _answer(engine.feed(line.rstrip("\r\n")))
        if engine.is_done:
            return is_right
    return _answer(engine.finish()) and is_right


def _answer(shown: Iterator[RenderableType]) -> bool:
    try:
        for one in shown:
            _print(one)
    except RinjectError as error:
        show_error(error)
        return False
    return True


def _print(shown: RenderableType) -> None:
    # Text keeps its own lines; the terminal wraps what is longer.
    stdout.print(shown, soft_wrap=isinstance(shown, Text))
