"""The controls of the decode page, by mouse and by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browser.opening import Open

if TYPE_CHECKING:
    from playwright.sync_api import Page

CELLS = "#table td[data-variable]"


def heads(page: Page) -> list[str]:
    return page.locator("#table thead th").all_inner_texts()


def focused(page: Page) -> tuple[int, int]:
    """Row and column of the focused cell."""
    place = page.evaluate(
        "() => { const one = document.activeElement;"
        " return [one.parentElement.rowIndex, one.cellIndex]; }"
    )
    return place[0], place[1]


def test_a_layer_shows_what_it_holds(opened: Open) -> None:
    with opened("decoded") as found:
        page = found.page
        page.click("#fold")
        everything = heads(page)
        assert {"tokens", "opened", "depth", "answer"} <= set(everything)
        page.select_option("#layer", "0")
        assert heads(page) == ["token", "writes", "tokens", "indices"]
        page.focus("#layer")
        for _ in range(4):
            page.keyboard.press("ArrowDown")
        assert heads(page) == everything
        assert found.complaints == []


def test_a_prompt_is_picked(opened: Open) -> None:
    with opened("decoded") as found:
        page = found.page
        assert "(())" in page.inner_text("#prompt-text")
        page.focus("#prompt")
        page.keyboard.press("ArrowDown")
        assert "())" in page.inner_text("#prompt-text")
        assert "(())" not in page.inner_text("#prompt-text")
        assert "the program answers no" in page.inner_text("#answer")


def test_right_and_wrong_differ_by_more_than_colour(opened: Open) -> None:
    with opened("decoded") as found:
        page = found.page
        wrong = page.locator(f"{CELLS}.is-wrong").all_inner_texts()
        right = page.locator(f"{CELLS}.is-right").all_inner_texts()
        assert wrong
        assert all(text.startswith("✗ ") and "≠" in text for text in wrong)
        assert not any("✗" in text or "≠" in text for text in right)
        unread = page.locator(f"{CELLS}.is-unread").first
        assert unread.evaluate("(one) => getComputedStyle(one).fontStyle") == "italic"


def test_constants_are_folded_and_unfolded(opened: Open) -> None:
    with opened("decoded_spelled") as found:
        page = found.page
        folded = heads(page)
        page.focus("#fold")
        page.keyboard.press("Space")
        assert page.get_attribute("#fold", "aria-pressed") == "false"
        assert len(heads(page)) >= len(folded)
        assert page.inner_text("#folded") == ""


@pytest.mark.parametrize("width", [1280, 400])
def test_scores_appear_on_hover_and_on_focus(opened: Open, width: int) -> None:
    with opened("decoded", width) as found:
        page, tip = found.page, found.page.locator("#tip")
        assert tip.is_hidden()
        page.locator(CELLS).nth(1).hover()
        assert tip.is_visible()
        bars = page.locator("#tip .bars i")
        shares = [
            float(bars.nth(i).evaluate("(bar) => bar.style.width")[:-1])
            for i in range(bars.count())
        ]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) < 101
        page.mouse.move(1, 1)
        assert tip.is_hidden()
        page.locator(CELLS).first.focus()
        assert tip.is_visible()
        assert page.locator(CELLS).first.get_attribute("aria-describedby") == "tip"
        box = tip.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        page.keyboard.press("Escape")
        assert tip.is_hidden()


def test_the_arrows_move_between_cells(opened: Open) -> None:
    with opened("decoded") as found:
        page = found.page
        page.locator(CELLS).first.focus()
        row, column = focused(page)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert focused(page) == (row + 1, column + 1)
        assert page.locator("#tip").is_visible()
        page.keyboard.press("End")
        assert focused(page)[1] > column + 1
        page.keyboard.press("Control+Home")
        assert focused(page) == (row, column)
        page.keyboard.press("ArrowUp")
        assert focused(page) == (row, column)
        assert page.locator(f"{CELLS}[tabindex='0']").count() == 1


def test_a_variable_shows_its_scores(opened: Open) -> None:
    with opened("decoded") as found:
        page = found.page
        assert page.locator("#scores-card").is_hidden()
        page.select_option("#variable", label="depth")
        assert page.inner_text("#scores-head") == "Scores of depth"
        assert page.locator("#scores tbody tr").count() == page.locator("#table tbody tr").count()
        chosen = page.locator("#table thead th.is-chosen").all_inner_texts()
        assert chosen == ["depth"]
        page.select_option("#layer", "0")
        assert page.input_value("#variable") == "-1"
        assert page.locator("#scores-card").is_hidden()


@pytest.mark.parametrize("kind", ["raw", "projected"])
def test_heat_maps_by_mouse_and_by_keyboard(opened: Open, kind: str) -> None:
    with opened("decoded") as found:
        page = found.page
        assert page.locator(f"#{kind}-card").is_hidden()
        page.click(f"#{kind}")
        canvas = page.locator(f"#{kind}-map canvas")
        assert canvas.is_visible()
        colours = canvas.evaluate(
            "(one) => new Set(one.getContext('2d').getImageData(0, 0, one.width, one.height).data)"
            ".size"
        )
        assert colours > 20
        body = page.locator(f"#{kind}-map .map-body")
        body.focus()
        first = page.inner_text(f"#{kind}-readout")
        page.keyboard.press("ArrowRight")
        assert page.inner_text(f"#{kind}-readout") != first
        page.keyboard.press("ArrowLeft")
        assert page.inner_text(f"#{kind}-readout") == first
        canvas.hover()
        assert page.inner_text(f"#{kind}-readout") != first
        page.focus(f"#{kind}")
        page.keyboard.press("Enter")
        assert page.locator(f"#{kind}-card").is_hidden()
        assert found.complaints == []


def test_the_answer_is_followed(opened: Open) -> None:
    with opened("decoded_spelled") as found:
        page = found.page
        rows = page.locator("#table tbody tr")
        answers = page.locator("#table tbody tr:has(.answer-mark)")
        assert 0 < answers.count() < rows.count()
        writes = [rows.nth(i).locator("td").first.inner_text() for i in range(rows.count())]
        start = rows.count() - answers.count()
        assert writes[: start - 1] == [""] * (start - 1)
        tokens = [answers.nth(i).locator("th").inner_text() for i in range(answers.count())]
        for written, token in zip(writes[start - 1 :], tokens, strict=False):
            assert token.startswith(written)
        assert answers.locator("td.is-right, td.is-wrong").count() > 0


def test_prompts_beyond_the_room_have_no_heat_maps(opened: Open) -> None:
    with opened("decoded_small") as found:
        page = found.page
        page.click("#raw")
        assert page.locator("#raw-map canvas").is_visible()
        page.select_option("#prompt", "1")
        assert page.locator("#raw-map canvas").count() == 0
        assert "its first prompts only" in page.inner_text("#raw-note")
        page.click("#projected")
        assert page.locator(CELLS).count() > 0
        assert found.complaints == []
