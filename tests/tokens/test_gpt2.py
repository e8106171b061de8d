"""The real GPT-2 tokenizer, reconciled: all short numbers, all brackets, a megabyte of prose."""

from __future__ import annotations

import os
import re
from itertools import product, repeat
from pathlib import Path

import pytest
from token_samples import COUNT, DYCK, SUM
from transformers import PreTrainedTokenizerFast

from rinject.lang import Header
from rinject.tasks.text import documentation_pages
from rinject.tokens import Reconciliation, reconcile

NUMBERS = ["".join(digits) for n in range(1, 5) for digits in product("0123456789", repeat=n)]
BYTES_OF_PROSE = 1_000_000


def all_ids(reconciliation: Reconciliation, texts: list[str]) -> list[list[int]]:
    backend = reconciliation.tokenizer.backend_tokenizer
    return [row.ids for row in backend.encode_batch(texts, add_special_tokens=False)]


@pytest.mark.parametrize("place", ["{}", " {}", "a + {} =", "What is {}+{}=?"])
def test_every_number_of_up_to_four_digits(
    gpt2_tokenizer: PreTrainedTokenizerFast, place: str
) -> None:
    assert len(NUMBERS) == 11_110
    reconciliation = reconcile(gpt2_tokenizer, SUM)
    texts = [place.format(number, number[::-1]) for number in NUMBERS]
    for text, ids in zip(texts, all_ids(reconciliation, texts), strict=True):
        found = [symbol for symbol in reconciliation.symbols(ids) if symbol != "_"]
        assert found == [c for c in text if c in "0123456789+="]


def test_every_string_of_up_to_four_brackets(gpt2_tokenizer: PreTrainedTokenizerFast) -> None:
    reconciliation = reconcile(gpt2_tokenizer, DYCK)
    strings = ["".join(s) for n in range(1, 5) for s in product("()[]{}", repeat=n)]
    for place in ("{}", " {}", "matched? {}\nAnswer"):
        ids = all_ids(reconciliation, [place.format(string) for string in strings])
        for string, row in zip(strings, ids, strict=True):
            found = [symbol for symbol in reconciliation.symbols(row) if symbol != "_"]
            assert found == [*string]


@pytest.fixture(scope="session")
def prose() -> list[str]:
    """Pages of English, a megabyte in all: from the data folder, or else documentation."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    file = Path(os.environ.get("RINJECT_SHARED_DATA", beside)) / "text" / "wikitext2-test.txt"
    if file.is_file():
        pages = file.read_text(encoding="utf-8").split("\n \n")
    else:
        pages = [page.text for page in documentation_pages()]
    assert sum(len(page.encode()) for page in pages) >= BYTES_OF_PROSE
    return pages


@pytest.mark.parametrize(
    ("program", "characters"),
    [(DYCK, "()[]{}:"), (SUM, "0123456789+=")],
    ids=["dyck", "sum"],
)
def test_prose_is_tokenized_as_before(
    gpt2_tokenizer: PreTrainedTokenizerFast,
    prose: list[str],
    program: Header,
    characters: str,
) -> None:
    without = str.maketrans(dict.fromkeys(characters, ""))
    assert_as_before(gpt2_tokenizer, program, [page.translate(without) for page in prose])


def test_words_that_hold_a_symbol_stay_uncut(
    gpt2_tokenizer: PreTrainedTokenizerFast, prose: list[str]
) -> None:
    """`x` and `y` stand in many words; only where they stand alone are they symbols."""
    words = [re.findall(r"[^\W\d_]+", page) for page in prose]
    kept = [" ".join(word for word in page if word not in ("x", "y")) for page in words]
    assert sum(map(str.count, kept, repeat("y"))) > 10_000
    assert_as_before(gpt2_tokenizer, COUNT, kept)


def assert_as_before(tokenizer: PreTrainedTokenizerFast, program: Header, texts: list[str]) -> None:
    before = tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False)
    after = all_ids(reconcile(tokenizer, program), texts)
    assert after == [row.ids for row in before]
    assert sum(map(len, after)) > 150_000


def test_prose_with_symbols_in_it_reads_back(
    gpt2_tokenizer: PreTrainedTokenizerFast, prose: list[str]
) -> None:
    reconciliation = reconcile(gpt2_tokenizer, DYCK)
    decode = reconciliation.tokenizer.backend_tokenizer.decode_batch
    assert decode(all_ids(reconciliation, prose), skip_special_tokens=False) == prose
