"""Source text to syntax tree."""

from __future__ import annotations

import functools
import os
import sys
from importlib import resources
from typing import Any, cast

from lark import Lark, Token, Tree, ast_utils
from lark.exceptions import UnexpectedInput, VisitError
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive, v_args

from rinject.lang import syntax
from rinject.lang.diagnostics import Diagnostic, SourceError, Span, span_of
from rinject.lang.limits import MAX_DIGITS
from rinject.lang.syntax_errors import explain

_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}


@functools.cache
def grammar(*, concrete: bool = False) -> Lark:
    """The LALR parser, built once; its concrete trees hold every token."""
    text = resources.files("rinject.lang").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(
        text,
        parser="lalr",
        lexer="basic",
        start="module",
        propagate_positions=not concrete,
        maybe_placeholders=not concrete,
        keep_all_tokens=concrete,
        cache=_cache_file("concrete" if concrete else "abstract"),
    )


def _cache_file(name: str) -> str | bool:
    """Where the parser's tables are kept between runs: building them takes longer than a check.

    Lark ignores a file made from another grammar, and one that it cannot read or write.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = os.path.join(base, "rinject")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:
        return False
    version = f"{sys.version_info.major}{sys.version_info.minor}"
    return os.path.join(folder, f"{name}-grammar-{version}.lark")


def parse(text: str, file: str) -> syntax.Module:
    """The syntax tree of `text`; `file` is the name that diagnostics show.

    Raises SourceError when the text is not in the language.
    """
    try:
        tree = grammar().parse(text)
        return cast(syntax.Module, _transformer(file).transform(tree))
    except UnexpectedInput as error:
        raise SourceError([explain(error, grammar(), text, file)], {file: text}) from None
    except VisitError as error:
        if isinstance(error.orig_exc, _BadLiteral):
            raise SourceError([error.orig_exc.diagnostic], {file: text}) from None
        raise error.orig_exc from None


def parse_concrete(text: str, file: str) -> Tree[Token]:
    """The tree of `text` with every token in it, brackets and punctuation too.

    Raises SourceError as :func:`parse` does; numbers and escapes are not looked at.
    """
    try:
        return grammar(concrete=True).parse(text)
    except UnexpectedInput as error:
        raise SourceError([explain(error, grammar(), text, file)], {file: text}) from None


class _BadLiteral(Exception):
    def __init__(self, code: str, message: str, span: Span, hint: str) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(code, message, span, hint)


class _Tokens(Transformer_NonRecursive[Token, Any]):
    """Tokens to Python values, and plain lists to tuples; nodes come from syntax.py."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file = file

    def NUMBER(self, token: Token) -> int | float:
        if len(token) > MAX_DIGITS:
            raise self._bad("number-too-long", "this number is too long", token)
        try:
            return int(token)
        except ValueError:
            value = float(token)
        if value == float("inf"):
            raise self._bad("number-too-large", "this number is too large", token)
        return value

    def STRING(self, token: Token) -> str:
        parts = token[1:-1].split("\\")
        text, rest = parts[0], iter(parts[1:])
        for part in rest:
            # An empty part is the gap inside an escaped backslash: what follows it is literal.
            if part == "":
                text += "\\" + next(rest, "")
            elif part[0] in _ESCAPES:
                text += _ESCAPES[part[0]] + part[1:]
            else:
                raise self._bad(
                    "unknown-escape",
                    f"unknown escape `\\{part[0]}` in a string",
                    token,
                    "the escapes are \\n, \\t, \\\\, \\\" and \\'",
                )
        return text

    def TRUE(self, token: Token) -> bool:
        return True

    def FALSE(self, token: Token) -> bool:
        return False

    def __default_token__(self, token: Token) -> str:
        return str(token)

    def _bad(
        self, code: str, message: str, token: Token, hint: str = "use a smaller one"
    ) -> _BadLiteral:
        return _BadLiteral(code, message, span_of(token, self._file), hint)

    def _tuple(self, children: list[Any]) -> tuple[Any, ...]:
        return tuple(child for child in children if child is not None)

    body = fields = entries = targets = parameters = expressions = _tuple
    items = pairs = arguments = _tuple


class _Build:
    """Calls a class of syntax.py with a span where Lark would give its own Meta."""

    def __init__(self, node: Any, file: str) -> None:
        self._node = node
        self._file = file

    def __call__(self, meta: Meta, *children: Any) -> Any:
        return self._node(span_of(meta, self._file), *children)


def _transformer(file: str) -> _Tokens:
    def with_span(inline: bool, meta: bool) -> Any:
        return lambda node: v_args(inline=inline, meta=meta)(cast(Any, _Build(node, file)))

    return cast(_Tokens, ast_utils.create_transformer(syntax, _Tokens(file), with_span))
