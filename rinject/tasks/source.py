"""Where a program's inputs come from when not from rinject itself, as a bundle keeps it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from rinject.errors import InputError
from rinject.lang.diagnostics import did_you_mean

LONGEST_KEPT = 4_000_000  # characters; a bundle's record should stay small
NOT_KEPT = "the file is too long to be kept in the bundle: put it back as it was"


@dataclass(frozen=True)
class TaskSource:
    """The text of a file that a task is made of."""

    path: str
    """The file as it was named."""
    name: str
    """What is taken from it: a name in a Python file; empty for a file of examples."""
    sha256: str
    """Of its text in UTF-8."""
    text: str | None
    """None where it is too long to be kept."""

    @classmethod
    def of(cls, path: str | Path, text: str, name: str = "") -> TaskSource:
        """What to keep of a file."""
        return cls(str(path), name, _hash(text), text if len(text) <= LONGEST_KEPT else None)

    @property
    def is_code(self) -> bool:
        """Whether it is Python, which runs when the task is made."""
        return bool(self.name)

    def is_unchanged(self) -> bool:
        """Whether the file is where it was, with the same text."""
        try:
            return _hash(read(Path(self.path))) == self.sha256
        except (OSError, ValueError):
            return False

    def kept_text(self) -> str:
        """The text, from the file where it is not kept.

        Raises InputError where the file has gone or changed since.
        """
        if self.text is not None:
            return self.text
        if not self.is_unchanged():
            raise InputError(
                f"the task's file {self.path} has gone or changed since the injection",
                hint=NOT_KEPT,
            )
        return read(Path(self.path))


def given_text(path: Path, kind: str, missing: str, otherwise: str) -> str:
    """The text of a file that the user named, of a kind such as `.py`.

    Raises InputError where it cannot be read; where there is none with the words `missing` and a
    file of a like name beside it as the hint, or `otherwise`.
    """
    try:
        return read(path)
    except FileNotFoundError:
        near = [other.name for other in path.parent.glob(f"*{kind}")]
        hint = did_you_mean(path.name, near, otherwise=otherwise)
        raise InputError(f"{missing} {path}", hint=hint) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def read(path: Path) -> str:
    """The text of a file in UTF-8. Raises OSError and UnicodeDecodeError."""
    return path.read_text(encoding="utf-8-sig")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
