"""``rinject fmt`` through the command line."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from command_line import Ran, run
from rich.console import Console

from rinject.cli import fmt
from rinject.cli.main import main

UGLY = b"x=1 ;   # one\r\n\r\n\r\ny =\t[ 2 ];"
CLEAN = b"x = 1;  # one\n\ny = [2];\n"
WRONG = b"x = tokens +;"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with a program of each kind."""
    (tmp_path / "ugly.rasp").write_bytes(UGLY)
    (tmp_path / "clean.rasp").write_bytes(CLEAN)
    (tmp_path / "wrong.rasp").write_bytes(WRONG)
    return tmp_path


def with_input(content: bytes, *arguments: str, where: Path, patch: pytest.MonkeyPatch) -> Ran:
    patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    return run("fmt", *arguments, where=where)


def test_files_are_rewritten_in_place(files: Path) -> None:
    (files / "ugly.rasp").chmod(0o640)
    before = (files / "clean.rasp").stat()
    ran = run("fmt", "ugly.rasp", "clean.rasp", where=files)
    assert (ran.code, ran.out) == (0, "ugly.rasp: formatted\n")
    assert ran.err == "1 formatted, 1 unchanged\n"
    assert (files / "ugly.rasp").read_bytes() == CLEAN
    assert (files / "ugly.rasp").stat().st_mode & 0o777 == 0o640
    after = (files / "clean.rasp").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(list(files.iterdir())) == 3
    assert run("fmt", "ugly.rasp", where=files).out == ""


def test_a_link_stays_a_link(files: Path) -> None:
    (files / "link.rasp").symlink_to("ugly.rasp")
    assert run("fmt", "link.rasp", where=files).code == 0
    assert (files / "link.rasp").is_symlink()
    assert (files / "ugly.rasp").read_bytes() == CLEAN


def test_a_syntax_error_leaves_its_file_and_the_others_are_handled(files: Path) -> None:
    ran = run("fmt", "wrong.rasp", "nowhere.rasp", "ugly.rasp", where=files)
    assert ran.code == 2
    assert ran.out == "ugly.rasp: formatted\n"
    assert "wrong.rasp:1:13: error: expected an expression, found `;`" in ran.err
    assert "there is no program nowhere.rasp" in ran.err
    assert "1 formatted, 2 failed" in ran.err
    assert (files / "wrong.rasp").read_bytes() == WRONG
    assert (files / "ugly.rasp").read_bytes() == CLEAN


def test_unknown_names_do_not_matter(files: Path) -> None:
    (files / "names.rasp").write_text("x=nobody_knows(this);")
    assert run("fmt", "names.rasp", where=files).code == 0
    assert (files / "names.rasp").read_text() == "x = nobody_knows(this);\n"


def test_check_changes_nothing(files: Path) -> None:
    ran = run("fmt", "--check", "ugly.rasp", "clean.rasp", where=files)
    assert (ran.code, ran.out) == (1, "ugly.rasp: would change\n")
    assert ran.err == "1 would change, 1 unchanged\n"
    assert (files / "ugly.rasp").read_bytes() == UGLY
    assert run("fmt", "--check", "clean.rasp", where=files).code == 0
    assert run("fmt", "--check", "ugly.rasp", "wrong.rasp", where=files).code == 2


def test_diff_changes_nothing(files: Path) -> None:
    ran = run("fmt", "--diff", "ugly.rasp", "clean.rasp", where=files)
    assert ran.code == 0
    lines = [line.rstrip() for line in ran.out.split("\n")]
    assert lines[:3] == ["--- ugly.rasp", "+++ ugly.rasp (formatted)", "@@ -1,4 +1,3 @@"]
    assert "+x = 1;  # one" in lines
    assert "\\ No newline at end of file" in lines
    assert "clean" not in ran.out
    assert (files / "ugly.rasp").read_bytes() == UGLY
    assert run("fmt", "--diff", "--check", "ugly.rasp", where=files).code == 1


def test_a_diff_is_coloured_on_a_terminal(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system="standard")
    monkeypatch.setattr(fmt, "stdout", console)
    run("fmt", "--diff", "ugly.rasp", where=files)
    assert "\x1b[32m+x = 1;  # one\x1b[0m\n" in screen.getvalue()
    assert "\x1b[31m-x=1 ;   # one\x1b[0m\n" in screen.getvalue()


def test_stdin_to_stdout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (UGLY, CLEAN):
        ran = with_input(content, "-", where=tmp_path, patch=monkeypatch)
        assert (ran.code, ran.out, ran.err) == (0, CLEAN.decode(), "")
    ran = with_input(UGLY, "-", "--check", where=tmp_path, patch=monkeypatch)
    assert (ran.code, ran.out) == (1, "<stdin>: would change\n")
    ran = with_input(WRONG, "-", where=tmp_path, patch=monkeypatch)
    assert (ran.code, ran.out) == (2, "")
    assert "<stdin>:1:13: error" in ran.err
    ran = with_input(b"\xff", "-", where=tmp_path, patch=monkeypatch)
    assert ran.code == 2
    assert "not text in UTF-8 (byte 0)" in ran.err


def test_json(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run("fmt", "--json", "--check", "ugly.rasp", "clean.rasp", "wrong.rasp", where=files)
    assert (ran.code, ran.err) == (2, "")
    ugly, clean, wrong = ran.json
    assert ugly == {"file": "ugly.rasp", "changed": True}
    assert clean == {"file": "clean.rasp", "changed": False}
    assert (wrong["file"], wrong["changed"], wrong["hint"]) == ("wrong.rasp", False, None)
    assert wrong["message"].startswith("wrong.rasp:1:13: error: ")
    (record,) = run("fmt", "--json", "--diff", "ugly.rasp", where=files).json
    assert record["diff"].startswith("--- ugly.rasp\n+++ ugly.rasp (formatted)\n@@ ")
    (record,) = with_input(UGLY, "-", "--json", where=files, patch=monkeypatch).json
    assert record == {"file": "<stdin>", "changed": True, "text": CLEAN.decode()}


def test_help_holds_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--help"]) == 0
    assert "Example: rinject fmt programs/*.rasp" in capsys.readouterr().out
