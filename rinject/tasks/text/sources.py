"""The text that a run trains and measures on, by the name that the user gives it."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from rinject.errors import InputError
from rinject.hub import hub_answers
from rinject.tasks.text.documentation import documentation_pages
from rinject.tasks.text.files import file_pages, text_files
from rinject.tasks.text.pages import Page, Texts, parted
from rinject.tasks.text.streamed import streamed_pages

DOCUMENTATION = "documentation"
HUB = {"fineweb-edu": ("HuggingFaceFW/fineweb-edu", "sample-10BT")}
"""Name -> data set on the Hugging Face hub, and its configuration."""
CHARACTERS_A_TOKEN = 5  # a little more than English has
LEAST_CHARACTERS = 2_000_000  # so that enough is held out
MOST_CHARACTERS = 50_000_000  # windows at random places of it come again in other cuts


def text_source(name: str) -> str:
    """The name as a bundle keeps it, a file's with its folder.

    Raises InputError where there is no such text; nothing is read yet.
    """
    if name == DOCUMENTATION or name in HUB:
        return name
    path = Path(name)
    if not path.exists():
        raise _unknown(name)
    text_files(path)
    return str(path.absolute())


def read_texts(source: str, tokens: int) -> Texts:
    """The text of a source, for a run that reads so many tokens of it.

    Documentation is read whole; of all else no more than is needed, and no more than
    `MOST_CHARACTERS`. The same source and number give the same pages. Raises InputError where it
    cannot be read or is too short.
    """
    if source == DOCUMENTATION:
        pages = documentation_pages()
        return Texts(
            train=tuple(page.text for page in pages if not page.held_out),
            held_out=tuple(page.text for page in pages if page.held_out),
        )
    wanted = min(max(tokens * CHARACTERS_A_TOKEN, LEAST_CHARACTERS), MOST_CHARACTERS)
    return parted(_pages(source), source, wanted)


def _pages(source: str) -> Iterator[Page]:
    if source not in HUB:
        for path in text_files(Path(source)):
            yield from file_pages(path)
        return
    name, configuration = HUB[source]
    if not hub_answers(name, "dataset"):
        raise InputError(
            f"--text {source} comes from the Hugging Face hub, which is out of reach",
            hint=f"use --text {DOCUMENTATION}, or a .txt, .jsonl or .parquet file of your own",
        )
    yield from streamed_pages(name, source, name=configuration)


def _unknown(name: str) -> InputError:
    known = (DOCUMENTATION, *HUB)
    near = get_close_matches(name, known, n=1)
    question = f"did you mean {near[0]!r}? " if near else ""
    return InputError(
        f"--text {name}: there is no such text",
        hint=question + f"it is {', '.join(known)}, or a .txt, .jsonl or .parquet file or folder",
    )
