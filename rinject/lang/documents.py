"""Concrete syntax trees of statements and expressions to documents that can be laid out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lark import Token, Tree

from rinject.lang.layout import Chain, Document, Group, Line, Nest
from rinject.lang.page import INDENT
from rinject.lang.trivia import Gap, merge

Branch = Tree[Any]  # of tokens, which the type cannot say without a cast at every child
Node = Branch | Token
Parts = list[Document]

_IN_BRACKETS = ("list_display", "dict_display", "comprehension", "dict_comprehension")
_QUOTABLE = re.compile(r'(\\.|[^"\\])*')  # what may stand between double quotes


def first_token(node: Node) -> Token:
    """The token that a part of the tree begins with."""
    while isinstance(node, Tree):
        node = node.children[0]
    return node


def token_text(token: Token) -> str:
    """A token as it is written: strings in double quotes if their text stays as it is."""
    if token.type == "DIRECTIVE":
        return token.rstrip()
    if token.startswith("'") and _QUOTABLE.fullmatch(token[1:-1]):
        return f'"{token[1:-1]}"'
    return str(token)


class Documents:
    """Makes documents of the tree of a text; notes where in the text their lines may break.

    Where an operand "hangs", the lines it is broken into are indented more than its first.
    """

    def __init__(self, tokens: Sequence[Token], gaps: Sequence[Gap]) -> None:
        self._numbers = {token.start_pos: number for number, token in enumerate(tokens)}
        self._gaps = gaps
        self.breaks: set[int] = set()
        """The gaps at which a line may break."""
        self.operators: set[int] = set()
        """Those of them before a binary operator."""
        self.dropped: set[int] = set()
        """The tokens that are left out: parentheses directly inside of others."""
        self._entry_column = 0  # of the header's fields, behind their names

    def number(self, node: Node) -> int:
        """The number of the first token."""
        return self._numbers[first_token(node).start_pos]

    # --- heads of statements -----------------------------------------------------------------

    def head(self, node: Branch) -> Parts:
        """A statement, or the line that opens its block."""
        children = node.children
        match node.data:
            case "directive":
                return self._expression(children[0])
            case "assignment":
                return [_names(children[0]), " = ", *self._listing(children[2]), ";"]
            case "function":
                parameters = self._brackets(*children[2:5])
                return ["def ", *self._expression(children[1]), *parameters, " {"]
            case "loop":
                over = self._expression(children[3])
                return ["for ", _names(children[1]), " in ", *over, " {"]
            case "return_statement":
                return ["return ", *self._listing(children[1]), ";"]
            case "load":
                return ["load ", *self._expression(children[1]), ";"]
            case "field":
                return self._field(node)
            case "header":
                names = [first_token(field) for field in children[3].children]
                self._entry_column = max(map(len, names), default=0) + 1
                return ["program ", *self._expression(children[1]), " {"]
        return [*self._expression(children[0]), ";"]

    def _field(self, node: Branch) -> Parts:
        """A field of the header; its entries begin at one column and fill lines from there on."""
        name, entries, _ = node.children
        first, *others = self._items(entries.children)
        filled: Parts = [*first[1]]
        for item, parts in others:
            line = self._line(item, " ", kept=self._gaps[self.number(item)].broken)
            filled.append(Group([line, *parts]))
        column = self._entry_column
        return [first_token(name).ljust(column), Nest(filled, column), ";"]

    # --- lists -------------------------------------------------------------------------------

    def _items(self, children: Sequence[Node]) -> list[tuple[Node, Parts]]:
        """The items between commas; the documents of each end with its comma."""
        items: list[tuple[Node, Parts]] = []
        for child in children:
            if isinstance(child, Token) and child == ",":
                items[-1][1].append(",")
            else:
                items.append((child, self._expression(child, hang=len(children) > 1)))
        return items

    def _listing(self, node: Branch) -> Parts:
        """Items without brackets around them."""
        if len(node.children) == 1:
            return self._expression(node.children[0])
        (_, first), *others = self._items(node.children)
        parts = [*first]
        for item, more in others:
            parts += [self._line(item, " "), *more]
        return [Group([Nest(parts)])]

    def _brackets(self, opening: Node, content: Branch, closing: Node) -> Parts:
        """Items in brackets: one on each line if they do not fit, or if their author did that."""
        opened, closed = first_token(opening), first_token(closing)
        children = content.children
        if not children and not self._gaps[self.number(closed)].comments:
            return [opened + closed]
        items = self._items(children)
        if opened == "(" and self._hugs(children, closed):
            return [str(opened), *items[0][1], str(closed)]
        parts: Parts = []
        for place, (item, more) in enumerate(items):
            parts += [self._line(item, " " if place else ""), *more]
        kept = bool(items) and (self._gaps[self.number(items[0][0])].broken or children[-1] == ",")
        return [self._enclosed(opened, parts, closed, kept=kept)]

    def _hugs(self, arguments: Sequence[Node], closing: Token) -> bool:
        """Whether the one argument of a call brings brackets of its own, which break for both."""
        if len(arguments) != 1 or not isinstance(arguments[0], Tree):
            return False
        around = [self._gaps[self.number(node)] for node in (arguments[0], closing)]
        return arguments[0].data in _IN_BRACKETS and not (
            around[0].broken or around[0].comments or around[1].comments
        )

    def _enclosed(self, opening: Token, parts: Parts, closing: Token, **options: bool) -> Group:
        end = self._line(closing, "", back=INDENT)
        return Group([str(opening), Nest([*parts, end]), str(closing)], **options)

    def _line(self, before: Node, flat: str, **options: Any) -> Line:
        gap = self.number(before)
        self.breaks.add(gap)
        return Line(flat, gap, **options)

    # --- expressions -------------------------------------------------------------------------

    def _expression(self, node: Node, hang: bool = True) -> Parts:
        if isinstance(node, Token):
            return [token_text(node)]
        rule = _RULES.get(node.data)
        if rule is not None:
            return rule(self, node, hang)
        return [part for child in node.children for part in self._expression(child, hang)]

    def _unary(self, node: Branch, hang: bool) -> Parts:
        operator, operand = node.children
        text = "not " if operator == "not" else str(operator)
        return [text, *self._expression(operand, hang)]

    def _pair(self, node: Branch, hang: bool) -> Parts:
        return [*self._expression(node.children[0]), ": ", *self._expression(node.children[2])]

    def _entry(self, node: Branch, hang: bool) -> Parts:
        parts = self._expression(node.children[0])
        if len(node.children) == 1:
            return parts
        return [*parts, " is ", *self._expression(node.children[2])]

    def _in_parentheses(self, node: Branch, hang: bool) -> Parts:
        opening, content, closing = node.children
        inner = []
        while isinstance(content, Tree) and content.data == "atom":
            inner += [content.children[0], content.children[2]]
            content = content.children[1]
        self._drop(inner)
        parts = [self._line(content, ""), *self._expression(content, hang=False)]
        return [self._enclosed(first_token(opening), parts, first_token(closing))]

    def _drop(self, tokens: Sequence[Node]) -> None:
        for number in sorted(map(self.number, tokens)):
            merge(self._gaps[number], self._gaps[number + 1])
            self.dropped.add(number)

    def _display(self, node: Branch, hang: bool) -> Parts:
        return self._brackets(*node.children)

    def _comprehension(self, node: Branch, hang: bool) -> Parts:
        opening, element, loop, targets, _, iterable, *condition, closing = node.children
        parts = [*self._expression(element), self._line(loop, " "), "for "]
        parts += [_names(targets), " in ", *self._expression(iterable)]
        if condition:
            parts += [self._line(condition[0], " "), "if ", *self._expression(condition[1])]
        kept = self._gaps[self.number(element)].broken
        parts = [self._line(element, ""), Group(parts)]
        return [self._enclosed(first_token(opening), parts, first_token(closing), kept=kept)]

    def _postfix(self, node: Branch, hang: bool) -> Parts:
        """Calls and look-ups one after the other: `f(x)(y)[i]`."""
        trailers: list[Branch] = []
        inner: Node = node
        while isinstance(inner, Tree) and inner.data in ("call", "index"):
            trailers.append(inner)
            inner = inner.children[0]
        parts = self._expression(inner)
        for trailer in reversed(trailers):
            _, opening, content, closing = trailer.children
            if trailer.data == "call":
                parts += self._brackets(opening, content, closing)
                continue
            looked_up = [self._line(content, ""), *self._expression(content, hang=False)]
            brackets = first_token(opening), looked_up, first_token(closing)
            parts.append(self._enclosed(*brackets, is_late=True))
        return parts

    def _binary(self, node: Branch, hang: bool) -> Parts:
        """Operators of one precedence: one document for `a + b - c`."""
        first, *others = _chain(node)
        operands, lines = [self._expression(first)], []
        for operator, operand in zip(others[::2], others[1::2], strict=True):
            lines.append(self._line(operator, " "))
            operands.append([f"{first_token(operator)} ", *self._expression(operand)])
        self.operators.update(line.gap for line in lines)
        return [Chain(operands, lines, hang)]

    def _conditional(self, node: Branch, hang: bool) -> Parts:
        """`a if b else c if d else e`: each `else` begins a line, then each `if` where needed."""
        operands: list[Parts] = []
        lines: list[Line] = []
        begun: Parts = []
        otherwise: Node = node
        while isinstance(otherwise, Tree) and otherwise.data == "conditional":
            then, word, condition, other, otherwise = otherwise.children
            branch = [self._expression(then), ["if ", *self._expression(condition)]]
            operands.append([*begun, Chain(branch, [self._line(word, " ")], hangs=True)])
            lines.append(self._line(other, " "))
            begun = ["else "]
        return [Chain([*operands, [*begun, *self._expression(otherwise)]], lines, hang)]


def _names(targets: Branch) -> str:
    return ", ".join(first_token(name) for name in targets.children[::2])


def _chain(node: Branch) -> Iterator[Node]:
    """Operands and operators of one precedence, from left to right."""
    level = _level(node)
    before: list[Node] = []
    left: Node = node
    while isinstance(left, Tree) and _level(left) == level:
        before += [left.children[2], left.children[1]]
        left = left.children[0]
    yield left
    *middle, last = reversed(before)
    yield from middle
    while isinstance(last, Tree) and _level(last) == level:  # powers nest to the right
        yield from last.children[:2]
        last = last.children[2]
    yield last


def _level(node: Branch) -> str | None:
    if node.data != "binary":
        return None
    kind = first_token(node.children[1]).type
    return "COMPARE" if kind == "IN" else kind


_RULES: dict[str, Callable[[Documents, Branch, bool], Parts]] = {
    "unary": Documents._unary,
    "pair": Documents._pair,
    "entry": Documents._entry,
    "atom": Documents._in_parentheses,
    "list_display": Documents._display,
    "dict_display": Documents._display,
    "comprehension": Documents._comprehension,
    "dict_comprehension": Documents._comprehension,
    "call": Documents._postfix,
    "index": Documents._postfix,
    "binary": Documents._binary,
    "conditional": Documents._conditional,
}
