"""Steering: a variable is set to a chosen value, and the answer should follow.

The student's stream at the variable's layer takes, in the subspace that the map reads of the
variable and at the answer positions, the mean of what it holds there on other prompts where the
variable has that value. In the program the variable is set to the value in the stream after the
same layer; all others of layers up to that one stay as they are, and those of later layers follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rinject.errors import InputError
from rinject.evaluate.probe.answers import Answers
from rinject.evaluate.probe.effect import (
    Effect,
    Places,
    Probed,
    check_variables,
    measure_effect,
    probed_variables,
)
from rinject.evaluate.probe.shares import together
from rinject.evaluate.progress import Progress, unseen
from rinject.graph.record import value_to_json
from rinject.inject.bundle import Bundle
from rinject.inject.rows import Rows

VALUES = 4
"""The most values that a variable is set to: those that occur most often."""
OCCURRENCES = 3
"""How often a value must occur for its mean to be taken."""


@dataclass(frozen=True)
class SteeredValue:
    """A variable set to one value on all prompts."""

    value: Any
    occurrences: int
    """Answer positions that its mean was taken over."""
    effect: Effect


@dataclass(frozen=True)
class VariableSteering:
    """One variable, set to a few values."""

    name: str
    layer: int
    """The first compiled stream that holds it."""
    student_layer: int
    """The student's stream aligned with that, where it was set."""
    rank: int
    """Dimensions of the subspace."""
    values: tuple[SteeredValue, ...]
    """Those that occur at answer positions; fewer than two leave nothing to change."""

    @property
    def effect(self) -> Effect:
        """Over all values; a prompt is set to each of them, and counts as one in intervals."""
        return Effect(
            **{
                name: together([getattr(one.effect, name) for one in self.values])
                for name in ("followed", "random", "followed_changed", "random_changed")
            }
        )

    def to_record(self) -> dict[str, Any]:
        """All figures by name, ready for JSON; values with their types."""
        values = [
            {"value": value_to_json(one.value), "occurrences": one.occurrences}
            | one.effect.to_record()
            for one in self.values
        ]
        return {
            "variable": self.name,
            "layer": self.layer,
            "student_layer": self.student_layer,
            "rank": self.rank,
            **self.effect.to_record(),
            "values": values,
        }


@dataclass(frozen=True)
class SteeringReport:
    """How often the answer follows, by variable."""

    output: str
    """The variable that is the final result."""
    is_spelled: bool
    """Whether a case is one answer position, and not a whole answer."""
    n: int
    """Examples that were steered."""
    draws: int
    variables: tuple[VariableSteering, ...]
    seed: int

    def to_record(self) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        return {
            "experiment": "steering",
            "output": self.output,
            "cases": "answer positions" if self.is_spelled else "answers",
            "n": self.n,
            "draws": self.draws,
            "seed": self.seed,
            "variables": [one.to_record() for one in self.variables],
        }


def steering(
    bundle: Bundle,
    rows: Rows,
    *,
    variables: Sequence[str] = (),
    draws: int = 1,
    seed: int = 42,
    report: Progress = unseen,
) -> SteeringReport:
    """Each variable (by default all that can change) set to its most frequent values.

    The first half of the rows gives the means, the other is steered; `draws` random subspaces of
    the same rank are set beside each. Raises InputError for rows that do not fit the program, fewer
    than two rows, and an unknown variable.
    """
    check_variables(bundle.graph, variables)
    half = len(rows) // 2
    if not half:
        raise InputError("steering takes two examples or more")
    means = Means(bundle, rows.take(slice(half)))
    answers = Answers(bundle, rows.take(slice(half, None)))
    streams = means.streams
    chosen = probed_variables(bundle, variables, streams, draws=draws, seed=seed, report=report)
    found = [_steered(answers, means, one) for one in chosen]
    return SteeringReport(
        output=bundle.graph.output,
        is_spelled=bundle.program.header.spelled,
        n=len(answers.rows),
        draws=draws,
        variables=tuple(found),
        seed=seed,
    )


def _steered(answers: Answers, means: Means, one: Probed) -> VariableSteering:
    values = means.frequent(one.index)
    names = answers.bundle.graph.variables[one.index].values
    return VariableSteering(
        name=one.name,
        layer=one.layer,
        student_layer=one.student_layer,
        rank=one.subspace.rank,
        values=tuple(
            SteeredValue(names[value], count, set_value(answers, one, value, means.of(one, value)))
            for value, count in values
            if len(values) > 1
        ),
    )


def set_value(answers: Answers, one: Probed, value: int, mean: Tensor) -> Effect:
    """The variable has one value at all answer positions, the student's stream its `mean` [D]."""
    rows, at = np.nonzero(answers.places)
    changed = with_value(answers, one, value)
    return measure_effect(answers, one, changed, Places(rows, at), mean.expand(len(rows), -1))


def with_value(answers: Answers, one: Probed, value: int) -> np.ndarray:
    """int32 [B, t, V]: the program's variables where one is set at the answer positions."""
    rows, at = np.nonzero(answers.places)
    values = answers.values.copy()
    values[rows, at, one.index] = value
    return answers.bundle.graph.resumed(answers.ids, one.layer, values)


class Means:
    """What the student's streams are at answer positions, by the value of a variable there."""

    def __init__(self, bundle: Bundle, rows: Rows) -> None:
        """Raises InputError for rows that do not fit the program."""
        answers = Answers(bundle, rows)
        self.places = Places(*np.nonzero(answers.places))
        self.values = answers.values[self.places.rows, self.places.at]  # [K, V]
        self.streams = answers.streams

    def frequent(self, variable: int) -> list[tuple[int, int]]:
        """The most frequent values of a variable, by index, and how often they occur."""
        found, counts = np.unique(self.values[:, variable], return_counts=True)
        known = (found >= 0) & (counts >= OCCURRENCES)
        order = np.argsort(-counts[known], kind="stable")[:VALUES]
        return [(int(found[known][i]), int(counts[known][i])) for i in sorted(order)]

    def of(self, one: Probed, value: int) -> Tensor:
        """float32 [D]: the mean stream where a variable has a value. It must occur."""
        is_there = self.values[:, one.index] == value
        rows, at = self.places.rows[is_there], self.places.at[is_there]
        stream = self.streams.after(one.student_layer)  # [B, T, D]
        return stream[torch.from_numpy(rows), torch.from_numpy(at)].mean(dim=0)
