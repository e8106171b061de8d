"""A text as the student reads it, beside the same text as the program reads it."""

from __future__ import annotations

from dataclasses import dataclass

from rinject.tokens.reconciliation import UNMAPPED, Reconciliation


@dataclass(frozen=True)
class TokenRow:
    """One student token of a text and its symbol."""

    id: int
    text: str
    symbol: str | None
    """None for a token without a symbol (programs without ``otherwise`` only)."""
    is_filler: bool
    """Whether the symbol is the program's ``otherwise`` symbol."""


def align(reconciliation: Reconciliation, text: str) -> list[TokenRow]:
    """The tokens of a text, in order, each with its symbol; tokens without one are shown too."""
    return [_row(reconciliation, token_id) for token_id in reconciliation.student_ids(text)]


def _row(reconciliation: Reconciliation, token_id: int) -> TokenRow:
    index = int(reconciliation.symbol_of[token_id])
    mapped = index != UNMAPPED
    return TokenRow(
        id=token_id,
        text=reconciliation.text_of(token_id),
        symbol=reconciliation.vocabulary[index] if mapped else None,
        is_filler=mapped and index == reconciliation.filler,
    )
