"""The text that every machine has."""

from rinject.tasks.text import SHORTEST_PAGE, Page, documentation_pages


def test_pages_are_stable_prose() -> None:
    pages = documentation_pages()
    names = [page.name for page in pages]
    assert names == sorted(set(names))
    assert all(len(page.text) >= SHORTEST_PAGE for page in pages)
    assert sum(len(page.text) for page in pages) > 1_000_000
    assert {"topic:integers", "module:abc"} <= set(names)
    held_out = [page for page in pages if page.held_out]
    assert 0.02 < len(held_out) / len(pages) < 0.15


def test_whether_a_page_is_held_out_depends_on_its_name_alone() -> None:
    assert Page("topic:integers", "").held_out
    assert Page("topic:integers", "other words").held_out
    assert not Page("topic:strings", "").held_out
