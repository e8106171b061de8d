"""A directory in which a small program was compiled and injected into a small student."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import INJECT, PROGRAM, run
from inject import small_injection

from rinject.cli.console import stdout
from rinject.student.quiet import quiet


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever terminal the tests run in."""
    monkeypatch.setattr(stdout, "width", 80)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A fresh directory with a program."""
    (tmp_path / "dyck.rasp").write_text(PROGRAM)
    return tmp_path


@pytest.fixture(scope="session")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained GPT-2 of four layers."""
    folder = tmp_path_factory.mktemp("student")
    made = small_injection.student("gpt2")
    with quiet():
        made.model.save_pretrained(folder)
        made.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def injected(tmp_path_factory: pytest.TempPathFactory, student: Path) -> Path:
    """The directory after `compile` and `inject`; tests must leave it as it is."""
    where = tmp_path_factory.mktemp("injected")
    (where / "dyck.rasp").write_text(PROGRAM)
    compiled = run("compile", "dyck.rasp", "--samples", "50", where=where)
    assert compiled.code == 0, compiled.err
    ran = run("inject", "--model", student, *INJECT, where=where)
    assert ran.code == 0, ran.err
    return where
