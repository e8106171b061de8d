"""Each mistake has its message, place and hint: golden/*.rasp against golden/*.txt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rinject.errors import InputError
from rinject.lang import Diagnostic, SourceError, load_program
from rinject.lang.diagnostics import render_all

GOLDEN = Path(__file__).parent / "golden"
PROGRAMS = sorted(GOLDEN.glob("*.rasp"))


def diagnose(path: Path) -> tuple[Diagnostic, ...]:
    """All diagnostics of a program: its mistakes, or the warnings of one without any."""
    try:
        return load_program(text=path.read_text(encoding="utf-8")).warnings
    except SourceError as error:
        return error.diagnostics


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_golden(path: Path, check_golden: Callable[[Path, str], None]) -> None:
    shown = render_all(diagnose(path), {"<text>": path.read_text(encoding="utf-8")})
    assert shown, "a golden program has something wrong with it"
    check_golden(path.with_suffix(".txt"), shown + "\n")


def test_every_golden_file_has_its_program() -> None:
    assert {p.stem for p in GOLDEN.glob("*.txt")} == {p.stem for p in PROGRAMS}


def test_many_distinct_diagnostics() -> None:
    codes = {found.code for path in PROGRAMS for found in diagnose(path)}
    assert len(codes) >= 80


def test_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong.rasp"
    path.write_text("x = tokns;", encoding="utf-8")
    with pytest.raises(InputError, match=r"wrong\.rasp:1:5: error: unknown name `tokns`"):
        load_program(path)


def test_carets_stand_under_the_mistake_in_a_long_line() -> None:
    filler = " + 1" * 100
    with pytest.raises(SourceError) as caught:
        load_program(text=f"x = indices{filler} + oops{filler};")
    line, caret = str(caught.value).split("\n")[1:3]
    assert len(line) < 120
    assert line[caret.index("^") :].startswith("oops")


def test_one_mistake_in_a_loop_is_reported_once() -> None:
    with pytest.raises(SourceError) as caught:
        load_program(text="for i in range(5) { x = oops + i; }")
    assert len(caught.value.diagnostics) == 1


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "-" * 30_000 + "indices;",
        "x = " + "(" * 5000 + ";",
        "for i in [1] { " * 3000 + "x = oops;" + "}" * 3000,
    ],
)
def test_deep_nesting_is_answered(source: str) -> None:
    with pytest.raises(SourceError):
        load_program(text=source)
