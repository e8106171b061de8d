"""Make a student's tokenizer split what a program needs split, and map its ids to symbols.

A pre-tokenization step cuts the text at the program's pieces. It comes in front of the tokenizer's
own, but after a step that turns spaces into a letter of their own (SentencePiece's ``▁``) and may
put one before a text: each part would otherwise get one. Ids, vocabulary, merges, special tokens
and decoding stay as they were, and a text without such pieces is tokenized exactly as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import cast

from tokenizers import Regex, Tokenizer, pre_tokenizers
from tokenizers.pre_tokenizers import PreTokenizer
from transformers import PreTrainedTokenizerFast

from rinject.errors import InputError
from rinject.lang import Header
from rinject.tokens.pieces import Piece, header_pieces, split_pattern, with_spaces
from rinject.tokens.reconciliation import Coverage, Reconciliation
from rinject.tokens.texts import ANCHOR, encoded, token_texts, without_space
from rinject.tokens.wrapping import wrap_like

SPACE = "▁"  # what SentencePiece writes for a space


def reconcile(tokenizer: PreTrainedTokenizerFast, header: Header) -> Reconciliation:
    """The student's tokenizer with the program's pieces split off, and its ids as symbols.

    The given tokenizer stays as it is. After arXiv 2505.10719, section 3 and figure 6.

    Raises:
        InputError: no student token reaches a symbol, a text means two symbols, or the tokenizer
            is not one of the `tokenizers` library.
    """
    _check_tokenizer(tokenizer)
    pieces = with_spaces(header_pieces(header), partial(_is_token, tokenizer))
    split = _with_split(tokenizer, pieces)
    coverage = _coverage(split, header, pieces)
    _check_reached(split, pieces, coverage, header.otherwise)
    return Reconciliation(split, tuple(header.vocabulary), header.otherwise, coverage)


def _check_tokenizer(tokenizer: PreTrainedTokenizerFast) -> None:
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise InputError(
            f"{type(tokenizer).__name__} is a slow tokenizer, which cannot split off symbols",
            hint="use a student with a fast tokenizer (a tokenizer.json file)",
        )
    if "add_prefix_space=True" in str(tokenizer.backend_tokenizer.pre_tokenizer):
        raise InputError(
            "the student's tokenizer puts a space before every piece of text, so no symbol can be"
            " split off alone",
            hint="set add_prefix_space to false in its tokenizer.json",
        )


def _is_token(tokenizer: PreTrainedTokenizerFast, text: str) -> bool:
    """Whether the text is one token where it follows another."""
    before = encoded(tokenizer, ANCHOR)
    ids = encoded(tokenizer, ANCHOR + text)
    return ids[:-1] == before


def _with_split(
    tokenizer: PreTrainedTokenizerFast, pieces: Sequence[Piece]
) -> PreTrainedTokenizerFast:
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    steps = _steps(backend.pre_tokenizer)
    if pieces:
        place, space = _place(backend, steps)
        pattern = Regex(split_pattern(pieces, space))
        steps.insert(place, pre_tokenizers.Split(pattern, "isolated"))
    backend.pre_tokenizer = pre_tokenizers.Sequence(steps)
    return wrap_like(tokenizer, backend)


def _steps(pre_tokenizer: PreTokenizer | None) -> list[PreTokenizer]:
    """The steps of a pre-tokenizer, those of sequences within it one by one."""
    if pre_tokenizer is None:
        return []
    if not isinstance(pre_tokenizer, pre_tokenizers.Sequence):
        return [pre_tokenizer]
    inner = cast(Iterable[PreTokenizer], pre_tokenizer)  # its types do not say so
    return [one for step in inner for one in _steps(step)]


def _place(backend: Tokenizer, steps: Sequence[PreTokenizer]) -> tuple[int, str]:
    """Where among the steps a text is cut at the pieces, and what stands for a space there."""
    for place, step in enumerate(steps, start=1):
        if isinstance(step, pre_tokenizers.Metaspace):
            return place, step.replacement
    normalized = "a b" if backend.normalizer is None else backend.normalizer.normalize_str("a b")
    return 0, SPACE if SPACE in normalized else " "


def _coverage(
    tokenizer: PreTrainedTokenizerFast, header: Header, pieces: Sequence[Piece]
) -> tuple[Coverage, ...]:
    spaced = {text: piece.symbol for piece in pieces for text in piece.texts}
    symbols = spaced | {piece.text: piece.symbol for piece in pieces}
    reached: dict[str, dict[int, str]] = {symbol: {} for symbol in header.vocabulary}
    for token_id, text in token_texts(tokenizer).items():
        if text in symbols:
            reached[symbols[text]][token_id] = text
    return tuple(
        Coverage(symbol, tuple(texts), tuple(texts.values())) for symbol, texts in reached.items()
    )


def _check_reached(
    tokenizer: PreTrainedTokenizerFast,
    pieces: Sequence[Piece],
    coverage: Sequence[Coverage],
    otherwise: str | None,
) -> None:
    token_ids = {covered.symbol: set(covered.token_ids) for covered in coverage}
    problems = [
        _why_unreachable(tokenizer, piece)
        for piece in pieces
        if piece.symbol != otherwise and not _is_reached(tokenizer, piece, token_ids[piece.symbol])
    ]
    if problems:
        raise InputError(
            "no token of the student reaches " + "; nor ".join(problems),
            hint="write such symbols with other characters, in the program's symbol rules",
        )


def _is_reached(tokenizer: PreTrainedTokenizerFast, piece: Piece, token_ids: set[int]) -> bool:
    """Whether the piece is one token of its symbol, alone or after a space."""
    for text in piece.texts:
        ids = without_space(tokenizer, encoded(tokenizer, text))
        if len(ids) == 1 and ids[0] in token_ids:
            return True
    return False


def _why_unreachable(tokenizer: PreTrainedTokenizerFast, piece: Piece) -> str:
    name = f"the symbol {piece.symbol!r}"
    if piece.text != piece.symbol:
        name += f" (the text {piece.text!r})"
    tokens = tokenizer.convert_ids_to_tokens(encoded(tokenizer, piece.text))
    if len(tokens) > 1:
        return f"{name}, which it writes as {len(tokens)} tokens ({' '.join(tokens)})"
    return f"{name}, which it has no token for"
