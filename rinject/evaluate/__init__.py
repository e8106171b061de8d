"""Evaluation: what a bundle knows, says and has forgotten, as records."""

from rinject.evaluate.accuracy import AccuracyReport, accuracy
from rinject.evaluate.decode import Cell, DecodeTable, VariableRow, decode, decode_all
from rinject.evaluate.decode_reading import Reading, Token, read_prompts
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
    "Reading",
    "SuiteReport",
    "Token",
    "VariableRow",
    "accuracy",
    "decode",
    "decode_all",
    "evaluate",
    "fidelity",
    "measure_suites",
    "perplexity",
    "read_prompts",
    "wilson",
]
