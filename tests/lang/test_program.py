"""Loading, evaluating and naming."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from tracr.rasp import rasp

from rinject.errors import InputError
from rinject.lang import AnswerRule, SymbolRule, load_program

ROOT = Path(__file__).parents[2]
HEADER = """
program small {
    vocabulary "a", "b", "end", "_";
    longest 6;
    attention causal;
    output out;
    prompt "Count {input}:";
    symbol ":" is "end";
    otherwise "_";
    answer 1 is " one", -1 is " minus one";
    answer True is " yes";
}
"""
BODY = 'out = selector_width(select(tokens, "a", ==));'


def test_header() -> None:
    header = load_program(text=HEADER + BODY).header
    assert header.name == "small"
    assert header.vocabulary == ("a", "b", "end", "_")
    assert (header.longest, header.causal, header.output) == (6, True, "out")
    assert header.prompt == "Count {input}:"
    assert header.otherwise == "_"
    assert header.symbols == (
        SymbolRule(":", "end"),
        SymbolRule("a", "a"),
        SymbolRule("b", "b"),
    )
    assert header.answers == (
        AnswerRule(1, " one"),
        AnswerRule(-1, " minus one"),
        AnswerRule(True, " yes"),
    )
    assert header.is_injectable


def test_an_answer_rule_for_many_values() -> None:
    ranges = 'answer range(2) is " n{value}", range(9, 4, -2) is "{value}";'
    text = HEADER.replace("answer 1 is", ranges + " answer 100 is")
    assert load_program(text=text + BODY).header.answers[:5] == (
        AnswerRule(0, " n0"),
        AnswerRule(1, " n1"),
        AnswerRule(9, "9"),
        AnswerRule(7, "7"),
        AnswerRule(5, "5"),
    )


def test_answers_that_are_spelled() -> None:
    text = HEADER.replace(
        "answer 1 is", 'answer 7 is "a", "stop" is ""; spell answers; answer 1 is'
    )
    text = text.replace('" one"', '"b"').replace(', -1 is " minus one"', "")
    text = text.replace('answer True is " yes";', "")
    header = load_program(text=text + BODY).header
    assert header.spelled
    assert header.ends == ("stop",)
    plain = load_program(text=HEADER + BODY).header
    assert (plain.spelled, plain.ends) == (False, ())


def test_plain_rasp_needs_no_header() -> None:
    program = load_program(text="x = indices; y = x + 1;")
    assert program.header.vocabulary == ()
    assert not program.header.causal
    assert not program.header.is_injectable
    assert program.header.output == "y"
    assert program.evaluate(["anything", "goes"]) == [1, 2]


def test_a_header_without_text_is_not_injectable() -> None:
    text = 'program p { vocabulary "a"; longest 3; output x; } x = indices;'
    assert not load_program(text=text).header.is_injectable


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "doubled.rasp"
    path.write_text("x = indices * 2; # é\n", encoding="utf-8")
    program = load_program(path)
    assert program.path == path
    assert program.name == "doubled"
    assert program.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_line_ends_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "windows.rasp"
    path.write_bytes(b"x = indices; # a comment\r\ny = x;\r\n")
    program = load_program(path)
    assert program.names == ("x", "y")
    assert program.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_missing_file(tmp_path: Path) -> None:
    (tmp_path / "count.rasp").write_text("x = indices;", encoding="utf-8")
    with pytest.raises(InputError, match="there is no program") as caught:
        load_program(tmp_path / "cuont.rasp")
    assert caught.value.hint == "did you mean `count.rasp`?"


def test_a_directory_is_no_program(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        load_program(tmp_path)


def test_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "binary.rasp"
    path.write_bytes(b"x = \xff;")
    with pytest.raises(InputError, match=r"not text in UTF-8 \(byte 4\)"):
        load_program(path)


@pytest.mark.parametrize("arguments", [{}, {"path": "a.rasp", "text": "x = tokens;"}])
def test_either_a_path_or_a_text(arguments: dict[str, str]) -> None:
    with pytest.raises(InputError, match="either"):
        load_program(**arguments)


def test_evaluate_by_name() -> None:
    program = load_program(text=HEADER + "half = indices / 2; " + BODY)
    assert program.evaluate(["a", "b", "a"]) == [1, 1, 2]
    assert program.evaluate(["a", "b", "a"], causal=False) == [2, 2, 2]
    assert program.evaluate(["a", "b"], "half") == [0.0, 0.5]
    assert program.evaluate(["a", "b"], "tokens") == ["a", "b"]
    assert program.evaluate([]) == []


def test_unknown_name() -> None:
    with pytest.raises(InputError, match="no variable `otu`") as caught:
        load_program(text=HEADER + BODY).evaluate(["a"], "otu")
    assert caught.value.hint == "did you mean `out`?"


def test_token_outside_of_the_vocabulary() -> None:
    with pytest.raises(InputError, match="no symbol 'c'") as caught:
        load_program(text=HEADER + BODY).evaluate(["a", "c"])
    assert caught.value.hint == "its vocabulary is a b end _"


def test_no_meaning_on_an_input() -> None:
    program = load_program(text='x = 1 / selector_width(select(tokens, "a", ==));')
    with pytest.raises(InputError, match=r"`x`, \(1 / x\), has no value on the input b b"):
        program.evaluate(["b", "b"])


def test_long_chains_evaluate() -> None:
    program = load_program(text="x = indices; for i in range(3000) { x = x + 1; }")
    assert program.evaluate("ab") == [3000, 3001]


# --- names -----------------------------------------------------------------------------------


def test_the_last_binding_owns_a_name() -> None:
    program = load_program(text="x = indices; y = x + 1; x = y * 2;")
    assert program.names == ("y", "x")
    assert program.evaluate("ab", "x") == [2, 4]


def test_given_names_win_over_variables() -> None:
    program = load_program(text='x = named(indices + 1, "one more"); y = x; z = x + 1;')
    assert program.names == ("one more", "z")
    assert program.evaluate("ab", "one more") == [1, 2]


def test_names_are_in_the_graph_of_the_output() -> None:
    program = load_program(text="x = indices + 1; y = x * 2;")
    assert isinstance(program.output, rasp.Map)
    assert program.output.inner is program.sops["x"]


def test_two_names_for_one_value() -> None:
    program = load_program(text="x = indices + 1; y = x; z = indices + 1;")
    assert program.names == ("x", "y", "z")
    assert program.evaluate("ab", "z") == [1, 2]


def test_two_given_names_for_one_value_are_two_nodes() -> None:
    text = 'a = named(indices + 1, "a"); b = named(indices + 1, "b"); out = a + b;'
    out = load_program(text=text).output
    assert [child.name for child in out.children] == ["a", "b"]


def test_base_sops_keep_their_own_name() -> None:
    program = load_program(text='x = tokens; y = named(indices, "place"); z = x == "a";')
    assert program.names == ("x", "place", "z")
    assert (rasp.tokens.name, rasp.indices.name) == ("tokens", "indices")
    assert program.evaluate("ab", "x") == ["a", "b"]
    assert program.evaluate("ab", "place") == [0, 1]


def test_a_name_given_to_what_a_variable_holds() -> None:
    program = load_program(text='x = indices + 1; x = named(x, "x"); y = named(x, "x");')
    assert program.names == ("x",)


def test_loop_variables_are_private() -> None:
    text = "total = 0; for i in range(3) { part = indices * i; total = total + part; }"
    program = load_program(text=text)
    assert program.names == ("total",)
    assert program.evaluate("ab") == [0, 3]


def test_functions_that_are_not_called_name_nothing() -> None:
    text = 'def f(x) { return named(indices + 1, "hidden"); } y = indices + 1;'
    assert load_program(text=text).names == ("y",)


def test_an_output_with_a_given_name() -> None:
    text = 'program p { vocabulary "a"; longest 3; output x; } x = named(indices + 1, "place");'
    program = load_program(text=text)
    assert program.header.output == "place"
    assert program.evaluate("aa") == [1, 2]


# --- imports ---------------------------------------------------------------------------------


def test_the_language_imports_nothing_heavy() -> None:
    script = (
        "import sys, rinject.lang\n"
        "heavy = {'torch', 'jax', 'haiku', 'transformers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
