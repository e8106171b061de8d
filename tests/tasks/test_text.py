"""Ordinary text: what every machine has, local files, and data sets by way of `datasets`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from rinject.errors import InputError
from rinject.tasks.text import (
    DOCUMENTATION,
    SHORTEST_PAGE,
    Page,
    documentation_pages,
    read_texts,
    text_source,
)
from rinject.tasks.text.files import LONGEST_PAGE, PAGE, file_pages
from rinject.tasks.text.pages import MOST_HELD_OUT, parted
from rinject.tasks.text.sources import LEAST_CHARACTERS
from rinject.tasks.text.streamed import streamed_pages

PAGES = [f"Page {number} is about the number {number}. " * 40 for number in range(200)]


def write_plain(path: Path) -> Path:
    path.with_suffix(".txt").write_text("\n\n".join(PAGES), encoding="utf-8")
    return path.with_suffix(".txt")


def write_json_lines(path: Path) -> Path:
    lines = "".join(json.dumps({"id": i, "text": page}) + "\n" for i, page in enumerate(PAGES))
    path.with_suffix(".jsonl").write_text(lines + "\n", encoding="utf-8")
    return path.with_suffix(".jsonl")


def write_parquet(path: Path) -> Path:
    table = pyarrow.table({"id": [*range(len(PAGES))], "text": PAGES})
    parquet.write_table(table, path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


WRITERS = (write_plain, write_json_lines, write_parquet)
Writer = Callable[[Path], Path]


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


def test_documentation_is_read_whole() -> None:
    texts = read_texts(DOCUMENTATION, 1)
    assert len(texts.train) + len(texts.held_out) == len(documentation_pages())
    assert texts.is_whole


@pytest.mark.parametrize("write", WRITERS)
def test_files(tmp_path: Path, write: Writer) -> None:
    texts = read_texts(text_source(str(write(tmp_path / "pages"))), 1000)
    assert texts.is_whole
    assert texts.train
    assert texts.held_out
    assert {*texts.train}.isdisjoint(texts.held_out)
    read = "\n\n".join(texts.train + texts.held_out)
    assert all(page.strip() in read for page in PAGES)


def test_a_folder_of_all_kinds(tmp_path: Path) -> None:
    alone = [read_texts(str(write(tmp_path / write.__name__)), 1000) for write in WRITERS]
    (tmp_path / "notes.md").write_text("not this")
    together = read_texts(text_source(str(tmp_path)), 1_000_000)
    assert {*together.train} == {page for texts in alone for page in texts.train}
    assert {*together.held_out} == {page for texts in alone for page in texts.held_out}


def test_a_folder_by_way_of_datasets(tmp_path: Path) -> None:
    """As from the hub: the library finds the files of a data set by itself."""
    write_parquet(tmp_path / "train-00000-of-00001")
    found = [page.text for page in streamed_pages(str(tmp_path), "here")]
    assert found == [page.strip() for page in PAGES]


def test_no_more_is_read_than_needed(tmp_path: Path) -> None:
    lines = tmp_path / "many.jsonl"
    with lines.open("w") as file:
        for number in range(40_000):
            file.write(json.dumps({"text": f"{number} " * 20}) + "\n")
        file.write("this line is not read")
    few = read_texts(str(lines), 10)
    assert not few.is_whole
    held_out = sum(map(len, few.held_out))
    assert LEAST_CHARACTERS <= few.characters + held_out < LEAST_CHARACTERS + 1000
    assert held_out <= MOST_HELD_OUT
    assert read_texts(str(lines), 10) == few


def test_pages_of_plain_text_end_at_blank_lines(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "pages")
    sizes = [len(page.text) for page in file_pages(path)]
    assert all(PAGE <= size < PAGE + 2 * len(PAGES[-1]) for size in sizes[:-1])
    path.write_text("a line without blank ones\n" * 1000)
    cut = [page.text for page in file_pages(path)]
    assert all(len(page) <= LONGEST_PAGE + 30 for page in cut)
    assert "\n".join(cut) + "\n" == path.read_text()


@given(st.lists(st.text("ab", min_size=1, max_size=3), min_size=2, max_size=40))
def test_every_page_is_on_one_side(texts: list[str]) -> None:
    pages = [Page.of(text) for text in texts]
    if len({*texts}) == 1:
        with pytest.raises(InputError, match="single page"):
            parted(pages, "it", 10**6)
        return
    parts = parted(pages, "it", 10**6)
    assert parts.train
    assert parts.held_out
    assert {*parts.train}.isdisjoint(parts.held_out)
    assert sorted(parts.train + parts.held_out) == sorted(texts)


def test_names_of_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_plain(tmp_path / "pages")
    assert text_source("pages.txt") == str(path)
    assert text_source("fineweb-edu") == "fineweb-edu"
    with pytest.raises(InputError, match="--text fineweb: there is no such text") as caught:
        text_source("fineweb")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean 'fineweb-edu'?")


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", "there is no text in "),
        ("a.txt", " \n\n ", "there is no text in "),
        ("a.txt", "one short page", "has a single page of text"),
        ("a.txt", b"\xff\xfe\x00", "is not text in UTF-8"),
        ("a.jsonl", '{"text": "one"}\n{"txt": "two"}\n', r"a\.jsonl:2: there is no field `text`"),
        ("a.jsonl", '{"text": 3}\n', r"a\.jsonl:1: there is no field `text`"),
        ("a.jsonl", '["text"]\n', r"a\.jsonl:1: there is no field `text`"),
        ("a.jsonl", "text\n", r"a\.jsonl:1: not a line of JSON"),
        ("a.md", "# Title\n", "is not a text that can be read"),
        ("a.parquet", "text", r"a\.parquet cannot be read: "),
    ],
)
def test_texts_that_cannot_be_used(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(InputError, match=message) as caught:
        read_texts(text_source(str(path)), 1000)
    assert "\n" not in caught.value.message


def test_a_parquet_file_without_the_column(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"words": ["one"]}), path)
    with pytest.raises(InputError, match="has no column `text` that holds text, only `words`"):
        read_texts(str(path), 1000)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no text"):
        text_source(str(tmp_path))


READ = """
import sys
from rinject.errors import InputError
from rinject.tasks.text import read_texts
if "hidden" in sys.argv: sys.modules["datasets"] = None
try: read_texts(sys.argv[1], 1000)
except InputError as error: print(error.message); print(error.hint)
"""


def read_elsewhere(*arguments: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READ, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("how", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}])
def test_the_hub_out_of_reach(how: dict[str, str]) -> None:
    message, hint = read_elsewhere("fineweb-edu", **how)
    assert message == "--text fineweb-edu comes from the Hugging Face hub, which is out of reach"
    assert hint.startswith("use --text documentation")


def test_without_the_package(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "pages")
    message, hint = read_elsewhere(str(path), "hidden")
    assert "needs the package `datasets`" in message
    assert hint == "pip install 'rinject[text]'"
