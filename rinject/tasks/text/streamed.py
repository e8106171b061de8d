"""Pages of a data set, a few at a time, by the library `datasets`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from rinject.errors import InputError
from rinject.hub import streamed_rows
from rinject.tasks.text.pages import Page

FIELD = "text"


def streamed_pages(path: str, source: str, **options: Any) -> Iterator[Page]:
    """The pages of the training split of what `datasets.load_dataset` finds at a path.

    `source` is what the user called it. Raises InputError: `datasets` is not installed, the data
    cannot be read, or has no text.
    """
    if find_spec("datasets") is None:
        raise InputError(
            f"--text {source} needs the package `datasets`", hint="pip install 'rinject[text]'"
        )
    problem = f"the text {source} cannot be read"
    for row in streamed_rows(path, problem, split="train", **options):
        text = row.get(FIELD)
        if not isinstance(text, str):
            raise _no_text(source, row)
        if text.strip():
            yield Page.of(text.strip())


def _no_text(source: str, row: dict[str, Any]) -> InputError:
    columns = ", ".join(f"`{name}`" for name in row)
    return InputError(f"{source} has no column `{FIELD}` that holds text, only {columns}")
