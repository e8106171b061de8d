"""Evaluation: what a bundle knows, says and has forgotten, as records."""

from rinject.evaluate.accuracy import AccuracyReport, accuracy
from rinject.evaluate.decode import Cell, DecodeTable, Token, VariableRow, decode
from rinject.evaluate.fidelity import FidelityReport, fidelity
from rinject.evaluate.perplexity import PerplexityReport, perplexity
from rinject.evaluate.report import EvalReport, evaluate

__all__ = [
    "AccuracyReport",
    "Cell",
    "DecodeTable",
    "EvalReport",
    "FidelityReport",
    "PerplexityReport",
    "Token",
    "VariableRow",
    "accuracy",
    "decode",
    "evaluate",
    "fidelity",
    "perplexity",
]
