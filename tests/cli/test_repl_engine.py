"""The interactive session: what lines show, what they change, and what is refused."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

import pytest
from command_line import PROGRAM
from hypothesis import given
from hypothesis import strategies as st
from session_samples import said

from rinject.cli.repl.commands import COMMANDS, is_command
from rinject.cli.repl.completion import candidates
from rinject.cli.repl.engine import Engine
from rinject.cli.repl.highlighting import THEME, RaspLexer, highlighted
from rinject.errors import InputError
from rinject.lang import SourceError


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A fresh session in a folder with two files."""
    (tmp_path / "dyck.rasp").write_text(PROGRAM)
    (tmp_path / "parts.rasp").write_text('set example "x"\ntwice = 2 * indices;\n_own = 1;\n')
    return Engine(tmp_path)


# --- statements -----------------------------------------------------------------------------------


def test_a_new_sop_is_shown_on_the_example(engine: Engine) -> None:
    assert said(engine, "twice = 2 * indices;").splitlines() == [
        "     s-op: twice",
        '         Example: twice("hello") = [0, 2, 4, 6, 8] (ints)',
    ]


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("x = 3;", "value: x = 3"),
        ('x = "a\\n";', 'value: x = "a\\n"'),
        ("x = [1, [True]];", "list: x = [1, [True]]"),
        ('x = {"a": indices};', 'dict: x = {"a": indices}'),
        ("x = [selector_width(full_s)];", "list: x = [(s-op)]"),
        ("def x(a, b) { return a; }", "function: x(a, b)"),
        ("sort;", "function: sort(seq, key)"),
        ("1 + 1;", "value: out = 2"),
        ("x = range(200);", "98, 99, … 100 more]"),
        ('x = indices("abc");', "list: x = [0, 1, 2]"),
        ('x = "abc"; y = x;', 'value: y = "abc"'),
        ("for i in [1] { x = i; }", ""),
        ("# nothing", ""),
    ],
)
def test_what_is_known_in_advance(engine: Engine, statement: str, shown: str) -> None:
    last = said(engine, statement).split("\n")[-1].strip()
    assert last == shown or (shown.startswith("98") and last.endswith(shown))


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("1 / (indices + 1)", "[1.0, 0.5, 0.333, 0.25, 0.2] (floats)"),
        ("indices / 10000", "[0.0, 0.0001, 0.0002, 0.0003, 0.0004] (floats)"),
        ('tokens == "l"', "[F, F, T, T, F] (bools)"),
        ('"," if tokens == "e" else tokens', '[h, ",", l, l, o] (strings)'),
        ('tokens if tokens == "e" else 3', '[3, "e", 3, 3, 3] (ints and strings)'),
        ("aggregate(select(indices, 9, ==), tokens)", "[-]*5 (no values)"),
        ("length", "[5]*5 (ints)"),
    ],
)
def test_sequences(engine: Engine, expression: str, values: str) -> None:
    assert said(engine, f"x = {expression};").endswith(f'x("hello") = {values}')


def test_deep_and_wide_lists_are_cut(engine: Engine) -> None:
    shown = said(engine, "x = [];", "for i in range(900) { x = [x, x]; }", "x;")
    assert len(shown) < 1000
    assert "…" in shown
    said(engine, f"y = {'[' * 5000}")
    with pytest.raises(SourceError, match="never closed"):
        list(engine.finish())


def test_expressions_are_called_out(engine: Engine) -> None:
    assert "s-op: out" in said(engine, "indices + 1;")
    assert 'out("hello") = [2, 3, 4, 5, 6]' in said(engine, "out + 1;")


def test_a_selector_on_an_input_of_its_own(engine: Engine) -> None:
    shown = said(engine, "select(indices, indices, <=)([1, 20]);")
    assert [one.strip() for one in shown.splitlines()] == ["1 20", "1 | 1", "20 | 1  1"]


def test_a_wide_selector_fits(engine: Engine) -> None:
    lines = said(engine, f"set example {['word'] * 30}".replace("'", '"'), "full_s;").splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.count(" 1") for line in lines) == 30 * 30


def test_statements_go_on_over_lines(engine: Engine) -> None:
    assert said(engine, "x = [1,") == ""
    assert engine.is_waiting
    assert said(engine, "", "2]", ";") == "     list: x = [1, 2]"
    assert not engine.is_waiting


def test_several_statements_on_one_line(engine: Engine) -> None:
    shown = said(engine, 'x = 1; y = x + 1; set example "ab"')
    assert shown == "     value: x = 1\n     value: y = 2"
    assert engine.examples["s-op"].tokens == ["a", "b"]


def test_unfinished_text_ends_with_its_mistake(engine: Engine) -> None:
    said(engine, "x = 1 +")
    with pytest.raises(SourceError, match=r"1:8: error: expected an expression"):
        list(engine.finish())
    assert not engine.is_waiting
    assert list(engine.finish()) == []


@pytest.mark.parametrize(
    "line", ["x = tokns;", "x = 5; y = tokns;", "x = 5 y;", "x = 1 +* 2;", 'x = "abc', "def x() {}"]
)
def test_a_mistake_changes_nothing(engine: Engine, line: str) -> None:
    said(engine, "x = indices;")
    with pytest.raises(SourceError):
        said(engine, line)
    assert not engine.is_waiting
    assert "s-op: x" in said(engine, "x;")
    assert engine.session.own_names() == ("x",)


def test_a_mistake_in_a_function_is_shown_there(engine: Engine) -> None:
    said(engine, 'def f(a) { return a + "x"; }', "def g(a) { return a; }")
    with pytest.raises(SourceError) as caught:
        said(engine, "f(indices);")
    assert 'def f(a) { return a + "x"; }' in str(caught.value)
    assert "in this call of `f`" in str(caught.value)


def test_no_value_on_the_example_keeps_the_definition(engine: Engine) -> None:
    shown = said(engine, "x = tokens_int + 1;")
    assert len(shown.splitlines()) == 2
    assert 'no value on "hello"' in shown
    assert "set example [1, 2, 3]" in shown
    assert said(engine, "x([4]);").strip() == "= [5] (ints)"


# --- the running example --------------------------------------------------------------------------


def test_examples_of_each_kind(engine: Engine) -> None:
    assert said(engine, "show example") == '     example: "hello"'
    said(engine, 'set selector example "ab"', "set s-op example [1, 2.5, True]")
    shown = said(engine, "show example")
    assert shown == '     s-op example: [1, 2.5, True]\n     selector example: "ab"'
    assert "tokens([1, 2.5, True])" in said(engine, "tokens;")
    assert "a b" in said(engine, "full_s;")
    assert said(engine, "show selector example") == '     selector example: "ab"'


def test_examples_off(engine: Engine) -> None:
    assert said(engine, "s-op examples off", "indices;") == "     s-op: indices"
    assert "h e l l o" in said(engine, "full_s;")
    assert said(engine, "examples off", "full_s;") == "     selector: full_s"
    assert "Example" in said(engine, "examples on", "indices;")


def test_full_sequences(engine: Engine) -> None:
    assert "[5, 5, 5, 5, 5]" in said(engine, "full seq display on", "length;")
    assert "[5]*5" in said(engine, "full seq display off;", "length;")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("set example hey", "unknown name `hey`"),
        ("set example []", "an input is a string or a list"),
        ("set example indices", "an input is a string or a list"),
        ("set example", "not a command"),
        ('set exmple "hey"', "not a command"),
        ("examples sideways", "not a command"),
        ("show me", "not a command"),
        (":", "no command `:`"),
        (":lod x", "no command `:lod`"),
        (":load", "takes a file"),
        (":load nowhere", "there is no program nowhere.rasp"),
        (":type", "takes an expression"),
        (":type x = 1", "="),
        (":type 1; 2", "not an expression"),
        (":compile", "takes an s-op"),
        (":compile 3", "takes an s-op"),
        (":compile full_s", "only an s-op has a transformer"),
        (":compile indices, 3 + 4", "expected"),
        (":draw indices to there.txt", "does not end like a picture"),
        (":attention sideways", "no attention `sideways`"),
        (":help nothing_of_that_name", "nothing is called"),
        ("draw(3);", "`draw` takes an s-op"),
        ("program x { longest 3; }", "belongs in a file"),
    ],
)
def test_what_is_refused(engine: Engine, line: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        said(engine, line)
    assert problem in str(caught.value)
    assert said(engine, ":names").strip().startswith("no names yet")


def test_names_that_look_like_commands(engine: Engine) -> None:
    assert "list: examples" in said(engine, "examples = [1];")
    assert "value: out = True" in said(engine, "1 in examples;")
    said(engine, "examples = 0;")
    assert said(engine, "examples or 2;") == "     value: out = 2"
    assert not any(map(is_command, ["examples in [1];", "set = 3;", "show;", "x = 1;", ""]))


@pytest.mark.parametrize("line", ["exit", "quit", "exit()", " quit ; ", ":quit"])
def test_leaving(engine: Engine, line: str) -> None:
    assert said(engine, line) == ""
    assert engine.is_done


# --- files ----------------------------------------------------------------------------------------


def test_a_file_is_loaded(engine: Engine) -> None:
    shown = said(engine, 'load "parts";')
    assert shown == "     loaded: parts\n         s-ops: twice"
    assert engine.examples["s-op"].tokens == list("hello")
    assert engine.session.own_names() == ("twice",)


def test_a_program_is_loaded_with_its_header(engine: Engine, tmp_path: Path) -> None:
    with chdir(tmp_path):
        shown = said(engine, ":load dyck")
    assert "s-ops: opened, missing, result" in shown
    assert "attention is causal, as shuffle_dyck says" in shown
    assert 'inputs: at most 40 of "(", ")"' in shown
    assert 'the example "hello" has other symbols: set example "(){"' in shown
    assert said(engine, 'opened("(((");').strip() == "= [1, 2, 3] (ints)"
    assert said(engine, ":attention full", 'opened("(((");').endswith("= [3]*3 (ints)")


def test_a_changed_file_is_loaded_again(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "named.rasp"
    for factor in (2, 3):
        file.write_text(f'x = named({factor} * indices, "times");')
        said(engine, f":load {file}")
        assert said(engine, 'x("ab");').strip() == f"= [0, {factor}] (ints)"


def test_a_file_with_a_mistake_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "wrong.rasp").write_text("good = 1;\nbad = tokns;\n")
    with pytest.raises(SourceError, match=r"wrong\.rasp:2:7: error: unknown name `tokns`"):
        said(engine, f":load {tmp_path / 'wrong.rasp'}")
    assert engine.session.own_names() == ()


# --- types, compiler, help ------------------------------------------------------------------------


def test_types(engine: Engine) -> None:
    assert "an s-op of whole numbers" in said(engine, ":type indices + 1;")
    assert "values on inputs of at most 5 of h, e, l, o: 1, 2, 3, 4, 5" in said(
        engine, ":type indices + 1"
    )
    assert said(engine, ":type full_s").strip() == "a selector"
    said(engine, "def f(a) {", "    return a;  # it", "}", "x = 1;")
    assert said(engine, ":type f").splitlines()[1:] == [
        "         def f(a) {",
        "             return a;  # it",
        "         }",
    ]
    assert "def sort(seq, key) {" in said(engine, ":type sort")
    assert engine.session.own_names() == ("f", "x")


def test_a_type_without_known_values(engine: Engine) -> None:
    shown = said(engine, 'set example "abcdefghij"', ":type 1 / (indices - 3)")
    assert "an s-op of numbers" in shown
    assert "values on inputs" in shown


def test_compile_names_its_variables(engine: Engine) -> None:
    said(engine, 'at = tokens == "a";', "share = aggregate(full_s, indicator(at));", "at2 = at;")
    shown = said(engine, ':compile share, "ab"')
    assert "compiled: share, for inputs of at most 2 of a, b" in shown
    assert "share" in shown.split("variables: ")[1].splitlines()[0]
    assert "exact on all" in shown
    assert "for inputs of at most 5 of h, e, l, o" in said(engine, ':compile tokens == "h"')


def test_what_has_no_value_is_not_called_exact(engine: Engine) -> None:
    assert "without a value on any input tried" in said(engine, ":compile tokens_int")


def test_a_program_is_compiled_for_its_own_inputs(engine: Engine, tmp_path: Path) -> None:
    shown = said(engine, f":load {tmp_path / 'dyck.rasp'}", ":compile opened")
    assert 'for inputs of at most 40 of "("' in shown


def test_draw(engine: Engine, tmp_path: Path) -> None:
    shown = said(engine, "x = selector_width(full_s);", 'draw(x, "ab");')
    assert "= [2]*2 (ints)" in shown
    assert "layer 1" in shown
    assert "layer 1" in said(engine, ":draw x")
    picture = tmp_path / "x.svg"
    assert "saved in" in said(engine, f':draw x, "ab" to {picture}')
    assert picture.read_text().count("<svg") == 1


def test_help(engine: Engine) -> None:
    shown = said(engine, ":help")
    assert all(f":{name}" in shown for name in COMMANDS)
    assert max(map(len, shown.splitlines())) <= 80
    assert "keys[k]" in said(engine, ":help select")
    assert ":load FILE" in said(engine, ":help :load")
    said(engine, "x = 3;")
    assert said(engine, ":help x").strip() == "value: x = 3"


def test_names_and_reset(engine: Engine) -> None:
    said(engine, "x = 3;", "y = indices;", "1;", 'set example "ab"')
    assert said(engine, ":names") == "     value: x = 3\n     s-op: y"
    said(engine, ":reset")
    assert engine.session.own_names() == ()
    assert engine.examples["s-op"].tokens == ["a", "b"]


# --- completion and colours -----------------------------------------------------------------------


def completed(engine: Engine, before: str) -> list[str]:
    return [before[: len(before) - one.replaces] + one.text for one in candidates(engine, before)]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("x = thr", "x = three"),
        ("x = [\n  thr", "x = [\n  three"),
        ("selector_w", "selector_width"),
        (":l", ":load"),
        (":type thr", ":type three"),
        ("set ex", 'set example "hey"'),
        ("re", "return"),
        (":load dy", ":load dyck"),
        ('load "dy', 'load "dyck'),
        (":load inner/d", ":load inner/deep"),
        (":load in", ":load inner/"),
    ],
)
def test_completion(engine: Engine, tmp_path: Path, before: str, expected: str) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "deep.rasp").touch()
    said(engine, "three = 3;")
    with chdir(tmp_path):
        assert expected in completed(engine, before)


@pytest.mark.parametrize("before", ['x = "thr', "x = 1; # thr", "x = ", ":load nowhere/x", ""])
def test_no_completion(engine: Engine, before: str) -> None:
    said(engine, "three = 3;")
    assert completed(engine, before) == []


def test_colours_show_on_dark_and_light() -> None:
    allowed = {"bold", "italic", "magenta", "cyan", "green"}
    assert all(set(style.split()) <= allowed for style in THEME.values())


def test_every_program_is_coloured(engine: Engine) -> None:
    tokens = list(RaspLexer().get_tokens(PROGRAM + "x = select(tokens, 'a', <) # b\n"))
    kinds = {value: str(kind) for kind, value in tokens}
    assert not [value for value, kind in kinds.items() if "Error" in kind]
    assert kinds["vocabulary"] == kinds["program"] == "Token.Keyword"
    assert kinds["selector_width"] == "Token.Name.Builtin"
    assert kinds["# b"] == "Token.Comment"


@given(
    st.text(
        st.sampled_from('\n"#:;{}()[]=<defprogram in \u00e9')
        | st.characters(exclude_categories=("Cc", "Cs"))
    )
)
def test_colours_keep_the_text(code: str) -> None:
    assert highlighted(code).plain == code


@given(
    st.lists(st.sampled_from(["x = [1,", "2];", ":help", "", "examples off", "};", "def f() {"]))
)
def test_what_needs_more_is_what_waits(lines: list[str]) -> None:
    engine = Engine()
    for line in lines:
        try:
            said(engine, line)
        except InputError:
            continue
    assert engine.needs_more("\n".join(lines)) == engine.is_waiting
