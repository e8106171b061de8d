"""What a student still knows after an injection: ordinary text and tasks, beside the base model."""

from rinject.evaluate.retention.finding import FoundSets, find_sets
from rinject.evaluate.retention.report import RetentionReport, retention
from rinject.evaluate.retention.sets import NAMES, Classified, LastWords, Lines, RetentionSet

__all__ = [
    "NAMES",
    "Classified",
    "FoundSets",
    "LastWords",
    "Lines",
    "RetentionReport",
    "RetentionSet",
    "find_sets",
    "retention",
]
