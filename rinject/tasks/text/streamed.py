"""Pages of a data set, a few at a time, by the library `datasets`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from rinject.errors import InputError
from rinject.tasks.text.pages import Page

FIELD = "text"
LONGEST_REASON = 200


def streamed_pages(path: str, source: str, **options: Any) -> Iterator[Page]:
    """The pages of the training split of what `datasets.load_dataset` finds at a path.

    `source` is what the user called it. Raises InputError: `datasets` is not installed, the data
    cannot be read, or has no text.
    """
    try:
        from datasets import disable_progress_bars, load_dataset
    except ImportError:
        raise InputError(
            f"--text {source} needs the package `datasets`", hint="pip install 'rinject[text]'"
        ) from None
    disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for row in load_dataset(path, split="train", streaming=True, **options):
                text = row.get(FIELD)
                if not isinstance(text, str):
                    raise _no_text(source, row)
                if text.strip():
                    yield Page.of(text.strip())
    except InputError:
        raise
    except Exception as error:  # of nearly every kind
        raise InputError(f"the text {source} cannot be read: {_reason(error)}") from error


def _no_text(source: str, row: dict[str, Any]) -> InputError:
    columns = ", ".join(f"`{name}`" for name in row)
    return InputError(f"{source} has no column `{FIELD}` that holds text, only {columns}")


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:LONGEST_REASON]
