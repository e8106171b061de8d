"""The student's tokenizer, made to split what a program needs split, and its map to symbols."""

from rinject.tokens.align import TokenRow, align
from rinject.tokens.reconcile import reconcile
from rinject.tokens.reconciliation import Coverage, Reconciliation

__all__ = ["Coverage", "Reconciliation", "TokenRow", "align", "reconcile"]
