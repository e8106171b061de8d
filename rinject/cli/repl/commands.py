"""The commands of the interactive session; they stand alone on a line and need no semicolon."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from rinject.cli.language_words import of_the_language
from rinject.cli.repl import rendering
from rinject.cli.repl.compiling import compiled, drawn, value_set
from rinject.cli.repl.highlighting import highlighted
from rinject.cli.shown_values import input_text
from rinject.errors import InputError
from rinject.lang.diagnostics import SourceError, did_you_mean
from rinject.lang.files import SUFFIX
from rinject.lang.parser import parse
from rinject.lang.session import LAST
from rinject.lang.values import FunctionRef, SelectorRef, SOpRef, Value, describe_in_full

if TYPE_CHECKING:
    from rinject.cli.repl.engine import Engine, Example

Answer = Iterator[RenderableType]
USAGE_WIDTH = 37  # of what is explained beside it

_KIND = r"(?:(?P<kind>s-op|selector)\s+)?"
_SET = re.compile(rf"set\s+{_KIND}example\s+(?P<input>.+)")
_SHOW = re.compile(rf"show\s+{_KIND}example")
_SWITCH = re.compile(rf"{_KIND}examples\s+(?P<way>on|off)")
_FULL = re.compile(r"full\s+seq\s+display\s+(?P<way>on|off)")
_LEAVE = re.compile(r"(exit|quit)(\s*\(\s*\))?")
# What begins like a command, right or wrong; no statement does.
_BEGINS = re.compile(
    r"\s*(:|(set|show)\s+[A-Za-z]|full\s+seq\b|(s-op|selector)\s+examples?\b"
    r"|examples\s+(?!(and|or|in|if)\b)[A-Za-z]|(exit|quit)\s*(\(\s*\))?\s*;?\s*$)"
)
_INPUT = re.compile(r"""(?P<what>.+?)(?:\s*,\s*|\s+)(?P<input>"[^"]*"|'[^']*'|\[.*\])""")
_PICTURE = re.compile(r"(?P<what>.+?)\s+to\s+(?P<file>\S+)")


def is_command(line: str) -> bool:
    """Whether a line is meant as a command."""
    return _BEGINS.match(line) is not None


def run_command(engine: Engine, line: str) -> Answer:
    """Carries out a command. Raises InputError for one that is not understood."""
    text = re.sub(r"(^\s+)|(\s*;?\s*$)", "", line)
    if text.startswith(":"):
        name, _, argument = text.removeprefix(":").partition(" ")
        yield from _find(name).run(engine, argument.strip())
        return
    for pattern, run in _WORDED:
        match = pattern.fullmatch(text)
        if match is not None:
            yield from run(engine, match)
            return
    hint = '`:help` shows them all, such as `set example "hey"`'
    raise InputError(f"`{text}` is not a command", hint=hint)


def _find(name: str) -> Command:
    if name not in COMMANDS:
        known = [f":{one}" for one in COMMANDS]
        raise InputError(
            f"there is no command `:{name}`",
            hint=did_you_mean(f":{name}", known, otherwise="`:help` shows them all"),
        )
    return COMMANDS[name]


# --- the running example ------------------------------------------------------------------------


def _chosen(engine: Engine, kind: str | None) -> list[Example]:
    return [example for name, example in engine.examples.items() if kind in (None, name)]


def _set_example(engine: Engine, match: re.Match[str]) -> Answer:
    tokens = engine.session.tokens(match["input"])
    for example in _chosen(engine, match["kind"]):
        example.tokens = tokens
    yield from ()


def _show_example(engine: Engine, match: re.Match[str]) -> Answer:
    examples = _chosen(engine, match["kind"])
    if all(example.tokens == examples[0].tokens for example in examples):
        kind = f"{match['kind']} example" if match["kind"] else "example"
        yield rendering.headline(kind, input_text(examples[0].tokens))
        return
    for kind, one in engine.examples.items():
        yield rendering.headline(f"{kind} example", input_text(one.tokens))


def _switch_examples(engine: Engine, match: re.Match[str]) -> Answer:
    for example in _chosen(engine, match["kind"]):
        example.is_shown = match["way"] == "on"
    yield from ()


def _switch_full(engine: Engine, match: re.Match[str]) -> Answer:
    engine.full_sequences = match["way"] == "on"
    yield from ()


def _leave(engine: Engine, _: Any) -> Answer:
    engine.is_done = True
    yield from ()


# --- files, values, the compiler ----------------------------------------------------------------


def _load(engine: Engine, argument: str) -> Answer:
    name = argument.strip("\"'")
    if not name:
        raise InputError("`:load` takes a file", hint="as in `:load programs/shuffle_dyck`")
    yield from engine.load(Path(name if name.endswith(SUFFIX) else name + SUFFIX).expanduser())


def _type(engine: Engine, argument: str) -> Answer:
    if not argument:
        raise InputError("`:type` takes an expression", hint="as in `:type indices + 1`")
    value = engine.session.evaluate(argument)
    yield rendering.line(describe_in_full(value))
    if isinstance(value, SOpRef):
        yield from value_set(engine, value)
    elif isinstance(value, FunctionRef):
        yield _source(engine, value)


def _source(engine: Engine, function: FunctionRef) -> Text:
    span = function.definition.span
    lines = engine.session.sources[span.file].split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    indent = " " * rendering.DEEPER
    return Text("\n").join(
        Text(indent).append(one) for one in highlighted("\n".join(lines)).split()
    )


def _compile(engine: Engine, argument: str) -> Answer:
    value, tokens = _sop_and_input(engine, "compile", argument)
    yield from compiled(engine, value, tokens)


def _draw(engine: Engine, argument: str) -> Answer:
    picture = _PICTURE.fullmatch(argument)
    file = Path(picture["file"]) if picture else None
    value, tokens = _sop_and_input(engine, "draw", picture["what"] if picture else argument)
    yield from drawn(engine, value, tokens, file)


def _sop_and_input(engine: Engine, command: str, argument: str) -> tuple[SOpRef, list[Any] | None]:
    """An s-op, and the input that may stand behind it."""
    match = _INPUT.fullmatch(argument)
    value: Value | None = None
    tokens = None
    if match is not None and not _is_whole(argument):
        value = engine.session.evaluate(match["what"])
        tokens = engine.session.tokens(match["input"])
    elif argument:
        value = engine.session.evaluate(argument)
    if isinstance(value, SelectorRef):
        raise InputError(
            "only an s-op has a transformer, this is a selector",
            hint="name what is made of it, with `aggregate` or `selector_width`",
        )
    if not isinstance(value, SOpRef):
        raise InputError(
            f"`:{command}` takes an s-op, and an input if you like",
            hint=f'as in `:{command} reverse` or `:{command} reverse, "abc"`',
        )
    return value, tokens


def _is_whole(text: str) -> bool:
    """Whether a text is one expression."""
    try:
        parse(f"{text};", "")
    except SourceError:
        return False
    return True


# --- the session --------------------------------------------------------------------------------


def _attention(engine: Engine, argument: str) -> Answer:
    if argument not in ("causal", "full", ""):
        raise InputError(
            f"there is no attention `{argument}`", hint="`:attention causal` or `:attention full`"
        )
    if argument:
        engine.session.causal = argument == "causal"
    yield rendering.headline("attention", "causal" if engine.session.causal else "full")


def _names(engine: Engine, _: str) -> Answer:
    names = [name for name in engine.session.own_names() if name != LAST]
    if not names:
        yield rendering.line("no names yet; `:help NAME` explains those of the language")
    for name in names:
        value = engine.session.find(name)
        if value is not None:
            yield rendering.definition(name, value, engine.name_of)


def _reset(engine: Engine, _: str) -> Answer:
    engine.reset()
    yield rendering.line("all names are forgotten")


def _help(engine: Engine, argument: str) -> Answer:
    name = argument.removeprefix(":")
    if not argument:
        yield from _overview()
    elif name in COMMANDS:
        command = COMMANDS[name]
        yield rendering.line(Text(command.usage, rendering.LABEL)).append(f"  {command.about}")
    else:
        yield from _explained(engine, name)


def _explained(engine: Engine, name: str) -> Answer:
    word = of_the_language(name)
    value = engine.session.find(name)
    if name in engine.session.own_names() and value is not None:
        yield rendering.definition(name, value, engine.name_of)
    elif word is not None:
        yield rendering.line(highlighted(word.signature))
        yield Padding(Text(word.text), (0, 0, 0, rendering.DEEPER), expand=False)
    else:
        known = (*engine.session.names(), *COMMANDS)
        raise InputError(
            f"nothing is called `{name}`",
            hint=did_you_mean(name, known, otherwise="`:names` shows your own names"),
        )


def _overview() -> Answer:
    for code, about in _EXAMPLES:
        gap = " " * (USAGE_WIDTH - len(code))
        yield rendering.line(highlighted(code)).append(f"{gap}  {about}", "dim")
    yield Text()
    for usage, about in _USAGES:
        command = Text(usage.ljust(USAGE_WIDTH), rendering.LABEL)
        yield rendering.line(command).append(f"  {about}", "dim")


@dataclass(frozen=True)
class Command:
    """A command that begins with a colon."""

    usage: str
    about: str
    run: Callable[[Engine, str], Answer]


COMMANDS = {
    "load": Command(":load FILE", "carry out a program", _load),
    "type": Command(":type EXPRESSION", "its kind, types and values", _type),
    "compile": Command(":compile EXPRESSION[, INPUT]", "make and verify its transformer", _compile),
    "draw": Command(":draw EXPRESSION[, INPUT] [to FILE]", "draw its transformer", _draw),
    "attention": Command(":attention [causal|full]", "what a position sees", _attention),
    "names": Command(":names", "what has a name", _names),
    "reset": Command(":reset", "forget all names", _reset),
    "help": Command(":help [NAME]", "this, or what a name means", _help),
    "quit": Command(":quit", "leave, as exit and Ctrl-D do", _leave),
}
_WORDED: tuple[tuple[re.Pattern[str], Callable[[Engine, re.Match[str]], Answer]], ...] = (
    (_SET, _set_example),
    (_SHOW, _show_example),
    (_SWITCH, _switch_examples),
    (_FULL, _switch_full),
    (_LEAVE, _leave),
)
WORDED = (
    'set example "hey"',
    "show example",
    "examples off",
    "full seq display on",
    "exit",
)
"""The commands of words, as they are written."""
_EXAMPLES = (
    ("twice = 2 * indices;", "an s-op, shown on the example"),
    ("prevs = select(indices, indices, <);", "a selector, shown as a matrix"),
    ('twice("abc");', "an s-op on an input"),
    ("def f(x) { return x + 1; }", "a function, on any number of lines"),
)
_USAGES = (
    ("set [s-op|selector] example [1, 2]", "another running example"),
    ("show [s-op|selector] example", "which it is"),
    ("[s-op|selector] examples on|off", "show it, or not"),
    ("full seq display on|off", "[1, 1, 1] in place of [1]*3"),
    *((command.usage, command.about) for command in COMMANDS.values()),
)
