"""Ordinary text, to keep a student close to its former self and to measure perplexity on."""

from rinject.tasks.text.documentation import SHORTEST_PAGE, documentation_pages
from rinject.tasks.text.pages import Page, Texts, pages_sha256
from rinject.tasks.text.sources import DOCUMENTATION, read_texts, text_source

__all__ = [
    "DOCUMENTATION",
    "SHORTEST_PAGE",
    "Page",
    "Texts",
    "documentation_pages",
    "pages_sha256",
    "read_texts",
    "text_source",
]
