"""Reading program files; a program reaches those in its own folder and no others."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

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
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    check_size(len(content), str(path))
    try:
        return content.decode("utf-8")  # as it is: line ends are part of the hash
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not text in UTF-8 (byte {error.start})", hint="is it a .rasp file?"
        ) from None


def check_size(size: int, name: str) -> None:
    """Raises InputError for a program of more than LARGEST_FILE bytes."""
    if size > LARGEST_FILE:
        raise InputError(
            f"{name} has {size:,} bytes, too many for a program",
            hint=f"a program has at most {LARGEST_FILE:,}; write repetition as a loop",
        )


def find_loaded(name: str, folder: Path | None, root: Path | None) -> Path:
    """The file that `load "name";` means in a file of `folder`, within `root`.

    Raises InputError for a file outside of the root, and where there are no files to load.
    """
    if folder is None or root is None:
        raise InputError(
            "a program that is not a file cannot load one", hint="save it beside what it loads"
        )
    if "\0" in name:
        raise InputError("a file name has no such character")
    path = (folder / (name if name.endswith(SUFFIX) else name + SUFFIX)).resolve()
    if not path.is_relative_to(root.resolve()):
        raise InputError(
            f'"{name}" lies outside of the program\'s folder',
            hint="a program loads only files beside it or below it",
        )
    return path
