"""Elementwise functions and selector predicates as trees: callable, hashable, comparable.

A tree stands over argument slots. `x == 0` is `Elementwise(Binary("==", Slot(0), Constant(0)))`.
Two functions are equal when their trees are; 1, 1.0 and True are different constants.
The functions raise what Python raises: TypeError, ZeroDivisionError, OverflowError, ValueError.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rinject.lang.limits import MAX_BITS, MAX_LENGTH

Run = Callable[..., Any]
FAILURES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a function raises where it has no value."""


def _add(x: Any, y: Any) -> Any:
    if isinstance(x, str) and isinstance(y, str) and len(x) + len(y) > MAX_LENGTH:
        raise OverflowError(f"the string grows beyond {MAX_LENGTH:,} characters")
    return x + y


def _multiply(x: Any, y: Any) -> Any:
    if isinstance(x, int) and isinstance(y, int):
        _reject_large(x.bit_length() + y.bit_length())
    for text, times in ((x, y), (y, x)):  # as in Python, a number times a string repeats it
        if isinstance(text, str) and isinstance(times, int) and len(text) * times > MAX_LENGTH:
            raise OverflowError(f"the string grows beyond {MAX_LENGTH:,} characters")
    return x * y


def _modulo(x: Any, y: Any) -> Any:
    if isinstance(x, str):  # Python would format it
        raise TypeError("unsupported operand for %: a string")
    return x % y


def _power(x: Any, y: Any) -> Any:
    if isinstance(x, int) and isinstance(y, int):
        _reject_large(x.bit_length() * abs(y))
    result = x**y
    if isinstance(result, complex):
        raise ValueError(f"{x} ^ {y} is not a real number")
    return result


def _reject_large(bits: int) -> None:
    if bits > MAX_BITS:
        raise OverflowError(f"the number grows beyond {MAX_BITS:,} bits")


UNARY: dict[str, Run] = {
    "not": operator.not_,
    "-": operator.neg,
    "+": operator.pos,
    "round": round,
    "indicator": lambda x: 1 if x else 0,
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
}
BINARY: dict[str, Run] = {
    "+": _add,
    "-": operator.sub,
    "*": _multiply,
    "/": operator.truediv,
    "%": _modulo,
    "^": _power,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "and": lambda x, y: bool(x and y),
    "or": lambda x, y: bool(x or y),
}
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


@dataclass(frozen=True)
class Slot:
    """An argument of the function."""

    index: int

    def compiled(self) -> Run:
        return (lambda x, y=None: x) if self.index == 0 else (lambda x, y=None: y)

    def __str__(self) -> str:
        return "xy"[self.index]


@dataclass(frozen=True, eq=False)
class Constant:
    """A value that is part of the function; equal only to one of the same type."""

    value: Any

    def compiled(self) -> Run:
        value = self.value
        return lambda x, y=None: value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[type, str]:
        return type(self.value), repr(self.value)

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Unary:
    """One of UNARY on a term."""

    operator: str
    operand: Term

    @property
    def function(self) -> Run:
        return UNARY[self.operator]

    def compiled(self) -> Run:
        function, inner = UNARY[self.operator], self.operand.compiled()
        if self.operand == Slot(0):
            return lambda x, y=None: function(x)
        return lambda x, y=None: function(inner(x, y))

    def __str__(self) -> str:
        gap = "" if self.operator in "+-" else " "
        return f"({self.operator}{gap}{self.operand})"


@dataclass(frozen=True)
class Binary:
    """One of BINARY on two terms."""

    operator: str
    left: Term
    right: Term

    @property
    def function(self) -> Run:
        return BINARY[self.operator]

    def compiled(self) -> Run:
        function, left, right = BINARY[self.operator], self.left, self.right
        if left == Slot(0) and right == Slot(1):
            return function
        if left == Slot(0) and isinstance(right, Constant):
            value = right.value
            return lambda x, y=None: function(x, value)
        run_left, run_right = left.compiled(), right.compiled()
        return lambda x, y=None: function(run_left(x, y), run_right(x, y))

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"


@dataclass(frozen=True)
class Conditional:
    """`then if condition else otherwise`."""

    condition: Term
    then: Term
    otherwise: Term

    def compiled(self) -> Run:
        condition, then = self.condition.compiled(), self.then.compiled()
        otherwise = self.otherwise.compiled()
        return lambda x, y=None: then(x, y) if condition(x, y) else otherwise(x, y)

    def __str__(self) -> str:
        return f"({self.then} if {self.condition} else {self.otherwise})"


@dataclass(frozen=True)
class Member:
    """`item in options`, the options being constants."""

    item: Term
    options: tuple[Constant, ...]

    def compiled(self) -> Run:
        item = self.item.compiled()
        values = frozenset(option.value for option in self.options)
        return lambda x, y=None: item(x, y) in values

    def __str__(self) -> str:
        return f"({self.item} in [{', '.join(map(str, self.options))}])"


@dataclass(frozen=True)
class Lookup:
    """`table[index]`, the table being a list, a string or a dictionary of constants."""

    index: Term
    table: tuple[tuple[Constant, Constant], ...]

    def compiled(self) -> Run:
        index = self.index.compiled()
        values = {key.value: value.value for key, value in self.table}

        def find(x: Any, y: Any = None) -> Any:
            key = index(x, y)
            if key not in values:
                raise LookupError(f"there is no item {key!r}")
            return values[key]

        return find

    def __str__(self) -> str:
        return f"look-up[{self.index}]"


@dataclass(frozen=True)
class KeepIf:
    """`(value,)` where the condition holds and `()` where not: half of a three-way conditional.

    A box has one value more than what it holds, where a pair would have twice as many.
    """

    condition: Term
    value: Term

    def compiled(self) -> Run:
        condition, value = self.condition.compiled(), self.value.compiled()
        return lambda x, y=None: (value(x, y),) if condition(x, y) else ()

    def __str__(self) -> str:
        return f"({self.value} kept if {self.condition})"


@dataclass(frozen=True)
class KeptOr:
    """What KeepIf kept, or else another value: the second half."""

    kept: Term
    otherwise: Term

    def compiled(self) -> Run:
        kept, otherwise = self.kept.compiled(), self.otherwise.compiled()
        return lambda x, y=None: box[0] if (box := kept(x, y)) else otherwise(x, y)

    def __str__(self) -> str:
        return f"({self.kept} or else {self.otherwise})"


Term = Slot | Constant | Unary | Binary | Conditional | Member | Lookup | KeepIf | KeptOr


@dataclass(frozen=True)
class Elementwise:
    """A function of one value (for rasp.Map) or two (for rasp.SequenceMap)."""

    body: Term
    _run: Run = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_run", self.body.compiled())

    def __call__(self, *values: Any) -> Any:
        return self._run(*values)

    def __str__(self) -> str:
        return str(self.body)


@dataclass(frozen=True)
class Compare:
    """A selector predicate, `key operator query`; where either has no value, nothing matches."""

    operator: str
    _run: Run = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_run", BINARY[self.operator])

    def __call__(self, key: Any, query: Any) -> bool:
        return key is not None and query is not None and bool(self._run(key, query))

    def __str__(self) -> str:
        return f"key {self.operator} query"


@dataclass(frozen=True)
class Always:
    """The predicate of `full_s`."""

    def __call__(self, key: Any, query: Any) -> bool:
        return True

    def __str__(self) -> str:
        return "always"
