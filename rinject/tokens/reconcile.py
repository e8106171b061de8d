"""Make a student's tokenizer split what a program needs split, and map its ids to symbols.

A pre-tokenization step in front of the tokenizer's own cuts the text at the program's pieces. Ids,
vocabulary, merges, special tokens and decoding stay as they were, and a text without such pieces
is tokenized exactly as before.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Regex, Tokenizer, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from rinject.errors import InputError
from rinject.lang import Header
from rinject.tokens.pieces import Piece, header_pieces, split_pattern, with_spaces
from rinject.tokens.reconciliation import Coverage, Reconciliation
from rinject.tokens.texts import token_texts
from rinject.tokens.wrapping import wrap_like


def reconcile(tokenizer: PreTrainedTokenizerFast, header: Header) -> Reconciliation:
    """The student's tokenizer with the program's pieces split off, and its ids as symbols.

    The given tokenizer stays as it is. After arXiv 2505.10719, section 3 and figure 6.

    Raises:
        InputError: no student token reaches a symbol, a text means two symbols, or the tokenizer
            is not one of the `tokenizers` library.
    """
    _check_tokenizer(tokenizer)
    pieces = with_spaces(header_pieces(header), lambda text: len(_encode(tokenizer, text)) == 1)
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
            hint="load the tokenizer with add_prefix_space=False",
        )


def _encode(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False, verbose=False)
    return ids


def _with_split(
    tokenizer: PreTrainedTokenizerFast, pieces: Sequence[Piece]
) -> PreTrainedTokenizerFast:
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    steps = [] if backend.pre_tokenizer is None else [backend.pre_tokenizer]
    if pieces:
        steps.insert(0, pre_tokenizers.Split(Regex(split_pattern(pieces)), "isolated"))
    backend.pre_tokenizer = pre_tokenizers.Sequence(steps)
    return wrap_like(tokenizer, backend)


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
    return any(
        token_ids.intersection(_encode(tokenizer, text)) and _fits(tokenizer, text)
        for text in piece.texts
    )


def _fits(tokenizer: PreTrainedTokenizerFast, text: str) -> bool:
    """Whether the text is one token, or one token after a separate space."""
    return len(_encode(tokenizer, text)) <= 1 + text.startswith(" ")


def _why_unreachable(tokenizer: PreTrainedTokenizerFast, piece: Piece) -> str:
    name = f"the symbol {piece.symbol!r}"
    if piece.text != piece.symbol:
        name += f" (the text {piece.text!r})"
    tokens = tokenizer.convert_ids_to_tokens(_encode(tokenizer, piece.text))
    if len(tokens) > 1:
        return f"{name}, which it writes as {len(tokens)} tokens ({' '.join(tokens)})"
    return f"{name}, which it has no token for"
