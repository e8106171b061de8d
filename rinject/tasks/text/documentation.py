"""English text that every machine has: the documentation inside the installed Python.

No data set can be downloaded everywhere, but every Python brings prose with it: the language
reference of ``pydoc`` and the docstrings of the standard library. Pages are split by a hash of
their name, so that what is held out here was held out from the training of the embedded student
too.
"""

from __future__ import annotations

import ast
import inspect
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rinject.errors import InputError
from rinject.tasks.text.pages import Page

SHORTEST_PAGE = 400  # characters
SKIPPED_PACKAGES = frozenset({"site-packages", "test", "tests", "idlelib", "lib2to3", "pydoc_data"})


@cache
def documentation_pages() -> tuple[Page, ...]:
    """All pages of the installed Python's own documentation, sorted by name.

    Raises InputError where Python was installed without it.
    """
    pages = [*_topic_pages(), *_docstring_pages()]
    long = (page for page in pages if len(page.text) >= SHORTEST_PAGE)
    return tuple(sorted(long, key=lambda page: page.name))


def _topic_pages() -> Iterator[Page]:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise InputError(
            "this Python was installed without its documentation (pydoc_data)",
            hint="install the whole standard library, in a Python of the ordinary kind",
        ) from None
    for name, text in topics.items():
        yield Page(f"topic:{name}", text.strip())


def _docstring_pages() -> Iterator[Page]:
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        if SKIPPED_PACKAGES.isdisjoint(relative.parts):
            text = _docstrings(path)
            yield Page(f"module:{relative.with_suffix('').as_posix()}", text)


def _docstrings(path: Path) -> str:
    """The docstrings of one source file, in order, or nothing where it cannot be parsed."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        return ""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = (ast.get_docstring(n) for n in ast.walk(tree) if isinstance(n, documented))
    return "\n\n".join(inspect.cleandoc(doc) for doc in docs if doc)
