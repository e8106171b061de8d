"""Errors in Python of the user's own, as one line that says where."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rinject
from rinject.errors import InputError, RinjectError

OURS = Path(rinject.__file__).parent


@contextmanager
def explained(what: str, *, file: str | None = None, hint: str | None = None) -> Iterator[None]:
    """Whatever the user's Python raises in the block becomes an InputError: `what` fails, where.

    That is the last line of `file`, if given, that the error went through; else the first place
    outside of rinject. Errors of rinject's own stay as they are.
    """
    try:
        yield
    except RinjectError:
        raise
    except (Exception, SystemExit) as error:
        reason = " ".join([f"{type(error).__name__}:", *str(error).splitlines()[:1]])
        where = _place(error) if file is None else _line(error, file)
        raise InputError(f"{what} fails{where}: {reason.rstrip(':')}", hint=hint) from error


def _line(error: BaseException, file: str) -> str:
    if isinstance(error, SyntaxError):
        return f" in line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    return f" in line {lines[-1]}" if lines else ""


def _place(error: BaseException) -> str:
    for frame in traceback.extract_tb(error.__traceback__):
        if not Path(frame.filename).is_relative_to(OURS):
            return f" at {frame.filename}:{frame.lineno}"
    return ""
