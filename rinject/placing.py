"""Directories and files, complete or not there: written beside their place, then renamed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rinject.errors import InputError


def check_target(directory: Path, mark: str) -> None:
    """Raises InputError when writing to `directory` would harm something else, or is not possible.

    It may be new, empty, or hold a file called `mark`, by which its own kind is known.
    """
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is a file", hint="choose a directory")
    if directory.is_dir() and not (directory / mark).is_file() and any(directory.iterdir()):
        raise InputError(
            f"{directory} holds other files", hint="choose an empty or a new directory"
        )
    check_room(directory.resolve())


def check_file_target(path: Path) -> None:
    """Raises InputError where no file can be written."""
    if path.is_dir():
        raise InputError(f"{path} is a directory", hint="name a file")
    check_room(path)


def check_room(path: Path) -> None:
    """Raises InputError where nothing can be put beside a path, whose folders may be missing."""
    nearest = next((parent for parent in path.absolute().parents if parent.exists()), path)
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass  # rights alone do not tell: root has them everywhere
    except OSError:
        raise InputError(f"cannot write to {nearest}", hint="choose another place") from None


@contextmanager
def placed(directory: str | Path, mark: str) -> Iterator[Path]:
    """Yields a new directory to write to, which takes the place of `directory` afterwards.

    What was there before is lost only to a complete successor: when the block raises, or the
    renaming fails, it stays. Raises InputError as :func:`check_target` does.
    """
    directory = Path(directory).resolve()
    check_target(directory, mark)
    new = _beside(directory)
    try:
        new.chmod(0o777 & ~_umask())
        yield new
        for file in filter(Path.is_file, new.rglob("*")):
            file.chmod(0o666 & ~_umask())  # safetensors writes for the owner's eyes alone
        _put_in_place(new, directory)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> InputError:
    reason = error.strerror or error
    return InputError(f"cannot write {path}: {reason}", hint="choose another place")


def _beside(directory: Path) -> Path:
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    except OSError as error:
        raise _unwritable(directory, error) from error


@contextmanager
def placed_file(path: Path) -> Iterator[Path]:
    """Yields a file name to write to; the file takes the place of `path` once it is whole.

    Raises InputError where the file cannot be written or put there.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        beside.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(OSError):  # where nothing can be written, nothing can be removed
            beside.unlink(missing_ok=True)


def clear_leftovers(directory: str | Path) -> None:
    """Removes what :func:`placed` left beside `directory` in processes that were killed.

    Only for callers that know that no other process is placing it. A directory that had just been
    moved out of the way comes back.
    """
    directory = Path(directory).resolve()
    left = re.compile(rf"\.{re.escape(directory.name)}\.[a-z0-9_]{{8}}(\.old)?")
    found = [path for path in directory.parent.glob(".*") if left.fullmatch(path.name)]
    for path in found:
        if path.name.endswith(".old") and not directory.exists():
            os.rename(path, directory)
        else:
            shutil.rmtree(path, ignore_errors=True)


def sync(path: Path) -> None:
    """Returns when a file, or the names in a directory, are on the disk and not on the way."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all(directory: Path) -> None:
    """As :func:`sync`, of a directory with the files in it, and of its own name."""
    for path in directory.iterdir():
        if path.is_file():
            sync(path)
    sync(directory)
    sync(directory.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _put_in_place(new: Path, directory: Path) -> None:
    """Renames; the old directory, if any, comes back should that fail."""
    if not directory.exists():
        os.rename(new, directory)
        return
    old = new.with_name(new.name + ".old")
    os.rename(directory, old)
    try:
        os.rename(new, directory)
    except OSError:
        os.rename(old, directory)
        raise
    shutil.rmtree(old)
