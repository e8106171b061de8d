"""The colours of program text: a lexer for Pygments, and one theme for dark and light terminals."""

from __future__ import annotations

from typing import Any, ClassVar

from pygments.lexer import RegexLexer, bygroups, include, words
from pygments.style import Style
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Token,
    Whitespace,
)
from rich.text import Text

from rinject.cli.language_words import FIELDS, FUNCTIONS, SOPS, STATEMENT_WORDS, library

_CONSTANTS = ("True", "False")
_WORDS = tuple(sorted({*STATEMENT_WORDS} - {*_CONSTANTS, "program", "is"}))
_COMMAND = (
    r"^[ \t]*(:[a-z]*"
    r"|(set|show)([ \t]+(s-op|selector))?[ \t]+example\b"
    r"|((s-op|selector)[ \t]+)?examples[ \t]+(on|off)\b"
    r"|full[ \t]+seq[ \t]+display[ \t]+(on|off)\b"
    r"|(exit|quit)\b(?=[ \t]*(\([ \t]*\))?[ \t]*;?[ \t]*$))"
)

THEME = {
    Comment: "italic",
    Keyword: "magenta",
    Keyword.Pseudo: "bold cyan",
    Name.Builtin: "cyan",
    Name.Function: "bold",
    Number: "magenta",
    String: "green",
}
"""The terminal's own colours, those that stand out on dark and on light; all else is plain."""


class RaspLexer(RegexLexer):  # type: ignore[misc]
    """Program text, and the commands of the interactive session."""

    name = "RASP"
    aliases: ClassVar = ["rasp"]
    filenames: ClassVar = ["*.rasp"]
    tokens: ClassVar[dict[str, list[Any]]] = {
        "root": [
            (_COMMAND, Keyword.Pseudo),
            (
                r"(program)(\s+)([A-Za-z_]\w*)(\s*)(\{)",
                bygroups(Keyword, Whitespace, Name.Function, Whitespace, Punctuation),
                "header",
            ),
            (r"(def)(\s+)([A-Za-z_]\w*)", bygroups(Keyword, Whitespace, Name.Function)),
            (words(_WORDS, suffix=r"\b"), Keyword),
            (words((*FUNCTIONS, *SOPS, *library()), suffix=r"\b"), Name.Builtin),
            include("anywhere"),
        ],
        "header": [
            (words((*FIELDS, "is"), suffix=r"\b"), Keyword),
            (r"\}", Punctuation, "#pop"),
            include("anywhere"),
        ],
        "anywhere": [
            (words(_CONSTANTS, suffix=r"\b"), Number),
            (r"[A-Za-z_]\w*", Name),
            (r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", Number),
            (r'"(\\.|[^"\\\n])*"?|\'(\\.|[^\'\\\n])*\'?', String),
            (r"#[^\n]*", Comment),
            (r"[=!<>]=|[-+*/%^<>=]", Operator),
            (r"[(){}\[\],;:]", Punctuation),
            (r"\s+", Whitespace),
        ],
    }


class RaspStyle(Style):  # type: ignore[misc]
    """The theme, for Pygments."""

    styles: ClassVar = {
        token: " ".join(
            f"ansi{part}" if part not in ("bold", "italic") else part for part in style.split()
        )
        for token, style in THEME.items()
    }


def highlighted(code: str) -> Text:
    """Program text for rich."""
    text = Text()
    for token, value in RaspLexer(ensurenl=False, stripnl=False).get_tokens(code):
        while token not in THEME and token is not Token:
            token = token.parent
        text.append(value, THEME.get(token, ""))
    return text
