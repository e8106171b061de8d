"""Statements one after the other: what each makes, and what a mistake leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.lang import SourceError
from rinject.lang.files import LIBRARY
from rinject.lang.session import Applied, DrawRequest, Loaded, Session, Shown, is_unfinished
from rinject.lang.syntax import Directive
from rinject.lang.values import ListOf, Plain, SOpRef


@pytest.mark.parametrize(
    "text", ["x = 1", "x = [1,", "def f() {", "def f() { return 1; } x =", "x", "aggregate(", "1 +"]
)
def test_unfinished(text: str) -> None:
    assert is_unfinished(text)


@pytest.mark.parametrize(
    "text", ["", "# x", "x = 1;", "x = 1 +* 2", 'x = "a', "x = )", "examples off", "x = 1\ny = 2;"]
)
def test_not_unfinished(text: str) -> None:
    assert not is_unfinished(text)


def test_what_statements_make(tmp_path: Path) -> None:
    (tmp_path / "other.rasp").write_text("z = 3; _z = 4;")
    session = Session(tmp_path)
    kinds = [
        type(one)
        for one in session.run(
            'x, y = 1, indices; y + 1; y("ab"); load "other"; draw(y, "ab"); set example "ab"\n'
            "for i in [1] { w = i; }"
        )
    ]
    assert kinds == [Shown, Shown, Shown, Applied, Loaded, DrawRequest, Directive]
    assert session.own_names() == ("x", "y", "out", "z", "i", "w")


def test_applied_keeps_its_input() -> None:
    (made,) = Session().run('select(tokens, "a", ==)(["a", "b"]);')
    assert isinstance(made, Applied)
    assert made.tokens == ["a", "b"]
    assert isinstance(made.values, ListOf)


@pytest.mark.parametrize("text", ["x = 2; y = oops;", "x = 2; for i in range(200000) { z = i; }"])
def test_a_mistake_changes_nothing(text: str) -> None:
    session = Session()
    session.run("x = 1;")
    with pytest.raises(SourceError):
        session.run(text)
    assert session.find("x") == Plain(1)
    assert session.own_names() == ("x",)
    assert session.run("y = x + 1;") == [Shown("y", Plain(2))]


def test_an_interruption_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session()
    session.run("def f(a) { return a; }")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rinject.lang.checker.ProgramChecker._inline", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.run("x = 1; y = f(x);")
    assert session.own_names() == ("f",)
    assert session.run("x = f(2);") == [Shown("x", Plain(2))]


def test_evaluating_gives_no_names() -> None:
    session = Session()
    assert isinstance(session.evaluate("indices + 1"), SOpRef)
    assert session.value(' "ab" + "c" ; ') == "abc"
    assert session.tokens("[1, 2]") == [1, 2]
    assert session.own_names() == ()
    for text in ("indices", "x = 1", "1; 2"):
        with pytest.raises(InputError):
            session.value(text)


def test_functions_keep_their_text() -> None:
    session = Session()
    session.run("def f(a) {\n    return a + oops;\n}")
    session.run("x = 1;")
    with pytest.raises(SourceError) as caught:
        session.run("f(x);")
    assert " 2 |     return a + oops;" in str(caught.value)


def test_mistakes_in_the_library_have_an_excerpt() -> None:
    session = Session()
    assert str(LIBRARY) in session.sources
    with pytest.raises(SourceError, match="sort"):
        session.run("sort(1, full_s);")


def test_names_given_may_be_given_again() -> None:
    session = Session()
    session.run('x = named(indices + 1, "n");')
    session.run('x = named(indices + 2, "n");')
    with pytest.raises(SourceError, match="another s-op is already named `n`"):
        session.run('y = named(indices + 3, "n"); z = named(indices + 4, "n");')


def named(session: Session, name: str) -> rasp.SOp:
    value = session.find(name)
    assert isinstance(value, SOpRef)
    return value.expr


def test_labels_follow_the_names() -> None:
    session = Session()
    session.run('x = indices + 1; given = named(x + 1, "kept"); alias = tokens;')
    session.label()
    old = named(session, "x")
    assert old.name == "x"
    assert named(session, "given").name == "kept"
    assert rasp.tokens.name == "tokens"
    session.run("x = indices + 5;")
    session.label()
    assert named(session, "x").name == "x"
    assert old.name == rasp.default_name(old)


def test_attention_of_calls() -> None:
    session = Session()
    session.run("n = selector_width(full_s);")
    assert session.value('n("ab")') == [2, 2]
    session.causal = True
    assert session.value('n("ab")') == [1, 2]


def test_a_file_anywhere_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.rasp").write_text('load "b"; x = y + 1;')
    (tmp_path / "inner" / "b.rasp").write_text("y = 1;")
    session = Session()
    loaded = session.load(tmp_path / "inner" / "a.rasp")
    assert [shown.name for shown in loaded.shown] == ["y", "x"]
    assert session.find("x") == Plain(2)
    with pytest.raises(SourceError, match="there is no"):
        session.run('load "b";')
