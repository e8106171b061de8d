"""The reference meaning of s-ops: tracr's own evaluators, each shared node evaluated once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tracr.rasp import causal_eval, rasp

from rinject.errors import InputError
from rinject.lang.elementwise import FAILURES


class _Memory(rasp.DefaultRASPEvaluator):  # type: ignore[misc]
    """Remembers the value of each node for one input."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, Any] = {}

    def evaluate(self, expr: rasp.RASPExpr, xs: Sequence[Any]) -> Any:
        if id(expr) not in self._known:
            self._known[id(expr)] = super().evaluate(expr, xs)
        return self._known[id(expr)]


class FullInterpreter(_Memory):
    """Every position sees every position."""


class CausalInterpreter(_Memory, causal_eval.CausalEvaluator):  # type: ignore[misc]
    """A position sees itself and what came before."""


def interpret(expr: rasp.RASPExpr, tokens: Sequence[Any], *, causal: bool) -> list[Any]:
    """The value of `expr` at each of T tokens (a selector: T rows of T booleans).

    Raises InputError where the program has no meaning on this input, such as a division by zero.
    """
    return interpret_many([expr], tokens, causal=causal)[0]


def interpret_many(
    exprs: Sequence[rasp.RASPExpr], tokens: Sequence[Any], *, causal: bool
) -> list[list[Any]]:
    """The values of several expressions on one input; shared parts are evaluated once."""
    if not tokens:
        return [[] for _ in exprs]
    try:
        return values_of(exprs, tokens, causal=causal)
    except NoValue as failure:
        raise failure.as_input_error(tokens) from None


class NoValue(Exception):
    """An expression has no meaning on an input."""

    def __init__(self, expr: rasp.RASPExpr, reason: Exception, done: int) -> None:
        super().__init__(str(reason))
        self.expr, self.reason = expr, reason
        self.done = done
        """How many nodes had been evaluated before."""

    def as_input_error(self, tokens: Sequence[Any]) -> InputError:
        """The error for users."""
        function = getattr(self.expr, "f", None) or getattr(self.expr, "predicate", None)
        formula = f", {function}," if hasattr(function, "body") else ""
        shown = " ".join(map(str, tokens))
        return InputError(
            f"`{self.expr.name}`{formula} has no value on the input {shown}: {self.reason}",
            hint="every position is computed, also those a later condition discards",
        )


def values_of(
    exprs: Sequence[rasp.RASPExpr], tokens: Sequence[Any], *, causal: bool
) -> list[list[Any]]:
    """As `interpret_many`, on at least one token. Raises NoValue."""
    evaluator = CausalInterpreter() if causal else FullInterpreter()
    for done, expr in enumerate(dependencies(exprs)):
        try:
            evaluator.evaluate(expr, tokens)
        except FAILURES as error:
            raise NoValue(expr, _in_words(expr, error), done) from None
    return [list(evaluator.evaluate(expr, tokens)) for expr in exprs]


def _in_words(expr: rasp.RASPExpr, error: Exception) -> Exception:
    if isinstance(expr, rasp.Aggregate) and isinstance(error, ValueError):
        return ValueError("several values are selected that are not numbers")
    return error


def dependencies(exprs: Sequence[rasp.RASPExpr]) -> Iterator[rasp.RASPExpr]:
    """Every node below `exprs` once, children first; long chains need no recursion."""
    done: set[int] = set()
    stack = [(expr, False) for expr in reversed(exprs)]
    while stack:
        expr, children_done = stack.pop()
        if id(expr) in done:
            continue
        if children_done:
            done.add(id(expr))
            yield expr
        else:
            stack.append((expr, True))
            stack.extend((child, False) for child in reversed(expr.children))
