"""How many examples a student answers right."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.inject.answering import right_answers
from rinject.inject.rows import Rows


@dataclass(frozen=True)
class AccuracyReport:
    """Greedy, exact: every answer token is reproduced."""

    accuracy: float
    """Share of the examples answered right."""
    right: tuple[bool, ...]
    """For each example, whether it was."""

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.right)


def accuracy(model: PreTrainedModel, rows: Rows) -> AccuracyReport:
    """The accuracy of a student on the rows of examples. Raises InputError when there is none."""
    if not len(rows):
        raise InputError("there is no example to measure accuracy on")
    right = right_answers(model, rows)
    return AccuracyReport(float(right.mean()), tuple(right.tolist()))
