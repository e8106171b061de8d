"""Splitting: one token per symbol, and every other text tokenized as before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from token_samples import COUNT, DYCK, header
from tokenizers import pre_tokenizers

from rinject.errors import InputError
from rinject.lang import SymbolRule, load_program
from rinject.tokens import reconcile

unhurried = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
any_text = st.text(max_size=60) | st.text("abc xyz'1290.,-_é\n\t", max_size=60)


def encode(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False, verbose=False)


def texts(reconciliation, text):
    return [reconciliation.text_of(token_id) for token_id in reconciliation.encode(text)]


def test_one_token_per_bracket(tokenizer):
    reconciliation = reconcile(tokenizer, DYCK)
    ids = reconciliation.encode("matched? [[]]((){}}) Answer:")
    brackets = [symbol for symbol in reconciliation.symbols(ids) if symbol != "_"]
    assert brackets == [*"[[]]((){}})", "compute"]


def test_the_space_before_a_bracket_is_its_own_filler(tokenizer):
    reconciliation = reconcile(tokenizer, DYCK)
    assert texts(reconciliation, "? [(")[-3:] == [" ", "[", "("]
    assert reconciliation.symbols(reconciliation.encode("? [("))[-3:] == ["_", "[", "("]


def test_words_are_symbols_with_and_without_their_space(tokenizer):
    reconciliation = reconcile(tokenizer, COUNT)
    ids = reconciliation.encode("x y x\nx (y) x:")
    found = [symbol for symbol in reconciliation.symbols(ids) if symbol != "_"]
    assert found == ["x", "y", "x", "x", "y", "x", "compute"]
    assert {" x", "x"} <= set(texts(reconciliation, "x x"))


@pytest.mark.parametrize("text", ["the text extra box", "xs ax x1 _x xé x_", "axes of y2"])
def test_words_that_contain_a_symbol_stay_uncut(tokenizer, text):
    assert encode(reconcile(tokenizer, COUNT).tokenizer, text) == encode(tokenizer, text)


def test_longest_piece_first(tokenizer):
    reconciliation = reconcile(tokenizer, header((*"10(", "10", "((", "_"), otherwise="_"))
    symbols = reconciliation.symbols(reconciliation.encode("10((1001((("))
    assert symbols == ["10", "((", "10", "0", "1", "((", "("]


@unhurried
@given(text=any_text)
def test_text_without_brackets_is_tokenized_as_before(tokenizer, text):
    text = "".join(character for character in text if character not in "()[]{}:")
    assert encode(cached(tokenizer, DYCK).tokenizer, text) == encode(tokenizer, text)


@unhurried
@given(words=st.lists(st.text("abcéx'-_ 19\n", min_size=2), max_size=12))
def test_text_without_a_lone_x_is_tokenized_as_before(tokenizer, words):
    text = " ".join(word.replace("x", "zxz") for word in words)
    assert encode(cached(tokenizer, COUNT).tokenizer, text) == encode(tokenizer, text)


@unhurried
@given(text=st.text("()[]{}: ax1\n", max_size=40))
def test_every_bracket_of_any_text_is_one_symbol(tokenizer, text):
    reconciliation = cached(tokenizer, DYCK)
    symbols = reconciliation.symbols(reconciliation.encode(text))
    assert [s for s in symbols if len(s) == 1 and s != "_"] == [c for c in text if c in "()[]{}"]
    assert reconciliation.tokenizer.decode(reconciliation.encode(text)) == text


@unhurried
@given(character=st.characters(max_codepoint=126).filter(lambda c: not c.isalpha()))
def test_no_character_is_special_in_a_piece(small_tokenizer, character):
    reconciliation = reconcile(small_tokenizer, header((character, "zz"), otherwise="zz"))
    assert reconciliation.symbols(reconciliation.encode(f"A{character}{character}B")) == [
        "zz", character, character, "zz"
    ]  # fmt: skip


_reconciled: dict = {}


def cached(tokenizer, program):
    key = (len(tokenizer), program)
    if key not in _reconciled:
        _reconciled[key] = reconcile(tokenizer, program)
    return _reconciled[key]


def test_the_callers_tokenizer_is_untouched(tokenizer):
    before = tokenizer.backend_tokenizer.to_str()
    reconciled = reconcile(tokenizer, DYCK).tokenizer
    assert tokenizer.backend_tokenizer.to_str() == before
    assert reconciled is not tokenizer
    assert reconciled.get_vocab() == tokenizer.get_vocab()
    assert reconciled.special_tokens_map == tokenizer.special_tokens_map
    assert reconciled.model_max_length == tokenizer.model_max_length
    assert len(reconciled) == len(tokenizer)


def test_special_tokens_stay_special(tokenizer):
    reconciled = reconcile(tokenizer, DYCK).tokenizer
    assert encode(reconciled, "<|endoftext|>(") == [
        tokenizer.eos_token_id,
        *encode(tokenizer, "("),
    ]
    assert reconciled.decode(encode(reconciled, "a<|endoftext|>"), skip_special_tokens=True) == "a"


@pytest.mark.parametrize(
    "pre_tokenizer",
    [
        None,
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=False),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            ]
        ),
    ],
    ids=["none", "sequence"],
)
def test_other_pre_tokenizers(small_tokenizer, pre_tokenizer):
    original = reconcile(small_tokenizer, header(("_",), otherwise="_")).tokenizer
    original.backend_tokenizer.pre_tokenizer = pre_tokenizer
    reconciliation = reconcile(original, DYCK)
    symbols = reconciliation.symbols(reconciliation.encode("yes[[((]:"))
    assert [s for s in symbols if s != "_"] == [*"[[((]", "compute"]
    assert encode(reconciliation.tokenizer, "12,text") == encode(original, "12,text")


def test_a_tokenizer_that_adds_spaces_is_refused(small_tokenizer):
    original = reconcile(small_tokenizer, DYCK).tokenizer
    original.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    with pytest.raises(InputError, match="puts a space before every piece"):
        reconcile(original, DYCK)


def test_a_slow_tokenizer_is_refused():
    with pytest.raises(InputError, match="slow tokenizer"):
        reconcile(object(), DYCK)


def test_symbols_that_no_token_reaches_are_named(small_tokenizer):
    program = header(("→", "xyzzy", "(", "_"), (SymbolRule("⇒", "("),), otherwise="_")
    with pytest.raises(InputError) as caught:
        reconcile(small_tokenizer, program)
    message = str(caught.value)
    assert "the symbol '→', which it writes as 3 tokens (" in message
    assert "the symbol 'xyzzy', which it writes as " in message
    assert "the symbol '(' (the text '⇒'), which it writes as 3 tokens" in message


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (header(()), "no vocabulary"),
        (header(("a", "b"), (SymbolRule(":", "c"),)), "'c' is not in the program's vocabulary"),
        (header(("a",), otherwise="_"), "'_' is not in the program's vocabulary"),
        (header(("(", ")"), (SymbolRule(")", "("),)), r"'\)' means both '\(' and '\)'"),
        (header(("", "b")), "stands for the empty text"),
    ],
)
def test_headers_without_a_meaning(small_tokenizer, program, message):
    with pytest.raises(InputError, match=message):
        reconcile(small_tokenizer, program)


def test_coverage_lists_ids_and_texts(small_tokenizer):
    coverage = {c.symbol: c for c in reconcile(small_tokenizer, COUNT).coverage}
    assert set(coverage) == set(COUNT.vocabulary)
    assert set(coverage["x"].texts) == {"x", " x"}
    assert coverage["compute"].texts == (":",)
    assert coverage["_"].token_ids == ()
    vocabulary = small_tokenizer.get_vocab()
    assert set(coverage["x"].token_ids) == {vocabulary["x"], vocabulary["Ġx"]}


def test_symbol_of_covers_every_id(tokenizer):
    reconciliation = reconcile(tokenizer, DYCK)
    assert reconciliation.symbol_of.shape == (len(tokenizer),)
    assert reconciliation.symbol_of.dtype == np.int64
    mapped = {c.symbol: len(c.token_ids) for c in reconciliation.coverage}
    assert mapped == {**dict.fromkeys("()[]{}", 1), "compute": 1, "_": 0}
    assert (reconciliation.symbol_of == reconciliation.filler).sum() == len(tokenizer) - 7


def test_a_rule_may_give_the_filler_a_text(small_tokenizer):
    program = header(("(", "_"), (SymbolRule(")", "_"), SymbolRule(",", "_")), otherwise="_")
    reconciliation = reconcile(small_tokenizer, program)
    assert reconciliation.symbols(reconciliation.encode("())),(")) == [*"(___", "_", "("]


def test_several_texts_for_one_symbol(small_tokenizer):
    program = header(
        ("open", "_"), (SymbolRule("(", "open"), SymbolRule("[", "open")), otherwise="_"
    )
    reconciliation = reconcile(small_tokenizer, program)
    assert reconciliation.symbols(reconciliation.encode("([[((open")).count("open") == 5


def test_a_token_without_symbol_is_named(small_tokenizer):
    reconciliation = reconcile(small_tokenizer, header(tuple("()")))
    assert reconciliation.filler == -1
    assert reconciliation.symbols(reconciliation.encode("(())")) == [*"(())"]
    with pytest.raises(InputError, match=r"the token ';' has no symbol"):
        reconciliation.encode("();")


def test_symbol_ids_keep_the_shape(small_tokenizer):
    reconciliation = reconcile(small_tokenizer, DYCK)
    ids = np.array([reconciliation.encode("(("), reconciliation.encode("){")])
    assert reconciliation.symbol_ids(ids).tolist() == [[0, 0], [1, 4]]


def test_the_header_of_a_program(tokenizer):
    program = load_program(
        text="""program sample {
            vocabulary "(", ")", "compute", "_";
            longest 20;
            attention causal;
            output depth;
            prompt "Matched? {input}\\nAnswer:";
            symbol ":" is "compute";
            otherwise "_";
            answer 0 is " yes";
        }
        depth = selector_width(select(tokens, "(", ==)) - selector_width(select(tokens, ")", ==));
        """
    )
    reconciliation = reconcile(tokenizer, program.header)
    text = program.header.prompt.format(input="(()")
    symbols = reconciliation.symbols(reconciliation.encode(text))
    assert [symbol for symbol in symbols if symbol != "_"] == ["(", "(", ")", "compute"]
    assert symbols[-1] == "compute"
