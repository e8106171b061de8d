"""Pages of text from local files: plain text, JSON lines, and Parquet by way of `datasets`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rinject.errors import InputError
from rinject.tasks.text.pages import Page
from rinject.tasks.text.streamed import streamed_pages

PAGE = 2000
"""Characters after which a page of plain text ends at the next blank line."""
LONGEST_PAGE = 8000
"""Characters after which it ends at the next line, blank or not."""
KINDS = (".txt", ".jsonl", ".parquet")


def text_files(path: Path) -> list[Path]:
    """The files that a path names: itself, or those in a folder, by name.

    Raises InputError where there are none.
    """
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if one.suffix in KINDS and one.is_file())
        if not found:
            raise InputError(
                f"the folder {path} holds no text", hint=f"its files must end in {_words(KINDS)}"
            )
        return found
    if not path.is_file():
        raise InputError(f"there is no text {path}")
    if path.suffix not in KINDS:
        raise InputError(
            f"{path} is not a text that can be read", hint=f"its name must end in {_words(KINDS)}"
        )
    return [path]


def file_pages(path: Path) -> Iterator[Page]:
    """The pages of one file.

    Raises InputError where it cannot be read.
    """
    if path.suffix == ".parquet":
        yield from streamed_pages(str(path.parent), str(path), data_files=path.name)
        return
    try:
        yield from _records(path) if path.suffix == ".jsonl" else _plain(path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _plain(path: Path) -> Iterator[Page]:
    lines: list[str] = []
    size = 0
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            lines.append(line)
            size += len(line)
            if size >= LONGEST_PAGE or (size >= PAGE and not line.strip()):
                yield from _page("".join(lines))
                lines, size = [], 0
    yield from _page("".join(lines))


def _records(path: Path) -> Iterator[Page]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield from _page(_text(line, f"{path}:{number}"))


def _text(line: str, place: str) -> str:
    hint = 'each line is a page: {"text": "…"}'
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not a line of JSON ({error})", hint=hint) from error
    text = record.get("text") if isinstance(record, dict) else None
    if not isinstance(text, str):
        raise InputError(f"{place}: there is no field `text` that holds text", hint=hint)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{place}: half of a character (a lone surrogate)", hint=hint) from error
    return text


def _page(text: str) -> Iterator[Page]:
    if text.strip():
        yield Page.of(text.strip())


def _words(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + " or " + names[-1]
