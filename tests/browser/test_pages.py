"""What every page must do, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser.opening import Open, Scheme
from browser.page_makers import PAGES

WIDTHS = (1280, 400)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
LEAST_CONTRAST = 4.5

CONTRASTS = (Path(__file__).parent / "contrasts.js").read_text()
"""A function: for each piece of visible text its contrast with what is behind it."""
UNNAMED = """() => [...document.querySelectorAll("button, select, input, a[href], [role=img], img")]
    .filter((one) => !(one.getAttribute("aria-label") || one.alt || one.textContent.trim()
        || one.labels?.length))
    .map((one) => one.outerHTML)"""
OUTSIDE = """() => [...document.querySelectorAll("[src], [href]")]
    .map((one) => one.getAttribute("src") ?? one.getAttribute("href"))
    .filter((place) => !/^(data:|#)/.test(place))"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
FOCUSED = """() => {
    const one = document.activeElement;
    if (one === document.body) return null;
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return { tag: one.tagName, id: one.id, ring: outlineStyle === "none" ? "0px" : outlineWidth };
}"""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_and_can_be_read(opened: Open, name: str, width: int, scheme: Scheme) -> None:
    with opened(name, width, scheme) as found:
        page = found.page
        assert page.locator("h1").inner_text() == page.title()
        assert page.evaluate(OVERFLOW) <= 0
        pale = [one for one in page.evaluate(CONTRASTS) if one["contrast"] < LEAST_CONTRAST]
        assert pale == []
        dark = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert (max(map(int, dark[4:-1].split(","))) < 128) == (scheme == "dark")
        assert found.requests == []
        assert found.complaints == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing(opened: Open, name: str) -> None:
    with opened(name) as found:
        assert found.page.evaluate(OUTSIDE) == []
        fetched = "() => fetch('https://example.org').then(() => 'fetched', () => 'refused')"
        assert found.page.evaluate(fetched) == "refused"
        assert found.requests == []
        assert any("Content Security Policy" in said for said in found.complaints)


@pytest.mark.parametrize("name", PAGES)
def test_everything_has_a_name_and_a_ring_when_focused(opened: Open, name: str) -> None:
    with opened(name) as found:
        page = found.page
        assert page.evaluate(UNNAMED) == []
        reached = []
        for _ in range(200):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            if focused is None:
                break
            assert float(focused["ring"].removesuffix("px")) >= 2, focused
            reached.append(focused)
        ids = {one["id"] for one in reached}
        controls = page.locator("main :is(button, select):visible")
        assert {controls.nth(i).get_attribute("id") for i in range(controls.count())} <= ids
