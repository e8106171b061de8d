"""`rinject run`: a program's variables on inputs."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Ran, run

from rinject.lang import load_program

PARTS = """
prevs = select(indices, indices, <);
late = select(tokens, "e", ==) and prevs;
share = aggregate(prevs, indicator(tokens == "e"));
last = aggregate(select(indices, indices - 1, ==), tokens);
seen = share > 0;
"""


@pytest.fixture
def parts(here: Path) -> Path:
    """A directory with a program without a header."""
    (here / "parts.rasp").write_text(PARTS)
    return here


def table(ran: Ran) -> dict[str, list[str]]:
    """The rows of a table in one block, by their labels."""
    assert ran.code == 0, ran.err
    rows = (line.split() for line in ran.out.splitlines() if line.strip() and "─" not in line)
    return {first: rest for first, *rest in rows}


def test_every_variable_at_every_token(parts: Path) -> None:
    ran = run("run", "parts.rasp", "hello", where=parts)
    assert table(ran) == {
        "token": ["h", "e", "l", "l", "o"],
        "share": ["0.0", "0.0", "0.5", "0.333", "0.25"],
        "last": ["-", "h", "e", "l", "l"],
        "seen": ["F", "F", "T", "T", "T"],
    }


def test_the_output_stands_last(here: Path) -> None:
    text = (here / "dyck.rasp").read_text()
    (here / "dyck.rasp").write_text(text.replace("output     result", "output     opened"))
    names = list(table(run("run", "dyck.rasp", "(()", where=here)))
    assert names == ["token", "missing", "result", "opened"]


@pytest.mark.parametrize(
    "text", ["(()compute", "( ( ) compute", " (() compute ", '["(", "(", ")", "compute"]']
)
def test_symbols_of_an_input(here: Path, text: str) -> None:
    arguments = ["--json-input"] if text.startswith("[") else []
    ran = run("run", "dyck.rasp", text, *arguments, where=here)
    assert table(ran)["token"] == ["(", "(", ")", "compute"]
    assert table(ran)["result"] == ["F", "F", "F", "T"]


def test_brackets_are_symbols_where_the_program_has_them(here: Path) -> None:
    assert table(run("run", "dyck.rasp", "[()]", where=here))["token"] == list("[()]")
    assert table(run("run", "dyck.rasp", "[", where=here))["token"] == ["["]


def test_words_and_json_where_there_is_no_vocabulary(parts: Path) -> None:
    def tokens(text: str) -> list[str]:
        return table(run("run", "parts.rasp", text, where=parts))["token"]

    assert tokens("hi there") == ["hi", "there"]
    assert tokens("[1, 2.5, true]") == ["1", "2.5", "T"]
    assert tokens('["a b", "", "漢"]') == ["a␣b", '""', "漢"]


def test_symbols_with_blanks(here: Path) -> None:
    (here / "blank.rasp").write_text(
        'program p { vocabulary "a", " ", "a b"; longest 9; output x; } x = tokens;'
    )
    ran = run("run", "blank.rasp", "a ba", "--json", where=here)
    assert ran.json[0]["tokens"] == ["a b", "a"]


def test_selectors_are_matrices(parts: Path) -> None:
    assert "prevs" not in run("run", "parts.rasp", "hey", where=parts).out
    ran = run("run", "parts.rasp", "hey", "--selectors", where=parts)
    assert "prevs\n    h e y\nh |\ne | 1\ny | 1 1\n" in ran.out
    assert "late\n    h e y\nh |\ne |\ny |   1\n" in ran.out


def test_no_selectors(here: Path) -> None:
    ran = run("run", "dyck.rasp", "()", "--selectors", where=here)
    assert "shuffle_dyck has no selector at its top level" in ran.err
    assert (
        run("run", "dyck.rasp", "()", "--selectors", "--json", where=here).json[0]["selectors"]
        == {}
    )


def test_only_what_is_named(parts: Path) -> None:
    ran = run("run", "parts.rasp", "hey", "--only", "last", "--only", "late", where=parts)
    assert "share" not in ran.out
    assert "prevs" not in ran.out
    assert "last   -  h  e" in ran.out
    assert "late\n    h e y" in ran.out
    only_selector = run("run", "parts.rasp", "hey", "--only", "late", where=parts).out
    assert only_selector.startswith("late\n")
    assert table(run("run", "parts.rasp", "hey", "--only", "indices", where=parts))["indices"] == [
        *"012"
    ]


def test_attention(here: Path) -> None:
    def opened(*arguments: str) -> list[str]:
        return table(run("run", "dyck.rasp", "(()", *arguments, where=here))["opened"]

    assert opened() == opened("--causal") == ["1", "2", "2"]
    assert opened("--full") == ["2", "2", "2"]


def test_json(parts: Path) -> None:
    ran = run("run", "parts.rasp", "hey", "[1]", "--selectors", "--json", where=parts)
    first, second = ran.json
    program = load_program(parts / "parts.rasp")
    tokens = list("hey")
    assert first["tokens"] == tokens
    assert first["variables"] == {name: program.evaluate(tokens, name) for name in program.names}
    assert first["selectors"]["prevs"] == program.evaluate(tokens, "prevs")
    assert first["output"] == {"name": "seen", "values": [False, False, True]}
    assert second["tokens"] == [1]
    assert "selectors" not in run("run", "parts.rasp", "a", "--json", where=parts).json[0]


def test_wide_inputs_fold(here: Path) -> None:
    ran = run("run", "dyck.rasp", "()" * 20, "--selectors", where=here)
    assert max(map(len, ran.out.splitlines())) <= 80
    rows = [line.split()[1:] for line in ran.out.splitlines() if line.startswith("opened")]
    assert [int(value) for row in rows for value in row] == [n // 2 + 1 for n in range(40)]


def test_an_input_beyond_the_longest_is_a_warning(here: Path) -> None:
    ran = run("run", "dyck.rasp", "(" * 41, where=here)
    assert ran.code == 0
    assert "an input has 41 tokens; shuffle_dyck is made for 40 at most" in ran.err


def test_warnings_go_to_stderr(here: Path) -> None:
    (here / "warned.rasp").write_text('x = indices;\nset example "hey"\n')
    ran = run("run", "warned.rasp", "ab", where=here)
    assert table(ran)["x"] == ["0", "1"]
    assert "warned.rasp:2:1: warning: " in ran.err.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("dyck.rasp", "(x)"), '`shuffle_dyck` has no symbol for "x)", in the input (x)'),
        (("dyck.rasp", '["(", 3]', "--json-input"), "`shuffle_dyck` has no symbol for 3"),
        (("dyck.rasp", ""), "an input is empty"),
        (("parts.rasp", "[]"), "an input is empty"),
        (("parts.rasp", "[1,"), "the input [1, is not a JSON list"),
        (("parts.rasp", "5", "--json-input"), "the input 5 is not a JSON list"),
        (("parts.rasp", "[null]"), "the input [null] holds null"),
        (("parts.rasp", "[[1]]"), "the input [[1]] holds [1]"),
        (("parts.rasp", "a", "--only", "prvs"), "did you mean `prevs`?"),
        (("gone.rasp", "a"), "there is no program gone.rasp"),
        (("bad.rasp", "a"), "bad.rasp:1:5: error: unknown name `tokns`"),
        (("undefined.rasp", "ab"), "has no value on the input a b: division by zero"),
        (("parts.rasp",), "Missing argument"),
    ],
)
def test_what_is_refused(parts: Path, arguments: tuple[str, ...], problem: str) -> None:
    (parts / "bad.rasp").write_text("x = tokns;")
    (parts / "undefined.rasp").write_text("x = 1 / (length - 2);")
    ran = run("run", *arguments, where=parts)
    assert ran.code == 2
    assert ran.out == ""
    assert problem in ran.err
    assert "Traceback" not in ran.err
