"""Reading program files; a program reaches those in its own folder and no others."""

from __future__ import annotations

import functools
import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Protocol

from rinject.errors import InputError
from rinject.lang.diagnostics import did_you_mean
from rinject.lang.limits import LARGEST_FILE

SUFFIX = ".rasp"
LIBRARY = Path(str(resources.files("rinject.lang") / "library.rasp"))
"""The functions of the language that are written in it."""


def read_source(path: Path) -> str:
    """The text of a program file. Raises InputError where there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        near = [p.name for p in path.parent.glob(f"*{SUFFIX}")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near)
        raise InputError(f"there is no program {path}", hint=hint) from None
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", hint="name a .rasp file"
        ) from None
    check_size(len(content), str(path))
    try:
        # A mark of the encoding goes; line ends stay: they are part of the hash.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not text in UTF-8 (byte {error.start})", hint="is it a .rasp file?"
        ) from None


@functools.cache
def library_source() -> str:
    """The text of the library, read once."""
    return read_source(LIBRARY)


def check_size(size: int, name: str) -> None:
    """Raises InputError for a program of more than LARGEST_FILE bytes."""
    if size > LARGEST_FILE:
        raise InputError(
            f"{name} has {size:,} bytes, too many for a program",
            hint=f"a program has at most {LARGEST_FILE:,}; write repetition as a loop",
        )


class Loader(Protocol):
    """What a program may load."""

    def load(self, name: str, here: str) -> tuple[str, str]:
        """The shown name and the text of what `load "name";` means in the file shown as `here`.

        Raises InputError where there is nothing of that name, or nothing may be loaded.
        """


@dataclass(frozen=True)
class FolderLoader:
    """Loads the files in one folder and below it."""

    root: Path

    def load(self, name: str, here: str) -> tuple[str, str]:
        folder = Path(here).parent
        path = Path(os.path.normpath(folder / _with_suffix(name)))
        if "\0" in name or not path.resolve().is_relative_to(self.root.resolve()):
            raise InputError(
                f'"{name}" lies outside of the program\'s folder',
                hint="a program loads only files beside it or below it",
            )
        return str(path), read_source(path)


@dataclass(frozen=True)
class KeptLoader:
    """Loads texts kept with a program that is no file any more, by their names from its folder."""

    texts: Mapping[str, str]

    def load(self, name: str, here: str) -> tuple[str, str]:
        folder = posixpath.dirname(here) if here in self.texts else ""
        shown = posixpath.normpath(posixpath.join(folder, _with_suffix(name)))
        if shown not in self.texts:
            raise InputError(
                f'there is no "{name}" to load', hint="save the program beside what it loads"
            )
        return shown, self.texts[shown]


def _with_suffix(name: str) -> str:
    return name if name.endswith(SUFFIX) else name + SUFFIX
