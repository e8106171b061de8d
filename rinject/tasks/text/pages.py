"""Pages of text, some of them kept away from every training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rinject.errors import InputError

HELD_OUT_SHARE = 16  # one page in sixteen
MOST_HELD_OUT = 500_000  # characters: perplexity on more takes long and says the same


@dataclass(frozen=True)
class Page:
    """A named piece of text."""

    name: str
    text: str

    @classmethod
    def of(cls, text: str) -> Page:
        """A page named by its own text: what is the same is trained on or held out together."""
        return cls(text, text)

    @property
    def digest(self) -> bytes:
        """SHA-256 of its name."""
        return hashlib.sha256(self.name.encode(errors="replace")).digest()

    @property
    def held_out(self) -> bool:
        """Whether the page is kept away from every training (a stable function of its name)."""
        return self.digest[0] % HELD_OUT_SHARE == 0


@dataclass(frozen=True)
class Texts:
    """The pages of one source, parted."""

    train: tuple[str, ...]
    """To train on."""
    held_out: tuple[str, ...]
    """To measure perplexity on."""
    is_whole: bool = True
    """Whether the source had no more than what was read."""

    @property
    def characters(self) -> int:
        """Of all pages to train on."""
        return sum(map(len, self.train))


def pages_sha256(pages: Iterable[str]) -> str:
    """What tells one list of pages from any other."""
    together = hashlib.sha256()
    for page in pages:
        together.update(hashlib.sha256(page.encode()).digest())
    return together.hexdigest()


def parted(pages: Iterable[Page], source: str, characters: int) -> Texts:
    """So many characters of pages, parted into those to train on and those held out.

    Pages are held out by their hash; of a few pages, the one with the smallest. Raises InputError,
    naming the source, where there are fewer than two pages.
    """
    read, is_whole = _first(pages, characters)
    held_out = [page for page in read if page.held_out]
    if not held_out or len({page.name for page in held_out}) == len({page.name for page in read}):
        held_out = _one(read, source)
    names = {page.name for page in held_out}
    train = tuple(page.text for page in read if page.name not in names)
    return Texts(train, _up_to(held_out, MOST_HELD_OUT), is_whole)


def _first(pages: Iterable[Page], characters: int) -> tuple[list[Page], bool]:
    """The first pages, so many characters of them, and whether these are all."""
    read: list[Page] = []
    size = 0
    for page in pages:
        if size >= characters:
            return read, False
        read.append(page)
        size += len(page.text)
    return read, True


def _one(pages: Sequence[Page], source: str) -> list[Page]:
    """The page with the smallest hash, as often as it comes."""
    if not pages:
        raise InputError(f"there is no text in {source}")
    chosen = min(pages, key=lambda page: page.digest)
    alike = [page for page in pages if page.name == chosen.name]
    if len(alike) == len(pages):
        raise InputError(
            f"{source} has a single page of text, and one must be held out to measure perplexity",
            hint="give more text, in pages of some thousand characters",
        )
    return alike


def _up_to(pages: Iterable[Page], characters: int) -> tuple[str, ...]:
    return tuple(page.text for page in _first(pages, characters)[0])
