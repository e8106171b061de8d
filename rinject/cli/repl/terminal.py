"""The session at a terminal: a prompt with history, completion, colours and several lines."""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output import Output
from prompt_toolkit.styles import style_from_pygments_cls

from rinject.cli.repl.completion import candidates
from rinject.cli.repl.engine import Engine
from rinject.cli.repl.highlighting import RaspLexer, RaspStyle

PROMPT, CONTINUATION = ">> ", ".. "
INDENT = "    "


class SessionCompleter(Completer):
    """Completes what the engine knows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        for one in candidates(self._engine, document.text_before_cursor):
            yield Completion(one.text, -one.replaces, display_meta=one.about)


def prompt_session(
    engine: Engine,
    history: History,
    *,
    input: Input | None = None,
    output: Output | None = None,
) -> PromptSession[str]:
    """The prompt; without `input` and `output`, at the process's own terminal."""
    return PromptSession(
        PROMPT,
        multiline=True,
        prompt_continuation=CONTINUATION,
        lexer=PygmentsLexer(RaspLexer),
        style=style_from_pygments_cls(RaspStyle),
        include_default_pygments_style=False,
        completer=SessionCompleter(engine),
        complete_while_typing=False,
        auto_suggest=AutoSuggestFromHistory(),
        history=history,
        key_bindings=_bindings(engine),
        input=input,
        output=output,
    )


def _bindings(engine: Engine) -> KeyBindings:
    """Enter ends the input where it is whole, or on an empty line; else it begins a new line.

    A brace that closes a block stands below the line that opened it.
    """
    bindings = KeyBindings()

    @bindings.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        document = buffer.document
        is_empty_line = document.is_cursor_at_the_end and not document.current_line.strip()
        if is_empty_line or not engine.needs_more(document.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text(f"\n{_indentation(document.current_line_before_cursor)}")

    @bindings.add("}")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        before = buffer.document.current_line_before_cursor
        if before.endswith(INDENT) and before.isspace():
            buffer.delete_before_cursor(len(INDENT))
        buffer.insert_text("}")

    return bindings


def _indentation(line: str) -> str:
    """What a line begins with that follows another."""
    blanks = line[: len(line) - len(line.lstrip())]
    return blanks + INDENT * line.rstrip().endswith("{")
