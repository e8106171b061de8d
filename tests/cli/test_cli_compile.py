"""`rinject compile`, `rinject check` and `rinject tokens`."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import run

from rinject.circuit import CompiledModel

KEYS = [
    "program",
    "backend",
    "layers",
    "heads",
    "residual_width",
    "parameters",
    "variables",
    "seconds",
    "verified",
]


def test_compile_verifies_and_saves(here: Path) -> None:
    ran = run("compile", "dyck.rasp", "--samples", "30", "--json", where=here)
    assert ran.code == 0, ran.err
    assert list(ran.json) == KEYS
    assert ran.json["program"] == "shuffle_dyck"
    assert ran.json["verified"]["mismatches"] == 0
    assert ran.json["verified"]["inputs"] > 30
    model = CompiledModel.load(here / "compiled" / "shuffle_dyck")
    assert model.run([*"(()", "compute"])[-1] is True
    last = json.loads((here / ".rinject" / "last.json").read_text())
    assert last == {"program": "dyck.rasp"}


def test_compile_shows_a_summary(here: Path) -> None:
    ran = run("compile", "dyck.rasp", "--samples", "5", "-o", "made", where=here)
    assert ran.code == 0
    assert "0 mismatches" in ran.out
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
