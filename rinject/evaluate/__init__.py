"""Evaluation: what a bundle knows, says and has forgotten, as records."""

from rinject.evaluate.accuracy import AccuracyReport, accuracy
from rinject.evaluate.decode import Cell, DecodeTable, Token, VariableRow, decode
from rinject.evaluate.fidelity import FidelityReport, fidelity
from rinject.evaluate.intervals import wilson
from rinject.evaluate.perplexity import PerplexityReport, perplexity
from rinject.evaluate.report import EvalReport, evaluate
from rinject.evaluate.suites import SuiteReport, measure_suites

__all__ = [
    "AccuracyReport",
    "Cell",
    "DecodeTable",
    "EvalReport",
    "FidelityReport",
    "PerplexityReport",
    "SuiteReport",
    "Token",
    "VariableRow",
    "accuracy",
    "decode",
    "evaluate",
    "fidelity",
    "measure_suites",
    "perplexity",
    "wilson",
]
