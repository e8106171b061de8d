"""The programs in `programs/` as pages: what the comment above each says about it.

    # Reverse: the input backwards.
    #
    # How it works, in a few sentences.
    #
    # Layers:     3
    # Source:     Weiss et al. 2021
    # Injectable: no, it looks ahead.
    #
    # try: a b c          -> c b a
    # try opposite: a b c -> 2 1 0

A `try` line holds an input and the values of the output, or of the variable that it names, at each
token. Blanks stand between the symbols and between the values. What is in double quotes is a string
whatever it looks like ("5", " "); other values are numbers (2, -1, 0.5, 1/3), True, False, None for
"no value", or else strings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rinject.lang import Program, load_program

PROGRAMS = Path(__file__).parents[1] / "programs"
_TITLE = re.compile(r"([^:]+): (.+)")
_LABEL = re.compile(r"(Layers|Source|Injectable): +(.+)")
_TRY = re.compile(r"try(?: ([^:]+))?: (.+?) +-> (.+)")
_WORD = re.compile(r'"[^"]*"|\S+')
_CONSTANTS = {"True": True, "False": False, "None": None}


@dataclass(frozen=True)
class Example:
    """An input and the values of one variable."""

    variable: str | None
    """None is the output."""
    tokens: tuple[str, ...]
    expected: tuple[Any, ...]


@dataclass(frozen=True)
class Page:
    """What the comment above a program says."""

    path: Path
    title: str
    summary: str
    """What the program computes, in a sentence."""
    labels: dict[str, str]
    """By their names: Layers, Source, Injectable."""
    examples: tuple[Example, ...]

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def layers(self) -> int:
        """Of the compiled model."""
        return int(self.labels["Layers"])

    @property
    def says_injectable(self) -> bool:
        """`yes, …` or `no, …`."""
        answer, _, reason = self.labels["Injectable"].partition(", ")
        assert answer in ("yes", "no")
        assert reason.endswith(".")
        return answer == "yes"

    def load(self) -> Program:
        return load_program(self.path)

    def __str__(self) -> str:
        return self.name


def read_page(path: Path) -> Page:
    """Reads the comment that a program begins with."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    title = _TITLE.fullmatch(lines[0])
    assert title, f"{path.name} begins with `# Title: what it computes`"
    labels = {found[1]: found[2] for found in map(_LABEL.fullmatch, lines) if found}
    examples = tuple(_example(line, path) for line in lines if line.startswith("try"))
    return Page(path, title[1], title[2], labels, examples)


def _example(line: str, path: Path) -> Example:
    found = _TRY.fullmatch(line)
    assert found, f"{path.name}: `{line}` is not `try: input -> values`"
    variable, given, expected = found.groups()
    tokens = tuple(word.strip('"') for word in _WORD.findall(given))
    return Example(variable, tokens, tuple(map(read_value, _WORD.findall(expected))))


def read_value(word: str) -> Any:
    """The value that a word of a `try` line stands for."""
    if word.startswith('"'):
        return word.strip('"')
    if word in _CONSTANTS:
        return _CONSTANTS[word]
    if re.fullmatch(r"-?\d+", word):
        return int(word)
    if re.fullmatch(r"-?\d+\.\d+", word):
        return float(word)
    if re.fullmatch(r"-?\d+/\d+", word):
        numerator, denominator = word.split("/")
        return int(numerator) / int(denominator)
    return word


PAGES = [read_page(path) for path in sorted(PROGRAMS.glob("*.rasp"))]
"""All programs."""
