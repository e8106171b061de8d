"""``rinject fmt``: programs in the one layout."""

from __future__ import annotations

import difflib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from rinject.cli.console import note, print_json, show_error, stdout
from rinject.cli.options import Json
from rinject.errors import InputError, RinjectError
from rinject.lang.files import check_size, read_source
from rinject.lang.formatter import format_source

STDIN = Path("-")
DIFF_STYLES = {"--- ": "bold", "+++ ": "bold", "@@": "cyan", "-": "red", "+": "green"}


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: rinject fmt programs/*.rasp")(fmt)


def fmt(
    files: Annotated[
        list[Path],
        typer.Argument(help="Programs; `-` is stdin, written to stdout.", metavar="FILE…"),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 if something would change.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Change nothing; show what would.")] = False,
    json: Json = False,
) -> None:
    """Lay programs out: spaces, indentation, line breaks; comments stay."""
    writes = not (check or diff)
    outcomes = [_format(path, writes=writes) for path in files]
    if json:
        print_json([_record(outcome, diff=diff) for outcome in outcomes])
    else:
        for outcome in outcomes:
            _show(outcome, diff=diff, writes=writes)
        _summarize(outcomes, writes=writes)
    errors = [outcome.error for outcome in outcomes if outcome.error]
    if errors:
        raise typer.Exit(max(error.exit_code for error in errors))
    if check and any(outcome.changed for outcome in outcomes):
        raise typer.Exit(1)


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    path: Path
    before: str = ""
    after: str = ""
    error: RinjectError | None = None

    @property
    def name(self) -> str:
        return _name(self.path)

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def diff(self) -> Iterator[str]:
        """The lines of a unified diff."""
        before, after = _lines(self.before), _lines(self.after)
        names = (self.name, f"{self.name} (formatted)")
        for line in difflib.unified_diff(before, after, *names):
            yield line.removesuffix("\n")
            if not line.endswith("\n"):
                yield "\\ No newline at end of file"


def _name(path: Path) -> str:
    return "<stdin>" if path == STDIN else str(path)


def _lines(text: str) -> list[str]:
    return list(io.StringIO(text, newline="\n"))  # other characters end no line of a program


def _format(path: Path, *, writes: bool) -> Outcome:
    try:
        before = _read_stdin() if path == STDIN else read_source(path)
        after = format_source(before, _name(path))
        if writes and path != STDIN and after != before:
            _replace(path, after)
    except RinjectError as error:
        return Outcome(path, error=error)
    return Outcome(path, before, after)


def _read_stdin() -> str:
    content = sys.stdin.buffer.read()
    check_size(len(content), "the program")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"the program is not text in UTF-8 (byte {error.start})") from None


def _replace(path: Path, text: str) -> None:
    """Writes beside the file and renames, so that it is never half written; its mode stays."""
    target = path.resolve()
    try:
        number, new = tempfile.mkstemp(prefix=".rinject-", dir=target.parent)
        try:
            with open(number, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            shutil.copymode(target, new)
            os.replace(new, target)
        except BaseException:
            os.unlink(new)
            raise
    except OSError as error:
        raise RinjectError(f"cannot write {path}: {error.strerror}") from None


def _record(outcome: Outcome, *, diff: bool) -> dict[str, object]:
    record: dict[str, object] = {"file": outcome.name, "changed": outcome.changed}
    if outcome.error:
        return record | {"message": outcome.error.message, "hint": outcome.error.hint}
    if diff:
        record["diff"] = "".join(line + "\n" for line in outcome.diff())
    if outcome.path == STDIN:
        record["text"] = outcome.after
    return record


def _show(outcome: Outcome, *, diff: bool, writes: bool) -> None:
    if outcome.error:
        show_error(outcome.error)
    elif diff:
        for line in outcome.diff():
            stdout.print(_styled(line), soft_wrap=True)
    elif outcome.path == STDIN and writes:
        sys.stdout.write(outcome.after)
    elif outcome.changed:
        verb = "formatted" if writes else "would change"
        stdout.print(f"{outcome.name}: {verb}", markup=False, soft_wrap=True)


def _styled(line: str) -> Text:
    return Text(
        line, next((DIFF_STYLES[mark] for mark in DIFF_STYLES if line.startswith(mark)), "")
    )


def _summarize(outcomes: list[Outcome], *, writes: bool) -> None:
    files = [outcome for outcome in outcomes if outcome.path != STDIN or not writes]
    counts = {
        "formatted" if writes else "would change": sum(file.changed for file in files),
        "unchanged": sum(not (file.changed or file.error) for file in files),
        "failed": sum(file.error is not None for file in files),
    }
    if files:
        note(", ".join(f"{count} {what}" for what, count in counts.items() if count))
