"""Which tracr objects a program becomes."""

from __future__ import annotations

import pytest
from tracr.rasp import rasp

from rinject.lang import load_program
from rinject.lang.elementwise import (
    Always,
    Binary,
    Compare,
    Conditional,
    Constant,
    Elementwise,
    KeepIf,
    KeptOr,
    Member,
    Slot,
    Unary,
)
from rinject.lang.interpreter import dependencies

X, Y = Slot(0), Slot(1)


def lower(source: str) -> rasp.SOp:
    return load_program(text=source).output


def test_a_constant_becomes_part_of_the_function() -> None:
    out = lower("out = indices == 0;")
    assert isinstance(out, rasp.Map)
    assert out.f == Elementwise(Binary("==", X, Constant(0)))
    assert out.inner is rasp.indices


def test_one_sop_twice_is_a_map() -> None:
    out = lower("out = indices * indices;")
    assert isinstance(out, rasp.Map)
    assert out.f == Elementwise(Binary("*", X, X))


def test_each_operator_is_a_node() -> None:
    out = lower("out = (indices + 1) * 2;")
    assert isinstance(out.inner, rasp.Map)
    assert out.inner.inner is rasp.indices


def test_two_sops() -> None:
    out = lower("out = tokens - indices;")
    assert isinstance(out, rasp.SequenceMap)
    assert out.f == Elementwise(Binary("-", X, Y))
    assert (out.fst, out.snd) == (rasp.tokens, rasp.indices)


def test_conditional_on_two_sops_is_one_node() -> None:
    out = lower("out = indices if tokens else 0;")
    assert isinstance(out, rasp.SequenceMap)
    assert out.f == Elementwise(Conditional(X, Y, Constant(0)))
    assert (out.fst, out.snd) == (rasp.tokens, rasp.indices)


def test_conditional_on_three_sops_goes_through_a_box() -> None:
    out = lower("out = indices if tokens else selector_width(full_s);")
    assert out.f == Elementwise(KeptOr(X, Y))
    assert out.fst.f == Elementwise(KeepIf(X, Y))
    assert isinstance(out.snd, rasp.SelectorWidth)


def test_select_with_a_constant() -> None:
    select = lower('out = selector_width(select(tokens, "(", ==));').selector
    assert isinstance(select.queries, rasp.Full)
    assert select.queries.fill == "("
    assert select.predicate == Compare("==")


def test_full_selector() -> None:
    assert lower("out = selector_width(full_s);").selector.predicate == Always()


def test_selectors_combine() -> None:
    source = "s = select(tokens, tokens, ==); out = selector_width(not s or (s and full_s));"
    selector = lower(source).selector
    assert isinstance(selector, rasp.SelectorOr)
    assert isinstance(selector.fst, rasp.SelectorNot)
    assert isinstance(selector.snd, rasp.SelectorAnd)


def test_equal_expressions_are_one_object() -> None:
    source = """
    def count(s) { return selector_width(select(tokens, s, ==)); }
    out = count("a") * 2 + count("a") * 3;
    """
    widths = [e for e in dependencies([lower(source)]) if isinstance(e, rasp.SelectorWidth)]
    assert len(widths) == 1


def test_constants_of_different_types_are_different() -> None:
    source = "a = indices * 1; b = indices * 1.0; c = indices * True;"
    program = load_program(text=source)
    values = [program.evaluate("ab", name)[1] for name in "abc"]
    assert [type(value) for value in values] == [int, float, int]
    assert Constant(1) != Constant(1.0) != Constant(True)


def test_neutral_constants_leave_no_node() -> None:
    out = lower("out = True and (False or indices > 1);")
    assert isinstance(out, rasp.Map)
    assert out.inner is rasp.indices


@pytest.mark.parametrize(
    ("body", "arguments", "expected"),
    [
        (Binary("+", X, Y), (1, 2), 3),
        (Binary("-", Constant(3), X), (1,), 2),
        (Binary("-", Unary("-", X), Y), (1, 2), -3),
        (Unary("not", X), (0,), True),
        (Unary("round", Unary("-", X)), (1.6,), -2),
        (Conditional(Binary("<", X, Y), X, Constant("no")), (1, 2), 1),
        (Conditional(Binary("<", X, Y), X, Constant("no")), (2, 1), "no"),
        (Member(X, (Constant("a"), Constant("b"))), ("b",), True),
        (KeptOr(KeepIf(X, Constant(5)), Y), (False, 7), 7),
        (KeptOr(KeepIf(X, Constant(5)), Y), (True, 7), 5),
    ],
    ids=str,
)
def test_trees_compute(body: object, arguments: tuple[object, ...], expected: object) -> None:
    function = Elementwise(body)  # type: ignore[arg-type]
    assert function(*arguments) == expected
    assert hash(function) == hash(Elementwise(body))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operator", "values", "error"),
    [
        ("/", (1, 0), ZeroDivisionError),
        ("+", ("a", 1), TypeError),
        ("*", ("a", 20_000), OverflowError),
        ("+", ("a" * 9_000, "b" * 9_000), OverflowError),
        ("*", (2**3000, 2**3000), OverflowError),
        ("%", ("%s", 2), TypeError),
        ("^", (10, 10_000), OverflowError),
        ("^", (-1, 0.5), ValueError),
        ("<", ("a", 1), TypeError),
    ],
)
def test_what_cannot_be_computed(
    operator: str, values: tuple[object, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        Elementwise(Binary(operator, X, Y))(*values)


def test_trees_read_like_their_source() -> None:
    tree = Conditional(Binary("==", X, Constant("a")), Unary("-", Y), Unary("not", X))
    assert str(Elementwise(tree)) == "((-y) if (x == 'a') else (not x))"
    assert str(Compare("<")) == "key < query"


def test_a_predicate_never_holds_where_there_is_no_value() -> None:
    differs = Compare("!=")
    assert differs(1, 2)
    assert not differs(None, 2)
    assert not differs(1, None)
