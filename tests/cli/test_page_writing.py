"""Pages are written whole, with their data in them, and nothing in it gets out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from matplotlib.figure import Figure

from rinject.cli.pages.page import picture, write_page

HOSTILE = "</script><script>alert(1)</script><!-- & 'é"
CONTEXT = {"prompts": 1, "answered": 0, "right": 0}


def test_data_stays_data(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_page(path, "decode", title=HOSTILE, data={"text": HOSTILE}, **CONTEXT)
    text = path.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "<title>&lt;/script&gt;" in text
    found = re.search(r'id="data">(.*?)</script>', text)
    assert found
    assert json.loads(found[1]) == {"text": HOSTILE}


@pytest.mark.parametrize(
    ("data", "context", "error"),
    [({"x": float("nan")}, CONTEXT, ValueError), ({}, {}, UndefinedError)],
)
def test_a_page_that_fails_leaves_the_old_one(
    tmp_path: Path, data: dict[str, float], context: dict[str, int], error: type[Exception]
) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(error):
        write_page(path, "decode", title="new", data=data, **context)
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]
    assert path.read_text() == "old"


def test_a_picture_lies_in_the_page() -> None:
    image = picture(lambda: Figure(figsize=(1, 1)), 'a "plot" <of> nothing')
    assert image.startswith('<img class="picture" alt="a &#34;plot&#34; &lt;of&gt; nothing"')
    assert 'src="data:image/svg+xml;base64,' in image
