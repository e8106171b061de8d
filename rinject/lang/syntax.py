"""The syntax tree: one frozen dataclass for each rule of grammar.lark, each with its span."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lark import ast_utils

from rinject.lang.diagnostics import Span

Scalar = bool | int | float | str


@dataclass(frozen=True)
class Node(ast_utils.Ast, ast_utils.WithMeta):
    """A node of the tree."""

    span: Span


# --- expressions ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Name(Node):
    """A name: a variable, a function, a field of the header."""

    text: str


@dataclass(frozen=True)
class Literal(Node):
    """A number, a string, True or False."""

    value: Scalar


@dataclass(frozen=True)
class ListDisplay(Node):
    """`[a, b, c]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Comprehension(Node):
    """`[element for targets in iterable if condition]`."""

    element: Expression
    targets: tuple[Name, ...]
    iterable: Expression
    condition: Expression | None


@dataclass(frozen=True)
class Pair(Node):
    """`key: value` of a dictionary."""

    key: Expression
    value: Expression


@dataclass(frozen=True)
class DictDisplay(Node):
    """`{key: value, key: value}`."""

    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class DictComprehension(Node):
    """`{key: value for targets in iterable if condition}`."""

    pair: Pair
    targets: tuple[Name, ...]
    iterable: Expression
    condition: Expression | None


@dataclass(frozen=True)
class Operator(Node):
    """A comparison as a bare argument, as in `select(keys, queries, ==)`."""

    symbol: str


@dataclass(frozen=True)
class Call(Node):
    """`function(arguments)`."""

    function: Expression
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Index(Node):
    """`sequence[index]`."""

    sequence: Expression
    index: Expression


@dataclass(frozen=True)
class Unary(Node):
    """`not x`, `-x`, `+x`."""

    operator: str
    operand: Expression


@dataclass(frozen=True)
class Binary(Node):
    """Arithmetic, comparisons, `and`, `or`, `in`."""

    left: Expression
    operator: str
    right: Expression


@dataclass(frozen=True)
class Conditional(Node):
    """`then if condition else otherwise`."""

    then: Expression
    condition: Expression
    otherwise: Expression


Expression = (
    Name | Literal | ListDisplay | Comprehension | DictDisplay | DictComprehension | Operator | Call
    | Index | Unary | Binary | Conditional
)  # fmt: skip


# --- statements ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Assignment(Node):
    """`a, b = values;`."""

    targets: tuple[Name, ...]
    values: tuple[Expression, ...]


@dataclass(frozen=True)
class Function(Node):
    """`def name(parameters) { body }`."""

    name: Name
    parameters: tuple[Name, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Loop(Node):
    """`for targets in iterable { body }`."""

    targets: tuple[Name, ...]
    iterable: Expression
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class ReturnStatement(Node):
    """`return a, b;`."""

    values: tuple[Expression, ...]


@dataclass(frozen=True)
class ExpressionStatement(Node):
    """An expression by itself; at the end of a plain program it is the output."""

    value: Expression


@dataclass(frozen=True)
class Load(Node):
    """`load "file";`."""

    file: Literal


@dataclass(frozen=True)
class Directive(Node):
    """A command of the interactive session: `set example "hello"`, `examples off`."""

    text: str


Statement = Assignment | Function | Loop | ReturnStatement | ExpressionStatement | Load | Directive


# --- header and module ---------------------------------------------------------------------


@dataclass(frozen=True)
class Entry(Node):
    """`left` or `left is right` inside a field of the header."""

    left: Expression
    right: Expression | None


@dataclass(frozen=True)
class Field(Node):
    """`name entry, entry;` inside the header."""

    name: Name
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Header(Node):
    """`program name { fields }`."""

    name: Name
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Module(Node):
    """A whole file."""

    header: Header | None
    body: tuple[Statement, ...]


def expressions(node: Any) -> Iterator[Expression]:
    """All expressions in a node, or in a tuple of nodes, from the outside in."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            waiting += reversed(node)
        elif isinstance(node, Node):
            if isinstance(node, Expression):
                yield node
            waiting += reversed(list(vars(node).values()))
