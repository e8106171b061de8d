"""Formatting: one layout, reached at once, that says what the text said."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from program_texts import (
    AFTER_DIRECTIVE,
    BREAKS,
    COMMENTS,
    DIRECTIVES,
    SPACES,
    Text,
    texts,
    written,
)

from rinject.errors import RinjectError
from rinject.lang import SourceError
from rinject.lang.files import LIBRARY
from rinject.lang.formatter import format_source
from rinject.lang.parser import grammar, parse
from rinject.lang.syntax import Directive, Module

HERE = Path(__file__).parent
GOLDEN = sorted((HERE / "golden_format").glob("*.rasp"))
CLEAN = [*sorted((HERE.parents[1] / "programs").glob("*.rasp")), LIBRARY]
COMMENT = re.compile(
    r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\bset[ ](?:s-op )?example[^\n]*)|(#[^\n]*)"""
)


def comments(text: str) -> tuple[str, ...]:
    return tuple(found[2].rstrip() for found in COMMENT.finditer(text) if found[2])


def tokens(text: str) -> tuple[str, ...]:
    return tuple(as_written(str(token)) for token in grammar().lex(text))


def as_written(token: str) -> str:
    """A token without what formatting may change."""
    return f'"{token[1:-1]}"' if token[0] == "'" and '"' not in token else token.rstrip()


def shape(node: Any) -> Any:
    """A syntax tree without its spans."""
    if isinstance(node, Directive):
        return node.text.rstrip()
    if is_dataclass(node):
        inner = (getattr(node, field.name) for field in fields(node) if field.name != "span")
        return type(node).__name__, *map(shape, inner)
    return tuple(map(shape, node)) if isinstance(node, tuple) else node


def parsed(text: str) -> Any:
    module = parse(text, "<text>")
    assert isinstance(module, Module)
    return shape(module)


def assert_well_formatted(text: str, formatted: str) -> None:
    assert format_source(formatted) == formatted
    assert parsed(formatted) == parsed(text)
    assert "\n\n\n" not in formatted
    assert not re.search(r"[ \r\f]\n|^\n|\n\n\Z|\{\n\n", formatted)
    assert formatted == "" or formatted.endswith("\n")


@settings(max_examples=200)
@given(texts([*SPACES, *SPACES, *BREAKS, *COMMENTS], AFTER_DIRECTIVE))
def test_any_layout(source: Text) -> None:
    formatted = format_source(source.text)
    assert_well_formatted(source.text, formatted)
    assert tokens(formatted) == tuple(map(as_written, source.tokens))
    assert comments(formatted) == source.comments


def evenly_written(tokens: tuple[str, ...]) -> str:
    """The tokens with the same space between all of them."""
    gaps = ["\n" if token in DIRECTIVES else " \t " for token in ("", *tokens)]
    return written(tokens, gaps).text


@given(texts(SPACES, ["\n"]))
def test_spaces_do_not_matter(source: Text) -> None:
    assert format_source(evenly_written(source.tokens)) == format_source(source.text)


@given(texts(SPACES, ["\n"]))
def test_lines_are_broken_where_they_can_be(source: Text) -> None:
    short = tuple(token[:8] if token.isidentifier() else token for token in source.tokens)
    formatted = format_source(evenly_written(short))
    assert all(len(line) <= 100 for line in formatted.split("\n"))


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.stem)
def test_our_programs_are_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_source(text) == text


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden(path: Path, check_golden: Callable[[Path, str], None]) -> None:
    text = path.read_bytes().decode("utf-8")
    formatted = format_source(text)
    check_golden(path.with_suffix(".txt"), formatted)
    assert_well_formatted(text, formatted)
    assert comments(formatted) == comments(text)
    assert max(len(line.split("  #")[0]) for line in formatted.split("\n")) <= 100


@pytest.mark.parametrize("operand", ["a" * 45, "f(" + "a" * 42 + ")"])
def test_a_line_has_a_hundred_columns(operand: str) -> None:
    fits = f"x = {operand} + {'b' * 47};\n"
    assert len(fits) == 101
    assert format_source(fits) == fits
    wide = format_source(fits.replace("b;", "bb;"))
    assert wide.split("\n")[0] in (f"x = {operand}", "x = f(")


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("", ""),
        ("\n \n", ""),
        ("#  a\n\n\n#b", "#  a\n\n#b\n"),
        ("x=(((1)));", "x = (1);\n"),
        ("f((x));", "f((x));\n"),
        ("f(\n);", "f();\n"),
        ("f( # c\n);", "f(  # c\n);\n"),
        ("def f(){}", "def f() {}\n"),
        ("def f(){}\n\n\n\nx;", "def f() {}\n\nx;\n"),
        ("for x in xs { \n\n y; \n\n }", "for x in xs {\n    y;\n}\n"),
        ("program p{\n}", "program p {}\n"),
        ("program p{\n# c\n}", "program p {\n    # c\n}\n"),
        ("x = tokens == '\\d';", 'x = tokens == "\\d";\n'),
        ("x = unknown(1e999);", "x = unknown(1e999);\n"),
        ("exit\nx;", "exit\nx;\n"),
        ("x = exit;", "x = exit;\n"),
        ("a; b; # c", "a;\nb;  # c\n"),
        ("x = [a] # c\n+ b;", "x = [a]  # c\n    + b;\n"),
        ("x = a and # c\n b;", "x = a  # c\n    and b;\n"),
        ("x = f([a] # c\n);", "x = f(\n    [a]  # c\n);\n"),
        ("x = -( # c\n(y));", "x = -(  # c\n    y\n);\n"),
    ],
)
def test_small_texts(text: str, formatted: str) -> None:
    assert format_source(text) == formatted
    assert format_source(formatted) == formatted


def test_a_syntax_error_is_shown_with_its_file() -> None:
    with pytest.raises(SourceError, match=r"wrong\.rasp:2:6: error: expected an expression"):
        format_source("x = 1;\r\ny = +;\r\n", "wrong.rasp")


def test_deep_nesting_is_answered() -> None:
    nested = f"x = {'[' * 100}{']' * 100};"
    assert tokens(format_source(nested)) == tokens(nested)
    with pytest.raises(SourceError, match="nested too deeply"):
        format_source(f"x = {'[' * 5000}{']' * 5000};")
    long = f"x = {'1 + ' * 5000}{'1 if y else ' * 5000}f{'(z)' * 5000};"
    assert tokens(format_source(long)) == tokens(long)


def test_a_name_is_never_made_a_command() -> None:
    with pytest.raises(RinjectError, match="would change what this program says"):
        format_source("x = [  # c\nexit];")  # on a line by itself, `exit` is a command
