"""The session at a terminal, and its lines from the standard input."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import PROGRAM, Ran, run
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from rinject.cli.repl.command import converse
from rinject.cli.repl.engine import Engine
from rinject.cli.repl.history import UserHistory, history_file
from rinject.cli.repl.terminal import SessionCompleter, prompt_session

ENTER, CTRL_C, CTRL_D = "\r", "\x03", "\x04"
PASTE = "\x1b[200~{}\x1b[201~"


@contextmanager
def typed(keys: str, history: History | None = None) -> Iterator[Engine]:
    """An engine after a conversation at a terminal, which these keys end."""
    engine = Engine()
    with create_pipe_input() as keyboard:
        keyboard.send_text(keys)
        prompt = prompt_session(
            engine, history or InMemoryHistory(), input=keyboard, output=DummyOutput()
        )
        converse(engine, prompt)
    yield engine


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (f"x = 1;{ENTER}", ("x",)),
        (f"x = 1 +{ENTER}2;{ENTER}", ("x",)),
        (f"x = 1 +{ENTER}{ENTER}y = 2;{ENTER}", ("y",)),
        (f"x = 1 +{CTRL_C}y = 2;{ENTER}", ("y",)),
        (f"x = 1 +{ENTER}3{CTRL_C}y = 2;{ENTER}", ("y",)),
        (f"x = tokns;{ENTER}y = 2;{ENTER}", ("y",)),
        (f"def f(a) {{{ENTER}return a;{ENTER}}}{ENTER}", ("f",)),
        (f"{ENTER}  {ENTER}x = 1;{ENTER}", ("x",)),
        (PASTE.format("x = 1;\n\ndef f(a) {\n\n  return a;\n}") + ENTER, ("x", "f")),
        (PASTE.format('set example "a"\ny = x;\nx = 1;') + ENTER, ("x",)),
    ],
)
def test_keys(keys: str, names: tuple[str, ...]) -> None:
    with typed(keys + CTRL_D) as engine:
        assert engine.session.own_names() == names


def test_a_block_is_indented() -> None:
    history = InMemoryHistory()
    with typed(f"def f(a) {{{ENTER}return a;{ENTER}}}{ENTER}exit{ENTER}", history):
        assert history.get_strings()[0] == "def f(a) {\n    return a;\n}"


def test_the_completer_knows_the_session() -> None:
    with typed(f"three = 3;{ENTER}{CTRL_D}") as engine:
        document = Document("x = thr")
        (found,) = SessionCompleter(engine).get_completions(document, CompleteEvent())
    assert (found.text, found.start_position, found.display_meta_text) == ("three", -3, "value")


def test_leaving_ends_the_conversation() -> None:
    with typed(f"exit{ENTER}x = 1;{ENTER}") as engine:
        assert engine.session.own_names() == ()


# --- history --------------------------------------------------------------------------------------


def test_what_was_typed_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "state" / "history"
    with typed(f"x = 1 +{ENTER}2;{ENTER}exit{ENTER}", UserHistory(file)):
        assert file.stat().st_mode & 0o077 == 0
    assert list(UserHistory(file).load_history_strings()) == ["exit", "x = 1 +\n2;"]


def test_a_history_that_cannot_be_kept_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    for file in (tmp_path / "taken" / "history", tmp_path):
        with typed(f"x = 1;{ENTER}y = 2;{ENTER}{CTRL_D}", UserHistory(file)) as engine:
            assert engine.session.own_names() == ("x", "y")


def test_where_the_history_is() -> None:
    assert history_file({"XDG_STATE_HOME": "/state"}, "linux") == Path("/state/rinject/history")
    home = Path.home()
    assert history_file({}, "linux") == home / ".local" / "state" / "rinject" / "history"
    assert history_file({"LOCALAPPDATA": "local"}, "win32") == Path("local/rinject/history")


# --- the standard input ---------------------------------------------------------------------------


Piped = Callable[..., Ran]


@pytest.fixture
def piped(here: Path, monkeypatch: pytest.MonkeyPatch) -> Piped:
    """Runs `rinject repl` on a text."""

    def run_on(text: str, *arguments: str) -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        return run("repl", *arguments, where=here)

    return run_on


def test_lines_of_a_file(piped: Piped) -> None:
    ran = piped('set example "ab"\n\nx = [1,\n\n2];\r\nindices;\nexit\nnever;\n')
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out.splitlines() == [
        "     list: x = [1, 2]",
        "     s-op: indices",
        '         Example: indices("ab") = [0, 1] (ints)',
    ]


def test_a_program_to_begin_with(piped: Piped) -> None:
    ran = piped('opened("((");', "dyck.rasp")
    assert ran.code == 0
    assert "loaded: dyck.rasp" in ran.out
    assert ran.out.endswith("         = [1, 2] (ints)\n")


def test_a_mistake_is_told_and_the_session_goes_on(piped: Piped) -> None:
    ran = piped("x = tokns;\n:lod\ny = 2;\nz = 1 +")
    assert ran.code == 2
    assert ran.out == "     value: y = 2\n"
    assert "<input>:1:5: error: unknown name `tokns`" in ran.err
    assert "did you mean `:load`?" in ran.err
    assert "expected an expression" in ran.err


def test_what_is_not_text(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x = 1;\n\xff\xfe\n"), "utf-8"))
    ran = run("repl", where=here)
    assert ran.code == 2
    assert "the standard input is not text in UTF-8" in ran.err


@pytest.mark.parametrize("command", ["run", "repl"])
def test_help(here: Path, command: str) -> None:
    ran = run(command, "--help", where=here)
    assert ran.code == 0
    assert f"Example: rinject {command}" in ran.out


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("gone.rasp", None, "there is no program gone.rasp"),
        ("wrong.rasp", "x = tokns;", "wrong.rasp:1:5: error: unknown name `tokns`"),
        ("wrong.rasp", PROGRAM.replace("longest", "lngest"), "lngest"),
    ],
)
def test_a_program_that_cannot_be_loaded(
    piped: Piped, here: Path, name: str, text: str | None, problem: str
) -> None:
    if text is not None:
        (here / name).write_text(text)
    ran = piped("x = 1;", name)
    assert ran.code == 2
    assert ran.out == ""
    assert problem in ran.err
