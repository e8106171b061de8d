"""The text that each id of a tokenizer stands for."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerFast

ANCHOR = "a"


def token_texts(tokenizer: PreTrainedTokenizerFast) -> dict[int, str]:
    """Every id of the tokenizer and its text, with the leading space that it writes, if any.

    Each token is decoded behind an anchor, since some decoders drop the space at the start of a
    text. A token that is part of a character reads as U+FFFD.
    """
    return texts_of(tokenizer, sorted(tokenizer.get_vocab().values()))


def texts_of(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> dict[int, str]:
    """As :func:`token_texts`, for the given ids only."""
    backend = tokenizer.backend_tokenizer
    anchor = backend.encode(ANCHOR, add_special_tokens=False).ids
    skip = len(backend.decode(anchor, skip_special_tokens=False))
    rows = [[*anchor, token_id] for token_id in ids]
    texts = backend.decode_batch(rows, skip_special_tokens=False)
    return {token_id: text[skip:] for token_id, text in zip(ids, texts, strict=True)}
