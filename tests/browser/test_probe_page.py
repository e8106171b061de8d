"""The controls of the probe's page, by mouse and by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browser.opening import Open

if TYPE_CHECKING:
    from playwright.sync_api import Page

HEADS = "#interchange-table tbody tr:visible th"


def names(page: Page) -> list[str]:
    return page.locator(HEADS).all_inner_texts()


def test_tables_are_sorted_and_cut(opened: Open) -> None:
    with opened("probed") as found:
        page = found.page
        before = names(page)
        assert {"tokens", "depth", "answer"} <= set(before)
        page.select_option("#order", "name")
        assert names(page) == sorted(before, key=str.lower)
        page.focus("#changing")
        page.keyboard.press("Space")
        fewer = names(page)
        assert 0 < len(fewer) < len(before)
        assert "answer" in fewer
        page.select_option("#order", "program")
        page.click("#changing")
        assert names(page) == before
        assert found.complaints == []


@pytest.mark.parametrize("width", [1280, 400])
def test_a_variable_is_shown_in_detail(opened: Open, width: int) -> None:
    with opened("probed", width) as found:
        page = found.page
        page.select_option("#variable", "answer")
        rows = page.locator("#detail tbody th").all_inner_texts()
        assert rows == ["swapped", "set to F", "set to T"]
        assert "Layer 4 of the program" in page.inner_text("#detail")
        page.focus("#variable")
        page.keyboard.press("ArrowUp")
        assert page.locator("#detail caption").inner_text() != "answer"
        assert found.complaints == []
