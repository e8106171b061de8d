"""Wrong inputs get one clear message, a hint and an exit code; never a traceback."""

from __future__ import annotations

import codecs
import shutil
from pathlib import Path

import pytest
from command_line import Ran, run

from rinject.cli import check
from rinject.cli.main import main

BUNDLE = Path("bundles", "shuffle_dyck-tracr-injection")


def assert_refused(ran: Ran, *words: str, code: int = 2) -> None:
    assert ran.code == code
    assert ran.out == ""
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err


def test_a_syntax_error(here: Path) -> None:
    (here / "bad.rasp").write_text("x = tokens +;")
    ran = run("compile", "bad.rasp", where=here)
    assert_refused(ran, "bad.rasp:1:", "x = tokens +;", "^")


def test_an_unknown_name(here: Path) -> None:
    (here / "bad.rasp").write_text("x = tokns;")
    ran = run("compile", "bad.rasp", where=here)
    assert_refused(ran, "bad.rasp:1:5: error: unknown name `tokns`", "hint: did you mean `tokens`?")


def test_a_missing_program(here: Path) -> None:
    assert_refused(run("compile", "dick.rasp", where=here), "there is no program", "`dyck.rasp`")


def test_a_prompt_longer_than_the_positions(injected: Path) -> None:
    assert_refused(run("decode", "(" * 50, where=injected), "has 40 positions", "hint: ")


@pytest.mark.parametrize("command", [("decode", "()"), ("eval",)])
def test_a_missing_bundle(here: Path, command: tuple[str, ...]) -> None:
    assert_refused(run(*command, where=here), "no bundle named", "rinject inject")
    assert_refused(run(*command, "--bundle", "gone", where=here), "there is no bundle at gone")


@pytest.mark.parametrize("name", ["rinject.safetensors", "model.safetensors", "config.json"])
def test_a_damaged_bundle(here: Path, injected: Path, name: str) -> None:
    shutil.copytree(injected / BUNDLE, here / "bundle")
    with (here / "bundle" / name).open("r+b") as file:
        file.seek(-20, 2)
        file.write(b"?" * 20)
    ran = run("eval", "--bundle", "bundle", where=here)
    assert_refused(ran, "the bundle bundle is damaged", "hint: ")


def test_an_unknown_model(here: Path) -> None:
    ran = run("inject", "dyck.rasp", "--model", "tinny", where=here)
    assert_refused(ran, "the model 'tinny' is not on this machine", "did you mean 'tiny'?")


def test_no_steps(here: Path) -> None:
    ran = run("inject", "dyck.rasp", "--steps", "0", where=here)
    assert_refused(ran, "--steps must be at least 1, not 0")


def test_no_program(here: Path) -> None:
    ran = run("inject", where=here)
    assert_refused(ran, "no program named, and none was compiled here")


def test_a_program_without_a_prompt(here: Path) -> None:
    (here / "other.rasp").write_text("out = indices;")
    ran = run("inject", "other.rasp", where=here)
    assert_refused(ran, "`other` does not say how it meets text", "hint: its header needs a prompt")


def test_a_layer_that_is_not_there(injected: Path) -> None:
    ran = run("decode", "()", "--layer", "99", where=injected)
    assert_refused(ran, "--layer 99", "hint: its layers are 0")


@pytest.mark.parametrize("flags", [("--steps", "many"), ("--stps", "3"), ("--roll", "barrel")])
def test_usage_errors(here: Path, flags: tuple[str, ...]) -> None:
    assert_refused(run("inject", "dyck.rasp", *flags, where=here), flags[0])


def test_a_place_that_cannot_be_written(here: Path) -> None:
    (here / "taken").write_text("")
    ran = run("compile", "dyck.rasp", "--no-verify", "-o", "taken/made", where=here)
    assert_refused(ran, "cannot write to", "taken", "hint: choose another place")


def test_a_program_that_computes_nothing_cannot_be_run(here: Path) -> None:
    (here / "empty.rasp").write_text("")
    assert_refused(run("run", "empty.rasp", "ab", where=here), "`empty` computes no s-op")


def test_positions_beyond_every_model(here: Path) -> None:
    ran = run("compile", "dyck.rasp", "--max-seq-len", "999999999", where=here)
    assert_refused(ran, "more than 500,000,000 weights", "--max-seq-len")


def test_a_mark_of_the_encoding_is_no_mistake(here: Path) -> None:
    text = (here / "dyck.rasp").read_bytes()
    (here / "marked.rasp").write_bytes(codecs.BOM_UTF8 + text)
    assert run("check", "marked.rasp", where=here).code == 0


def test_a_folder_without_a_model(here: Path) -> None:
    (here / "empty").mkdir()
    ran = run("tokens", "()", "--program", "dyck.rasp", "--model", "empty", where=here)
    assert_refused(ran, "the folder has no config.json")


def test_ctrl_c(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "load_program", interrupted)
    assert_refused(run("check", "dyck.rasp", where=here), "error: stopped", code=1)


def test_damaged_memory_is_no_memory(here: Path) -> None:
    (here / ".rinject").mkdir()
    (here / ".rinject" / "last.json").write_text("{")
    assert_refused(run("decode", "()", where=here), "no bundle named")


COMMANDS = (
    *("compile", "tokens", "inject", "decode", "eval", "check"),
    *("run", "repl", "fmt", "draw", "export", "lsp"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_holds_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"Example: rinject {command}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("rinject ")
