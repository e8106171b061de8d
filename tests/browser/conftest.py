"""A real browser, if there is one, and the pages that it opens."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.opening import Open, Opened, Scheme
from browser.page_makers import PAGES
from inject.small_injection import one_thread as one_thread

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        pytest.skip("there is no chromium")
    with api.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes each page once."""
    made: dict[str, Path] = {}

    def file(name: str) -> Path:
        if name not in made:
            made[name] = PAGES[name](tmp_path_factory.mktemp(name))
        return made[name]

    return file


@pytest.fixture
def opened(browser: Browser, page_file: Callable[[str], Path]) -> Open:
    @contextmanager
    def open_page(name: str, width: int = 1280, scheme: Scheme = "light") -> Iterator[Opened]:
        address = page_file(name).as_uri()
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        try:
            found = Opened(context.new_page())
            found.watch(address)
            found.page.goto(address)
            yield found
        finally:
            context.close()

    return open_page
