"""`rinject compile`, `rinject check` and `rinject tokens`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from command_line import run

from rinject.circuit import CompiledModel

ANAGRAM = Path(__file__).parents[2] / "programs" / "anagram.rasp"
KEYS = [
    "program",
    "backend",
    "layers",
    "heads",
    "residual_width",
    "parameters",
    "variables",
    "seconds",
    "margin",
    "verified",
]


def test_compile_verifies_and_saves(here: Path) -> None:
    ran = run("compile", "dyck.rasp", "--samples", "30", "--json", where=here)
    assert ran.code == 0, ran.err
    assert list(ran.json) == KEYS
    assert ran.json["program"] == "shuffle_dyck"
    assert ran.json["verified"]["mismatches"] == 0
    assert ran.json["verified"]["inputs"] > 30
    assert 0 < ran.json["margin"] <= ran.json["verified"]["margin"] <= 1
    model = CompiledModel.load(here / "compiled" / "shuffle_dyck")
    assert model.run([*"(()", "compute"])[-1] is True
    last = json.loads((here / ".rinject" / "last.json").read_text())
    assert last == {"program": "dyck.rasp"}


def test_compile_shows_a_summary(here: Path) -> None:
    ran = run("compile", "dyck.rasp", "--samples", "5", "-o", "made", where=here)
    assert ran.code == 0
    assert "0 mismatches" in ran.out
    assert re.search(r"margin +\d\.\d\d seen, at least \d\.\d\d by design", ran.out)
    assert "saved in made" in ran.err
    assert run("compile", "dyck.rasp", "--no-verify", "-o", "made", where=here).code == 0


def test_options_reach_the_compiler(here: Path) -> None:
    arguments = ("dyck.rasp", "--no-verify", "--max-seq-len", "9", "--full", "--json")
    ran = run("compile", *arguments, where=here)
    assert ran.code == 0, ran.err
    assert ran.json["verified"] is None
    graph = CompiledModel.load(here / "compiled" / "shuffle_dyck").graph
    assert graph.max_seq_len == 9
    assert not graph.causal


def test_what_is_kept_and_joined_reaches_the_compiler(here: Path) -> None:
    (here / "steps.rasp").write_text(
        "n = selector_width(select(tokens, tokens, ==));"
        "sums = n + indices; rest = sums % 3; out = rest == indices;"
    )

    def compiled(*options: str) -> Any:
        given = ("steps.rasp", "--no-verify", "--json", "--vocab", "a,b", "--max-seq-len", "5")
        ran = run("compile", *given, *options, where=here)
        assert ran.code == 0, ran.err
        return ran.json

    named, bare = compiled(), compiled("--keep", "output")
    assert {"n", "sums", "rest", "out"} <= set(named["variables"])
    assert not {"sums", "rest"} & set(bare["variables"])
    assert bare["residual_width"] < named["residual_width"]
    assert compiled("--table-limit", "1")["layers"] > named["layers"]
    assert compiled("--stepwise")["layers"] == 4  # n, sums, rest, out
    with_tracr = run("compile", "steps.rasp", "--backend", "tracr", "--stepwise", where=here)
    assert with_tracr.code == 2
    assert "--stepwise is of rinject's own compiler" in with_tracr.err


def test_the_objective_reaches_the_compiler(here: Path) -> None:
    def width(objective: str) -> Any:
        given = (ANAGRAM, "--no-verify", "--json", "--max-seq-len", "6", "--keep", "output")
        ran = run("compile", *given, "--objective", objective, where=here)
        assert ran.code == 0, ran.err
        return ran.json["residual_width"]

    assert width("width") < width("depth")


def test_a_vocabulary_may_have_numbers(here: Path) -> None:
    (here / "sum.rasp").write_text("bigger = tokens + 1;")
    ran = run("compile", "sum.rasp", "--vocab", "1, 2.5", "--max-seq-len", "3", where=here)
    assert ran.code == 0, ran.err
    model = CompiledModel.load(here / "compiled" / "sum")
    assert model.run([1, 2.5]) == [2, 3.5]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "plain does not say its vocabulary (--vocab) and its longest input (--max-seq-len)"),
        (("--vocab", "a"), "plain does not say its longest input (--max-seq-len)"),
        (("--vocab", "a,a", "--max-seq-len", "3"), "the vocabulary has 'a' twice"),
        (("--plot", "picture.gif"), "picture.gif does not end like a picture"),
        (("--plot-input", "a"), "--plot-input names an input for --plot"),
        (
            ("--vocab", "a", "--max-seq-len", "1", "--plot", "p.png", "--plot-input", "aa"),
            "the input to draw has 2 tokens, the longest 1",
        ),
        (
            ("--vocab", "a", "--max-seq-len", "1", "--plot", "p.png", "--plot-input", "b"),
            '`plain` has no symbol for "b"',
        ),
    ],
)
def test_what_is_refused(here: Path, arguments: tuple[str, ...], problem: str) -> None:
    (here / "plain.rasp").write_text("x = indices;")
    ran = run("compile", "plain.rasp", *arguments, where=here)
    assert ran.code == 2
    assert problem in ran.err
    assert not (here / "compiled").exists()


def test_a_plot_names_the_variables(here: Path) -> None:
    arguments = ("--samples", "5", "--plot", "made/dyck.svg", "--plot-input", "(( ) compute")
    ran = run("compile", "dyck.rasp", *arguments, where=here)
    assert ran.code == 0, ran.err
    assert "drawn in made/dyck.svg" in ran.err
    picture = (here / "made" / "dyck.svg").read_text(encoding="utf-8")
    for name in ("opened", "missing", "result", "tokens", "BOS mark", "compute", "after layer 1"):
        assert f">{name}<" in picture
    assert [path.name for path in (here / "made").iterdir()] == ["dyck.svg"]


COUNTED = """
program counted { vocabulary "a", "b"; longest 4; attention full; output out; }
same = selector_width(select(tokens, tokens, ==));
out = same == 1;
"""
SHIFTED = """
program shifted { vocabulary "a", "b"; longest 4; attention full; output out; }
out = aggregate(select(indices, indices - 1, ==), tokens);
"""
REFUSED = """
program refused { vocabulary "a", "b"; longest 4; attention full; output out; }
out = aggregate(select(indices, indices - 1, ==), tokens, "a");
"""


def test_both_compilers_side_by_side(here: Path) -> None:
    (here / "counted.rasp").write_text(COUNTED)
    ran = run("compile", "counted.rasp", "--compare", "--samples", "5", "--json", where=here)
    assert ran.code == 0, ran.err
    native, tracr = ran.json["comparison"]
    assert (native["backend"], tracr["backend"]) == ("native", "tracr")
    assert ran.json["layers"] == native["layers"] <= tracr["layers"]
    assert ran.json["parameters"] == native["parameters"] < tracr["parameters"]
    assert native["verified"] == tracr["verified"]
    assert native["verified"]["inputs"] > 5
    assert native["verified"]["mismatches"] == 0
    assert CompiledModel.load(here / "compiled" / "counted").backend == "native"


def test_where_tracr_differs(here: Path) -> None:
    (here / "shifted.rasp").write_text(SHIFTED)
    arguments = ("compile", "shifted.rasp", "--compare", "--samples", "5")
    ran = run(*arguments, where=here)
    assert ran.code == 0, ran.err
    differs = next(line for line in ran.out.splitlines() if line.startswith("differs"))
    assert re.fullmatch(r"differs +on 0 of (\d+) inputs +on \1 of \1 inputs", differs)
    assert "tracr, the first difference: ['a']: [None] expected" in ran.out
    assert CompiledModel.load(here / "compiled" / "shifted").run("ab") == [None, "a"]
    # It is an error only for the model that would be saved.
    ran = run(*arguments, "--backend", "tracr", "-o", "theirs", where=here)
    assert ran.code == 1
    assert "tracr's compiler is not always exact" in ran.err
    assert not (here / "theirs").exists()


def test_what_tracr_refuses_is_reported(here: Path) -> None:
    (here / "refused.rasp").write_text(REFUSED)
    arguments = ("compile", "refused.rasp", "--samples", "5")
    ran = run(*arguments, "--compare", where=here)
    assert ran.code == 0, ran.err
    assert "refused" in ran.out
    assert "only supports None as default value" in ran.out
    ran = run(*arguments, "--compare", "--json", where=here)
    assert ran.json["comparison"][1]["layers"] is None
    assert "only supports None" in ran.json["comparison"][1]["refused"]
    ran = run(*arguments, "--backend", "tracr", where=here)
    assert ran.code == 1
    assert ran.out == ""
    assert "only supports None" in ran.err


def test_compile_replaces_nothing_else(here: Path) -> None:
    ran = run("compile", "dyck.rasp", "-o", ".", where=here)
    assert ran.code == 2
    assert "holds other files" in ran.err
    assert (here / "dyck.rasp").is_file()


def test_check_shows_every_mistake(here: Path) -> None:
    (here / "bad.rasp").write_text("x = tokns;\ny = indces;\n")
    ran = run("check", "bad.rasp", "dyck.rasp", where=here)
    assert ran.code == 2
    assert "bad.rasp:1:5: error: unknown name `tokns`" in ran.out
    assert "bad.rasp:2:5: error: unknown name `indces`" in ran.out
    assert "dyck.rasp: ok, 3 variables, injectable" in ran.out
    assert run("check", "dyck.rasp", where=here).code == 0


def test_check_as_json(here: Path) -> None:
    (here / "bad.rasp").write_text("x = tokns;\n")
    ran = run("check", "bad.rasp", "dyck.rasp", "gone.rasp", "--json", where=here)
    bad, good, gone = ran.json
    assert [found["code"] for found in bad["diagnostics"]] == ["unknown-name"]
    assert good["variables"] == ["opened", "missing", "result"]
    assert not gone["ok"]


def test_tokens_of_a_text(here: Path, student: Path) -> None:
    command = ("tokens", "([)] more:", "--program", "dyck.rasp", "--model", student)
    ran = run(*command, "--json", where=here)
    assert ran.code == 0, ran.err
    symbols = [token["symbol"] for token in ran.json["tokens"]]
    assert symbols[:4] == [*"([)]"]
    assert symbols[-1] == "compute"
    assert set(symbols[4:-1]) == {"_"}
    shown = run(*command, where=here).out
    assert "every other token" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_tokens_takes_the_program_compiled_last(injected: Path, student: Path) -> None:
    assert run("tokens", "()", "--model", student, where=injected).code == 0


def test_tokens_names_a_symbol_out_of_reach(here: Path, student: Path) -> None:
    text = (here / "dyck.rasp").read_text()
    (here / "far.rasp").write_text(text.replace('":" is', '"unheard of" is'))
    ran = run("tokens", "()", "-p", "far.rasp", "-m", student, where=here)
    assert ran.code == 2
    assert "reaches the symbol 'compute'" in ran.err
