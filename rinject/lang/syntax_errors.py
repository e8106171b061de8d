"""Lark's syntax errors in words: what was expected, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from rinject.lang.diagnostics import Diagnostic, Span, span_of

KEYWORDS = frozenset(
    {"program", "is", "def", "for", "in", "return", "if", "else", "and", "or", "not", "load"}
    | {"True", "False"}
)
_OPENING = {"(": ")", "[": "]", "{": "}"}
_CLOSING = {close: open_ for open_, close in _OPENING.items()}
_FOREIGN_WORDS = {
    "while": "a program has no loop of unknown length; use `for x in list { ... }`",
    "lambda": "write a function: `def f(x) { return ...; }`",
    "elif": "write `a if c else b if d else e`",
    "import": "a program cannot import Python modules",
    "class": "there are no classes; use functions and lists",
}
_FOREIGN_CHARACTERS = {
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not x`, or `!=` to compare",
    "~": "write `not`",
    ".": "there are no attributes; numbers need a digit before the point",
    ":": "a block stands in braces: `for x in xs { ... }`",
    "“": 'use straight quotes: "',
    "”": 'use straight quotes: "',
}
_TERMINALS = {
    "SEMICOLON": "`;`",
    "_COMMA": "`,`",
    "COMMA": "`,`",
    "RPAR": "`)`",
    "LPAR": "`(`",
    "RSQB": "`]`",
    "LSQB": "`[`",
    "RBRACE": "`}`",
    "LBRACE": "`{`",
    "EQUAL": "`=`",
    "NAME": "a name",
    "IN": "`in`",
    "IS": "`is`",
    "ELSE": "`else`",
    "IF": "`if`",
    "FOR": "`for`",
    "COLON": "`:`",
    "STRING": "a string",
}
_OPERATORS = frozenset({"OR", "AND", "COMPARE", "SIGN", "TIMES", "POWER"})


def explain(error: UnexpectedInput, grammar: Lark, text: str, file: str) -> Diagnostic:
    """The diagnostic for a syntax error of Lark's."""
    if isinstance(error, UnexpectedCharacters):
        return _unexpected_character(error, text, file)
    assert isinstance(error, UnexpectedToken)
    before = _tokens_before(error, grammar, text)
    return _unexpected_token(error.token, _expected(error), before, file)


def _unexpected_character(error: UnexpectedCharacters, text: str, file: str) -> Diagnostic:
    assert error.pos_in_stream is not None
    character = text[error.pos_in_stream]
    span = Span(file, error.line, error.column, error.line, error.column + 1)
    if character in "\"'":
        line_end = len(text.split("\n")[error.line - 1]) + 1
        span = Span(file, error.line, error.column, error.line, line_end)
        return Diagnostic(
            "unclosed-string",
            "this string is never closed",
            span,
            f"end it with {character} on the same line; a line break inside it is written \\n",
        )
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    hint = _FOREIGN_CHARACTERS.get(character)
    return Diagnostic("unexpected-character", f"unexpected character `{shown}`", span, hint)


def _tokens_before(error: UnexpectedToken, grammar: Lark, text: str) -> list[Token]:
    start = error.token.start_pos
    limit = len(text) if error.token.type == "$END" or start is None else start
    return list(grammar.lex(text[:limit]))


def _expected(error: UnexpectedToken) -> frozenset[str]:
    return frozenset(error.accepts or error.expected)


def _unexpected_token(
    token: Token, expected: frozenset[str], before: list[Token], file: str
) -> Diagnostic:
    place = _span(token, before, file)
    return (
        _bracket_mistake(token, before, place, file)
        or _foreign_word(token, before, file)
        or _missing_semicolon(token, expected, before, file)
        or _confused_operator(token, expected, before, place)
        or _reserved_word(token, expected, before, place)
        or _general(token, expected, place)
    )


def _bracket_mistake(
    token: Token, before: list[Token], place: Span, file: str
) -> Diagnostic | None:
    unclosed: list[Token] = []
    for earlier in before:
        if earlier in _OPENING:
            unclosed.append(earlier)
        elif earlier in _CLOSING and unclosed:
            unclosed.pop()
    if token.type == "$END" and unclosed:
        opening = unclosed[-1]
        message = f"this `{opening}` is never closed"
        hint = f"add `{_OPENING[opening]}`"
        return Diagnostic("unclosed-bracket", message, _span(opening, [], file), hint)
    if token in _CLOSING and not unclosed:
        message = f"this `{token}` closes nothing"
        return Diagnostic("unopened-bracket", message, place, "remove it")
    if token in _CLOSING and unclosed and _OPENING[unclosed[-1]] != token:
        opening = unclosed[-1]
        message = f"`{token}` cannot close the `{opening}` of line {opening.line}"
        hint = f"write `{_OPENING[opening]}` first"
        return Diagnostic("mismatched-bracket", message, place, hint)
    return None


def _foreign_word(token: Token, before: list[Token], file: str) -> Diagnostic | None:
    for word in [*before[-1:], token]:
        if word.type == "NAME" and word in _FOREIGN_WORDS:
            return Diagnostic(
                "foreign-word",
                f"there is no `{word}` in this language",
                _span(word, before, file),
                _FOREIGN_WORDS[word],
            )
    return None


def _missing_semicolon(
    token: Token, expected: frozenset[str], before: list[Token], file: str
) -> Diagnostic | None:
    if "SEMICOLON" not in expected or not before:
        return None
    last = before[-1]
    ends_line = token.type == "$END" or token == "}" or token.line != last.end_line
    if not ends_line:
        return None
    return Diagnostic(
        "missing-semicolon", "expected `;` at the end of this", _after(last, file), "add `;`"
    )


def _confused_operator(
    token: Token, expected: frozenset[str], before: list[Token], place: Span
) -> Diagnostic | None:
    last = before[-1] if before else None
    if token == "=" and (last is None or last not in KEYWORDS):
        return Diagnostic(
            "misplaced-assignment",
            "`=` assigns, and only to names at the start of a statement",
            place,
            "to compare, write `==`",
        )
    if token.type == "COMPARE" and "NAME" not in expected:
        return Diagnostic(
            "chained-comparison",
            "comparisons cannot be chained",
            place,
            "write `a < b and b < c`",
        )
    if last is not None and token.type == "TIMES" and last == token:
        hint = "power is written `^`" if token == "*" else "write `round(a / b - 0.5)`"
        return Diagnostic("foreign-operator", f"there is no operator `{token}{token}`", place, hint)
    return None


def _reserved_word(
    token: Token, expected: frozenset[str], before: list[Token], place: Span
) -> Diagnostic | None:
    if token == "=" and before[-1:] and before[-1] in KEYWORDS:
        token, place = before[-1], span_of(before[-1], place.file)
        expected = frozenset({"NAME"})
    if token == "if" and "FOR" in expected:
        hint = "choose between values: `a if condition else b`"
        return Diagnostic("foreign-word", "there is no `if` statement", place, hint)
    if token == "program":
        return Diagnostic(
            "misplaced-header",
            "the program block stands at the top of the file, once",
            place,
            "move its fields there; `program` cannot be the name of a variable",
        )
    if token == "not" and "NAME" in expected:
        hint = "put it in parentheses: `a == (not b)`"
        return Diagnostic("misplaced-not", "`not` cannot follow this operator", place, hint)
    if token in KEYWORDS and "NAME" in expected:
        message = f"`{token}` is a reserved word, not a name"
        return Diagnostic("reserved-word", message, place, f"choose another name than `{token}`")
    return None


def _general(token: Token, expected: frozenset[str], place: Span) -> Diagnostic:
    found = "the end of the file" if token.type == "$END" else f"`{token}`"
    hint = _FOREIGN_CHARACTERS[":"] if token == ":" and "LBRACE" in expected else None
    return Diagnostic("syntax", f"expected {_in_words(expected)}, found {found}", place, hint)


def _in_words(expected: Iterable[str]) -> str:
    names = set(expected)
    words = []
    if {"NUMBER", "STRING", "NAME"} <= names:
        words.append("an expression")
        names -= {"NUMBER", "STRING", "NAME", "TRUE", "FALSE", "NOT", "SIGN"}
        names -= {"LPAR", "LSQB", "LBRACE"}
    if _OPERATORS & names:
        words.append("an operator")
        names -= _OPERATORS | {"LPAR", "LSQB", "IF", "IN"}
    words += sorted({_TERMINALS[name] for name in names if name in _TERMINALS})
    if not words:
        return "a statement"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _span(token: Token, before: list[Token], file: str) -> Span:
    if token.type == "$END":
        return _after(before[-1], file) if before else Span(file, 1, 1, 1, 2)
    return span_of(token, file)


def _after(token: Token, file: str) -> Span:
    end = span_of(token, file)
    return Span(file, end.end_line, end.end_column, end.end_line, end.end_column + 1)
