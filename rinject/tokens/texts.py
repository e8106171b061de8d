"""The text that each id of a tokenizer stands for."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerFast

from rinject.errors import InputError

ANCHOR = "a"


def token_texts(tokenizer: PreTrainedTokenizerFast) -> dict[int, str]:
    """Every id of the tokenizer and its text, with the leading space that it writes, if any.

    Each token is decoded behind an anchor, since some decoders drop a space at the start of a
    text. A token that is part of a character reads as U+FFFD.
    """
    return texts_of(tokenizer, sorted(tokenizer.get_vocab().values()))


def texts_of(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> dict[int, str]:
    """As :func:`token_texts`, for the given ids only."""
    texts = written(tokenizer, [[token_id] for token_id in ids])
    return dict(zip(ids, texts, strict=True))


def written(tokenizer: PreTrainedTokenizerFast, rows: Sequence[Sequence[int]]) -> list[str]:
    """What each row of ids writes within a text, special tokens too."""
    backend = tokenizer.backend_tokenizer
    anchor = backend.encode(ANCHOR, add_special_tokens=False).ids
    skip = len(backend.decode(anchor, skip_special_tokens=False))
    anchored = [[*anchor, *row] for row in rows]
    return [text[skip:] for text in backend.decode_batch(anchored, skip_special_tokens=False)]


def encoded(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """The ids of a text, without special tokens around them.

    Raises InputError for a text with a lone surrogate, such as bytes that are not UTF-8 leave.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError("the text is not valid Unicode: it holds half of a character") from error
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False, verbose=False)
    return ids


def without_space(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> list[int]:
    """The ids without a first one that stands for a space.

    Some tokenizers begin every text with a space, and leave it alone where a piece is split off.
    """
    starts_with_space = len(ids) > 1 and texts_of(tokenizer, ids[:1])[ids[0]] == " "
    return [*ids[starts_with_space:]]
