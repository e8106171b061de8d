"""What could stand where the cursor is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rinject.cli.language_words import STATEMENT_WORDS
from rinject.cli.repl.commands import COMMANDS, WORDED
from rinject.cli.repl.engine import Engine
from rinject.cli.repl.rendering import kind_of
from rinject.lang.files import SUFFIX

_FILE = re.compile(r"\s*(?::load\s+[\"']?|load\s*[\"'])(?P<start>[^\"']*)")
_COMMAND = re.compile(r"\s*(?P<start>:[a-z]*)")
_NAME = re.compile(r"(?<![\w.])(?P<start>[A-Za-z_]\w*)?")
_STRING = re.compile(r"\"(\\.|[^\"\\])*\"|'(\\.|[^'\\])*'")


@dataclass(frozen=True)
class Candidate:
    """A text, how many characters before the cursor it replaces, and what it is."""

    text: str
    replaces: int
    about: str


def candidates(engine: Engine, before: str) -> Iterator[Candidate]:
    """What could complete the text before the cursor."""
    line = before.rpartition("\n")[2]
    file, command = _FILE.fullmatch(line), _COMMAND.fullmatch(line)
    if file is not None:
        yield from _files(file["start"])
    elif command is not None:
        start = command["start"]
        known = ((f":{name}", command.about) for name, command in COMMANDS.items())
        yield from (Candidate(one, len(start), about) for one, about in known if _fits(one, start))
    elif not _in_quotes(line):
        yield from _words(engine, line)


def _fits(word: str, start: str) -> bool:
    return word.startswith(start)


def _files(start: str) -> Iterator[Candidate]:
    """Programs and folders below the folder that was begun."""
    folder, _, name = start.rpartition("/")
    place = Path(f"{folder}/" if start.startswith("/") else folder or ".")
    try:
        found = sorted(place.iterdir())
    except OSError:
        return
    for path in found:
        if not path.name.startswith(name) or path.name.startswith("."):
            continue
        if path.is_dir():
            yield Candidate(f"{path.name}/", len(name), "folder")
        elif path.suffix == SUFFIX:
            yield Candidate(path.stem, len(name), "program")


def _words(engine: Engine, line: str) -> Iterator[Candidate]:
    """Names, words of the language, and commands of words at the start of a line."""
    begun = line.lstrip()
    if begun and not engine.is_waiting:
        known = (one for one in WORDED if _fits(one, begun))
        yield from (Candidate(one, len(begun), "command") for one in known)
    start = next(m for m in _NAME.finditer(line) if m.end() == len(line))["start"]
    if not start:
        return
    for name in engine.session.names():
        value = engine.session.find(name)
        if _fits(name, start) and value is not None:
            yield Candidate(name, len(start), kind_of(value))
    for word in STATEMENT_WORDS:
        if _fits(word, start):
            yield Candidate(word, len(start), "word")


def _in_quotes(line: str) -> bool:
    """Whether the cursor stands in a string or a comment."""
    return bool(re.search("[\"'#]", _STRING.sub("", line)))
