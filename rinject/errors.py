"""The errors that rinject raises on purpose; the command line turns them into exit codes.

Exit codes: 1, the work failed; 2, the usage or an input was wrong.
"""

from __future__ import annotations


class RinjectError(Exception):
    """Root of every error that rinject raises on purpose: one message, and a way out as a hint."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(RinjectError):
    """The user gave something that cannot be used: an argument, a file, a prompt, a model."""

    exit_code = 2
