"""Makes tracr RASP objects and knows their types; equal sub-expressions become one object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from tracr.rasp import rasp

from rinject.lang.elementwise import (
    Always,
    Compare,
    Conditional,
    Constant,
    Elementwise,
    KeepIf,
    KeptOr,
    Slot,
    Term,
    Unary,
)
from rinject.lang.types import (
    ANYTHING,
    NUMBERS,
    TRUTH,
    WHOLE,
    Types,
    result_types,
    term_types,
    types_of,
)

Operand: TypeAlias = "rasp.SOp | Constant"
MakeTerm = Callable[..., Term]


class Builder:
    """Constructors of RASP expressions that remember what they made.

    Operands of elementwise functions are s-ops or constants; a constant becomes part of the
    function, and an s-op that stands in several places takes one slot. What can have no result,
    whatever the input, raises types.Impossible.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], Any] = {}
        self._types: dict[int, Types] = {
            id(rasp.tokens): ANYTHING,
            id(rasp.indices): WHOLE,
            id(rasp.length): WHOLE,
        }

    def tokens_hold(self, types: Types) -> None:
        """Says what the tokens of every input are; before anything is made of them."""
        self._types[id(rasp.tokens)] = types

    def types(self, sop: rasp.SOp) -> Types:
        """What an s-op made here can hold."""
        return self._types[id(sop)]

    # --- s-ops -----------------------------------------------------------------------------

    def elementwise(self, make: MakeTerm, operands: Sequence[Operand]) -> rasp.SOp:
        """The s-op of `make(*terms)` over one or two distinct s-ops among `operands`."""
        inputs = distinct_sops(operands)
        term = make(*(_term(operand, inputs) for operand in operands))
        types = term_types(term, [self.types(sop) for sop in inputs])
        function = Elementwise(term)
        if len(inputs) == 1:
            return self._sop(
                ("map", function, id(inputs[0])),
                types,
                lambda: rasp.Map(function, inputs[0], simplify=False),
            )
        fst, snd = inputs
        return self._sop(
            ("sequence_map", function, id(fst), id(snd)),
            types,
            lambda: rasp.SequenceMap(function, fst, snd),
        )

    def conditional(self, condition: Operand, then: Operand, otherwise: Operand) -> rasp.SOp:
        """`then if condition else otherwise`; three different s-ops take two steps."""
        operands = [condition, then, otherwise]
        if len(distinct_sops(operands)) <= 2:
            return self.elementwise(Conditional, operands)
        kept = self.elementwise(KeepIf, [condition, then])
        return self.elementwise(KeptOr, [kept, otherwise])

    def truth(self, inner: rasp.SOp) -> rasp.SOp:
        """Whether each value counts as true."""
        if self.types(inner) == TRUTH:
            return inner
        return self.elementwise(lambda term: Unary("bool", term), [inner])

    def converted(self, inner: rasp.SOp, kind: type) -> rasp.SOp:
        """The values as strings, whole numbers, numbers or truth values."""
        if self.types(inner) == {kind}:
            return inner
        return self.elementwise(lambda term: Unary(kind.__name__, term), [inner])

    def identity(self, inner: rasp.SOp) -> rasp.SOp:
        """A copy of an s-op as a node of its own, so that it can bear a name."""
        return self.elementwise(lambda term: term, [inner])

    def renamed(self, inner: rasp.SOp, name: str) -> rasp.SOp:
        """The same computation under another name."""
        key = ("renamed", id(inner), name)
        return self._sop(key, self.types(inner), lambda: inner.named(name))

    def full(self, value: Any) -> rasp.SOp:
        """The s-op that is `value` everywhere."""
        key = ("full", Constant(value))
        return self._sop(key, types_of([value]), lambda: rasp.Full(value))

    def selector_width(self, selector: rasp.Selector) -> rasp.SOp:
        """How many positions each position selects."""
        return self._sop(("width", id(selector)), WHOLE, lambda: rasp.SelectorWidth(selector))

    def aggregate(self, selector: rasp.Selector, values: rasp.SOp, default: Any) -> rasp.SOp:
        """The mean of the selected values, or the only one; `default` where none is selected."""
        key = ("aggregate", id(selector), id(values), Constant(default))
        types = self.types(values) | types_of([default])
        if types & NUMBERS:
            types |= {float}
        return self._sop(key, types, lambda: rasp.Aggregate(selector, values, default))

    # --- selectors -------------------------------------------------------------------------

    def select(self, keys: rasp.SOp, queries: rasp.SOp, operator: str) -> rasp.Selector:
        """Position q selects position k where `keys[k] operator queries[q]`."""
        result_types(Compare(operator), [self.types(keys), self.types(queries)])
        key = ("select", id(keys), id(queries), operator)
        return self._once(key, lambda: rasp.Select(keys, queries, Compare(operator)))

    def everything(self) -> rasp.Selector:
        """The selector `full_s`."""
        return self._once(("everything",), lambda: rasp.Select(rasp.tokens, rasp.tokens, Always()))

    def selector_and(self, fst: rasp.Selector, snd: rasp.Selector) -> rasp.Selector:
        return self._once(("and", id(fst), id(snd)), lambda: rasp.SelectorAnd(fst, snd))

    def selector_or(self, fst: rasp.Selector, snd: rasp.Selector) -> rasp.Selector:
        return self._once(("or", id(fst), id(snd)), lambda: rasp.SelectorOr(fst, snd))

    def selector_not(self, inner: rasp.Selector) -> rasp.Selector:
        return self._once(("not", id(inner)), lambda: rasp.SelectorNot(inner))

    def _sop(self, key: tuple[Any, ...], types: Types, make: Callable[[], rasp.SOp]) -> rasp.SOp:
        sop = self._once(key, make)
        self._types.setdefault(id(sop), types)
        return sop

    def _once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        # Ids stay valid: what is made keeps its inputs alive.
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


def distinct_sops(operands: Sequence[Operand]) -> list[rasp.SOp]:
    """The s-ops among the operands, each once, in order."""
    return list({id(o): o for o in operands if not isinstance(o, Constant)}.values())


def _term(operand: Operand, inputs: list[rasp.SOp]) -> Term:
    if isinstance(operand, Constant):
        return operand
    # By identity: `==` on s-ops makes another s-op.
    return Slot(next(i for i, sop in enumerate(inputs) if sop is operand))
