"""Source text in its one layout: ``rinject fmt``.

A text keeps its tokens, but for the quotes of strings and doubled parentheses, and its comments in
their order. Formatting twice is formatting once, since whatever the layout depends on can be read
from its own result: tokens, which comments follow code and which are alone, their columns where
they are aligned, blank lines, and brackets that are opened at the end of a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lark import Token

from rinject.errors import RinjectError
from rinject.lang.diagnostics import Diagnostic, SourceError, Span
from rinject.lang.documents import Branch, Documents, token_text
from rinject.lang.layout import Renderer
from rinject.lang.page import INDENT, Page
from rinject.lang.parser import grammar, parse_concrete
from rinject.lang.trivia import Gap, Place, read_gaps, settle

Content = tuple[list[tuple[str, str]], list[str]]
"""Tokens with their types, and comments."""


def format_source(text: str, file: str = "<text>") -> str:
    """The same program, laid out; `file` is the name that diagnostics show.

    Only its syntax matters: names may be unknown. Raises SourceError for a syntax error.
    """
    text = text.replace("\r\n", "\n")
    tree = parse_concrete(text, file)
    formatter = _Formatter(text)
    try:
        formatted = formatter.format(tree)
    except RecursionError:
        raise SourceError([_too_deep(file)], {file: text}) from None
    if _content(formatted) != formatter.content():
        # A line may now end in a name that reads as a command there: `exit`, `quit`.
        raise RinjectError(
            f"{file}: formatting would change what this program says",
            hint="is a name in it also a command of the original, such as `exit`?",
        )
    return formatted


def _too_deep(file: str) -> Diagnostic:
    hint = "split long expressions into several variables"
    return Diagnostic("too-deep", "the program is nested too deeply", Span(file, 1, 1, 1, 2), hint)


def _content(text: str) -> Content:
    tokens = list(grammar().lex(text))
    return _token_content(tokens), _comments(read_gaps(text, tokens))


def _token_content(tokens: Iterable[Token]) -> list[tuple[str, str]]:
    return [(token.type, token_text(token)) for token in tokens]


def _comments(gaps: Iterable[Gap]) -> list[str]:
    return [comment.text for gap in gaps for comment in gap.comments]


class _Formatter:
    """Formats one text."""

    def __init__(self, text: str) -> None:
        self._tokens = list(grammar().lex(text))
        self._gaps = read_gaps(text, self._tokens)
        self._comments = _comments(self._gaps)
        self._documents = Documents(self._tokens, self._gaps)
        self._page = Page()
        self._renderer = Renderer(self._page, self._gaps)

    def content(self) -> Content:
        """What the formatted text must hold."""
        dropped = self._documents.dropped
        kept = [token for number, token in enumerate(self._tokens) if number not in dropped]
        return _token_content(kept), self._comments

    def format(self, module: Branch) -> str:
        *header, body = module.children
        self._block([*header, *body.children], len(self._tokens), 0)
        return self._page.text()

    def _block(self, statements: Sequence[Branch], end: int, indent: int) -> None:
        """Statements, and the comments behind the last, before the token number `end`."""
        for place, statement in enumerate(statements):
            self._statement(statement, indent, is_first=place == 0)
        self._gap(end, indent, is_first=not statements, is_last=True)

    def _statement(self, node: Branch, indent: int, is_first: bool) -> None:
        documents = self._documents
        is_block = node.data in ("header", "function", "loop")
        first = documents.number(node)
        last = documents.number(node.children[-3 if is_block else -1])
        parts = documents.head(node)
        settle(self._gaps, self._tokens, first, last, documents.breaks, documents.operators)
        self._gap(first, indent, is_first=is_first)
        self._page.new_line(indent)
        inside = node.children[-2].children if is_block else []
        is_filled = bool(inside or self._gaps[last + 1].comments)
        self._renderer.render([*parts, "}"] if is_block and not is_filled else parts, indent)
        if is_block and is_filled:
            self._block(inside, documents.number(node.children[-1]), indent + INDENT)
            self._page.new_line(indent)
            self._page.write("}")

    def _gap(self, number: int, indent: int, *, is_first: bool, is_last: bool = False) -> None:
        """Comments and a blank line between statements; none at either end of a block."""
        gap = self._gaps[number]
        for comment in gap.comments:
            if comment.blank and not is_first:
                self._page.blank_line()
            self._page.comment(comment, indent)
            is_first &= comment.place is not Place.ALONE
        if gap.blank and not is_first and not is_last:
            self._page.blank_line()
