"""A page in a browser, and what is noted about it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from playwright.sync_api import Page

Scheme = Literal["light", "dark"]


@dataclass
class Opened:
    """A page in the browser, and what it did that it should not."""

    page: Page
    requests: list[str] = field(default_factory=list)
    """What it asked for, apart from itself."""
    complaints: list[str] = field(default_factory=list)
    """What stands in its console."""

    def watch(self, own: str) -> None:
        """Notes what it does from now on; `own` is its address."""
        self.page.on("request", lambda asked: self._note_request(asked.url, own))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.append(said.text))

    def _note_request(self, address: str, own: str) -> None:
        if address != own and not address.startswith("data:"):
            self.requests.append(address)


class Open(Protocol):
    """Opens a page of `PAGES` by its name, from its file, without a network."""

    def __call__(
        self, name: str, width: int = 1280, scheme: Scheme = "light"
    ) -> AbstractContextManager[Opened]: ...
