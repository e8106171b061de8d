"""The syntax tree: one frozen dataclass for each rule of grammar.lark, each with its span."""

from __future__ import annotations

from dataclasses import dataclass

from lark import ast_utils

from rinject.lang.diagnostics import Span

Scalar = bool | int | float | str


@dataclass(frozen=True)
class _Node(ast_utils.Ast, ast_utils.WithMeta):
    span: Span


# --- expressions ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Name(_Node):
    """A name: a variable, a function, a field of the header."""

    text: str


@dataclass(frozen=True)
class Literal(_Node):
    """A number, a string, True or False."""

    value: Scalar


@dataclass(frozen=True)
class ListDisplay(_Node):
    """`[a, b, c]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Comprehension(_Node):
    """`[element for targets in iterable if condition]`."""

    element: Expression
    targets: tuple[Name, ...]
    iterable: Expression
    condition: Expression | None


@dataclass(frozen=True)
class Operator(_Node):
    """A comparison as a bare argument, as in `select(keys, queries, ==)`."""

    symbol: str


@dataclass(frozen=True)
class Call(_Node):
    """`function(arguments)`."""

    function: Expression
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Index(_Node):
    """`sequence[index]`."""

    sequence: Expression
    index: Expression


@dataclass(frozen=True)
class Unary(_Node):
    """`not x`, `-x`, `+x`."""

    operator: str
    operand: Expression


@dataclass(frozen=True)
class Binary(_Node):
    """Arithmetic, comparisons, `and`, `or`, `in`."""

    left: Expression
    operator: str
    right: Expression


@dataclass(frozen=True)
class Conditional(_Node):
    """`then if condition else otherwise`."""

    then: Expression
    condition: Expression
    otherwise: Expression


Expression = (
    Name | Literal | ListDisplay | Comprehension | Operator | Call | Index | Unary | Binary
    | Conditional
)  # fmt: skip


# --- statements ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Assignment(_Node):
    """`a, b = values;`."""

    targets: tuple[Name, ...]
    values: tuple[Expression, ...]


@dataclass(frozen=True)
class Function(_Node):
    """`def name(parameters) { body }`."""

    name: Name
    parameters: tuple[Name, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Loop(_Node):
    """`for targets in iterable { body }`."""

    targets: tuple[Name, ...]
    iterable: Expression
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class ReturnStatement(_Node):
    """`return a, b;`."""

    values: tuple[Expression, ...]


@dataclass(frozen=True)
class ExpressionStatement(_Node):
    """An expression by itself; at the end of a plain program it is the output."""

    value: Expression


Statement = Assignment | Function | Loop | ReturnStatement | ExpressionStatement


# --- header and module ---------------------------------------------------------------------


@dataclass(frozen=True)
class Entry(_Node):
    """`left` or `left is right` inside a field of the header."""

    left: Expression
    right: Expression | None


@dataclass(frozen=True)
class Field(_Node):
    """`name entry, entry;` inside the header."""

    name: Name
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Header(_Node):
    """`program name { fields }`."""

    name: Name
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Module(_Node):
    """A whole file."""

    header: Header | None
    body: tuple[Statement, ...]
