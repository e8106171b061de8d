"""The interactive session without a terminal: lines in, text out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import RenderableType
from rich.text import Text

from rinject.cli.repl import rendering
from rinject.cli.repl.commands import is_command, run_command
from rinject.cli.repl.compiling import drawn
from rinject.cli.shown_values import input_text
from rinject.lang import Diagnostic, Header, interpret, load_program
from rinject.lang.diagnostics import render_all
from rinject.lang.files import read_source
from rinject.lang.interpreter import NoValue, values_of
from rinject.lang.parser import parse
from rinject.lang.session import (
    LAST,
    Applied,
    DrawRequest,
    Loaded,
    Made,
    Session,
    Shown,
    is_unfinished,
)
from rinject.lang.syntax import Directive
from rinject.lang.values import ListOf, Plain, SelectorRef, SOpRef, Value

Kind = Literal["s-op", "selector"]
KINDS: tuple[Kind, ...] = ("s-op", "selector")
FIRST_EXAMPLE = "hello"


@dataclass
class Example:
    """The input on which one kind of value is shown."""

    tokens: list[Any] = field(default_factory=lambda: list(FIRST_EXAMPLE))
    is_shown: bool = True


class Engine:
    """The state of a session, and what each line of it answers."""

    def __init__(self, folder: Path | None = None, width: Callable[[], int] = lambda: 80) -> None:
        """`folder` is where files are loaded from; `width` tells the cells of a line."""
        self.width = width
        self._folder = folder
        self.examples = {kind: Example() for kind in KINDS}
        self.full_sequences = False
        self.is_done = False
        self._pending = ""
        self.reset()

    def reset(self) -> None:
        """Forgets all names; the examples stay."""
        self.session = Session(self._folder)
        self.header: Header | None = None
        """Of the program loaded last, if it had one."""

    # --- lines -------------------------------------------------------------------------------

    def feed(self, line: str) -> Iterator[RenderableType]:
        """Takes a line: a command, or a part of statements, carried out when they are whole.

        Yields what there is to show while it works. Raises RinjectError for what is wrong.
        """
        if not self.is_waiting and is_command(line):
            yield from run_command(self, line)
            return
        self._pending += f"{line}\n"
        if not is_unfinished(self._pending):
            yield from self.finish()

    def finish(self) -> Iterator[RenderableType]:
        """Carries out what was typed so far, whole or not."""
        text, self._pending = self._pending, ""
        if text.strip():
            yield from self._run(text.removesuffix("\n"))

    @property
    def is_waiting(self) -> bool:
        """Whether a statement has begun."""
        return bool(self._pending.strip())

    def needs_more(self, text: str) -> bool:
        """Whether a statement would have begun after these lines."""
        pending = ""
        for line in text.split("\n"):
            if pending.strip() or not is_command(line):
                pending += f"{line}\n"
                pending = pending if is_unfinished(pending) else ""
        return bool(pending.strip())

    # --- statements --------------------------------------------------------------------------

    def _run(self, text: str) -> Iterator[RenderableType]:
        made = self.session.run(text)
        warnings = self.session.warnings
        for one in made:
            yield from self._show(one)
        yield from self._warnings(warnings)

    def _warnings(self, found: Sequence[Diagnostic]) -> Iterator[Text]:
        # Files of the original hold commands for its session; there is nothing wrong with them.
        told = [one for one in found if one.code != "directive"]
        if told:
            yield Text(render_all(told, self.session.sources), "yellow")

    def _show(self, made: Made) -> Iterator[RenderableType]:
        match made:
            case Shown(name, value):
                yield rendering.definition(name, value, self.name_of)
                yield from self._example(name, value)
            case Applied(tokens, values):
                yield self._applied(tokens, _as_lists(values))
            case Loaded():
                yield from rendering.loaded_lines(made)
            case DrawRequest(value, tokens):
                yield from self._drawn(value, tokens)
            case Directive():
                yield from run_command(self, made.text)

    def _applied(self, tokens: Sequence[Any], values: list[Any]) -> Text:
        if values and isinstance(values[0], list):
            return rendering.matrix_lines(tokens, values, self.width())
        return rendering.values_line("", values, self.full_sequences)

    def _drawn(self, value: SOpRef | SelectorRef, tokens: list[Any] | None) -> Iterator[Any]:
        """`draw(x)` shows the values too, as in the original."""
        shown_on = tokens or self.example_of(value).tokens
        values = interpret(value.expr, shown_on, causal=self.session.causal)
        yield self._applied(shown_on, values)
        if isinstance(value, SOpRef):
            yield from drawn(self, value, tokens)

    def load(self, path: Path) -> Iterator[RenderableType]:
        """Carries out a file; if it says how it meets its input, the session goes by that."""
        header = _header_of(path)
        yield from rendering.loaded_lines(self.session.load(path))
        warnings = self.session.warnings
        if header is not None:
            self.header = header
            self.session.causal = header.causal
            yield from rendering.header_lines(header)
            yield from self._strange_example(header)
        yield from self._warnings(warnings)

    def _strange_example(self, header: Header) -> Iterator[Text]:
        tokens = self.examples["s-op"].tokens
        if header.vocabulary and not set(tokens) <= set(header.vocabulary):
            example = input_text(header.vocabulary[:3])
            text = f"the example {input_text(tokens)} has other symbols: set example {example}"
            yield rendering.line(text, rendering.DEEPER)

    def _example(self, name: str, value: Value) -> Iterator[Text]:
        """An s-op or a selector on the running example."""
        if not isinstance(value, SOpRef | SelectorRef):
            return
        example = self.example_of(value)
        if not example.is_shown:
            return
        try:
            (values,) = values_of([value.expr], example.tokens, causal=self.session.causal)
        except NoValue as problem:
            yield rendering.no_example_line(example.tokens, str(problem))
            return
        if isinstance(value, SOpRef):
            yield rendering.example_line(name, example.tokens, values, self.full_sequences)
        else:
            yield rendering.line("Example:", rendering.DEEPER)
            yield rendering.matrix_lines(example.tokens, values, self.width())

    def example_of(self, value: SOpRef | SelectorRef) -> Example:
        """The running example that a value is shown on."""
        return self.examples["s-op" if isinstance(value, SOpRef) else "selector"]

    def name_of(self, value: Value) -> str | None:
        """A name that denotes this very value now; one of the language if there is one."""
        wanted = _identity(value)
        for name in reversed(self.session.names()):
            known = self.session.find(name)
            if known is not None and name != LAST and _identity(known) == wanted:
                return name
        return None


def _identity(value: Value) -> int:
    """Two values with the same identity are one to the user."""
    return id(value.expr) if isinstance(value, SOpRef | SelectorRef) else id(value)


def _as_lists(value: Value) -> Any:
    """The values of an s-op or a selector, those missing too, as Python lists."""
    if isinstance(value, ListOf):
        return [_as_lists(one) for one in value.items]
    return value.value if isinstance(value, Plain) else None


def _header_of(path: Path) -> Header | None:
    """What a file says about its input, if it has a header. Raises InputError as load_program."""
    module = parse(read_source(path), str(path))
    return None if module.header is None else load_program(path).header
