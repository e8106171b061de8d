"""Tokenizers as families of models have them: one token for each symbol in all of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from token_samples import COUNT, DYCK, KINDS, SENTENCES, SUM, header, of_kind
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from rinject.errors import InputError
from rinject.lang import Header
from rinject.tokens import Reconciliation, reconcile
from rinject.tokens.texts import encoded, token_texts

PLACES = ("{}", " {}", "a + {} =", "so: {}.", "x{}x", "\n{}\n")
kind_of_tokenizer = pytest.mark.parametrize("kind", KINDS)

tokenizer = cache(of_kind)


@cache
def reconciled(kind: str, program: Header) -> Reconciliation:
    return reconcile(tokenizer(kind), program)


def symbols(reconciliation: Reconciliation, text: str) -> list[str]:
    found = reconciliation.symbols(reconciliation.encode(text))
    return [symbol for symbol in found if symbol != "_"]


@kind_of_tokenizer
@pytest.mark.parametrize("place", PLACES)
def test_one_token_for_each_digit(kind: str, place: str) -> None:
    reconciliation = reconciled(kind, SUM)
    for number in range(0, 2500, 7):
        text = place.format(number)
        assert symbols(reconciliation, text) == [c for c in text if c in "0123456789+="]


@kind_of_tokenizer
@pytest.mark.parametrize("place", PLACES)
def test_one_token_for_each_bracket(kind: str, place: str) -> None:
    reconciliation = reconciled(kind, DYCK)
    for brackets in ("(", "))", "([{}])", "]](({}))[[", "(((((((()"):
        text = place.format(brackets)
        wanted = ["compute" if c == ":" else c for c in text if c in "()[]{}:"]
        assert symbols(reconciliation, text) == wanted


@kind_of_tokenizer
def test_words_with_their_space(kind: str) -> None:
    reconciliation = reconciled(kind, COUNT)
    assert symbols(reconciliation, "x y x, the y in it: x") == ["x", "y", "x", "y", "compute", "x"]
    taken = [reconciliation.text_of(i) for i in reconciliation.student_ids("how many x?")]
    has_token = " x" in token_texts(tokenizer(kind)).values()
    assert (" x" in taken) == has_token  # then the space stays with the word


@kind_of_tokenizer
@pytest.mark.parametrize("program", [DYCK, COUNT, SUM], ids=["dyck", "count", "sum"])
@settings(max_examples=60)
@given(data=st.data())
def test_other_text_is_tokenized_as_before(kind: str, program: Header, data: st.DataObject) -> None:
    words = st.sampled_from(" ".join(SENTENCES[:4]).split()) | st.text("abé ,-\n", max_size=5)
    drawn = " ".join(data.draw(st.lists(words, max_size=12)))
    text = "".join(c for c in drawn if c not in "()[]{}:0123456789+=xy")
    assert reconciled(kind, program).student_ids(text) == encoded(tokenizer(kind), text)


@kind_of_tokenizer
def test_ids_and_decoding_stay(kind: str) -> None:
    reconciliation = reconciled(kind, DYCK)
    assert reconciliation.tokenizer.get_vocab() == tokenizer(kind).get_vocab()
    for text in ("So [[]] ({}) it is: yes", "((a)) b"):
        before = tokenizer(kind).decode(encoded(tokenizer(kind), text))
        assert reconciliation.tokenizer.decode(reconciliation.encode(text)) == before


@kind_of_tokenizer
def test_what_follows_a_text_keeps_its_space(kind: str) -> None:
    reconciliation = reconciled(kind, DYCK)
    before = reconciliation.student_ids("Answer:")
    after = reconciliation.student_ids("Answer: yes")
    assert after[: len(before)] == before
    assert reconciliation.written(after[len(before) :]) == " yes"


@kind_of_tokenizer
def test_saved_and_read_back(kind: str, tmp_path: Path) -> None:
    reconciliation = reconciled(kind, SUM)
    reconciliation.tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert isinstance(loaded, PreTrainedTokenizerFast)
    again = Reconciliation.from_record(reconciliation.to_record(), loaded)
    text = "In 1910 they wrote 12 + 30 = 42."
    assert again.student_ids(text) == reconciliation.student_ids(text)
    assert again.symbols(again.encode(text)) == reconciliation.symbols(reconciliation.encode(text))


@kind_of_tokenizer
def test_a_record_on_a_tokenizer_that_does_not_split(kind: str) -> None:
    record = reconciled(kind, DYCK).to_record()
    with pytest.raises(InputError, match="does not split off"):
        Reconciliation.from_record(record, tokenizer(kind))


@pytest.mark.parametrize("kind", ["bytes-one-digit", "bytes-digits", "bytes-three-digits"])
def test_a_number_that_the_tokenizer_must_cut(kind: str) -> None:
    program = header(("2010", "_"), otherwise="_")
    with pytest.raises(InputError, match="no token of the student reaches the symbol '2010'"):
        reconcile(tokenizer(kind), program)


def test_a_vocabulary_without_the_symbol() -> None:
    words = [("<unk>", 0.0), ("▁", -1.0), ("a", -1.0), ("▁a", -1.0), ("(", -1.0)]
    small = Tokenizer(models.Unigram(words, 0))
    small.pre_tokenizer, small.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=small, unk_token="<unk>")
    assert reconcile(wrapped, header(("(", "_"), otherwise="_")).symbols([4]) == ["("]
    with pytest.raises(InputError, match="no token of the student reaches the symbol '7'"):
        reconcile(wrapped, header(("(", "7", "_"), otherwise="_"))
