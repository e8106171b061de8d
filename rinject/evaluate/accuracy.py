"""How many examples a student answers right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.inject.answering import right_answers
from rinject.inject.rows import example_rows
from rinject.tasks import Example
from rinject.tokens import Reconciliation


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


def accuracy(
    model: PreTrainedModel, reconciliation: Reconciliation, examples: Sequence[Example]
) -> AccuracyReport:
    """The accuracy of a student on examples. Raises InputError when there is none."""
    if not examples:
        raise InputError("there is no example to measure accuracy on")
    right = right_answers(model, example_rows(examples, reconciliation))
    return AccuracyReport(float(right.mean()), tuple(right.tolist()))
