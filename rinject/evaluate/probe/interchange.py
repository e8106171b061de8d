"""Interchange interventions: a variable's part of the stream comes from another prompt.

Geiger et al., "Causal abstractions of neural networks" (2021). The student's stream at a variable's
layer takes over, in the subspace that the map reads of the variable, what it holds on another
prompt. In the program the stream after the same layer does: the variable has the other prompt's
value, all others of layers up to that one stay as they are, and those of later layers follow. Where
both then answer alike, the student uses the subspace as the program uses the variable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

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
from rinject.evaluate.probe.shares import Share
from rinject.evaluate.progress import Progress, unseen
from rinject.graph.tables import NONE
from rinject.inject.bundle import Bundle
from rinject.inject.interchange import Swap, swapped_values
from rinject.inject.randomness import generator
from rinject.inject.rows import Rows

LEAST_CASES = 20
"""A variable whose swap matters in fewer has no say in the mean."""
Positions = Literal["answer", "all"]


@dataclass(frozen=True)
class VariableInterchange:
    """One variable, swapped between the prompts of all pairs."""

    name: str
    layer: int
    """The first compiled stream that holds it."""
    student_layer: int
    """The student's stream aligned with that, where its subspace was swapped."""
    rank: int
    """Dimensions of the subspace."""
    effect: Effect

    @property
    def accuracy(self) -> float | None:
        """Interchange intervention accuracy: of the cases in which the swap changes what the
        program answers, the share in which the student answers the same; None without any."""
        return self.effect.followed_changed.value

    def to_record(self) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        return {
            "variable": self.name,
            "layer": self.layer,
            "student_layer": self.student_layer,
            "rank": self.rank,
        } | self.effect.to_record()


@dataclass(frozen=True)
class InterchangeReport:
    """Interchange intervention accuracy by variable."""

    output: str
    """The variable that is the final result."""
    positions: Positions
    """Where parts are swapped: at the `answer` positions, or at `all` that the program reads, of
    prompts of equal length."""
    is_spelled: bool
    """Whether a case is one answer position, and not a whole answer."""
    pairs: int
    unpaired: int
    """Examples that no other is as long as."""
    undisturbed: Share
    """How often the student answers as the program without any swap."""
    width: int
    """Dimensions of the stream."""
    draws: int
    variables: tuple[VariableInterchange, ...]
    seed: int

    @property
    def judged(self) -> tuple[VariableInterchange, ...]:
        """Those whose swap changes the program's answer in `LEAST_CASES` cases or more."""
        return tuple(one for one in self.variables if one.effect.followed_changed.n >= LEAST_CASES)

    @property
    def mean(self) -> float | None:
        """Mean accuracy of the variables judged; None without any."""
        found = [one.accuracy for one in self.judged if one.accuracy is not None]
        return sum(found) / len(found) if found else None

    def to_record(self) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        return {
            "experiment": "interchange",
            "output": self.output,
            "positions": self.positions,
            "cases": "answer positions" if self.is_spelled else "answers",
            "pairs": self.pairs,
            "unpaired": self.unpaired,
            "undisturbed": self.undisturbed.to_record(),
            "width": self.width,
            "draws": self.draws,
            "seed": self.seed,
            "mean": self.mean,
            "judged": [one.name for one in self.judged],
            "variables": [one.to_record() for one in self.variables],
        }


def interchange(
    bundle: Bundle,
    rows: Rows,
    *,
    variables: Sequence[str] = (),
    positions: Positions = "answer",
    draws: int = 2,
    seed: int = 42,
    report: Progress = unseen,
) -> InterchangeReport:
    """Each variable (by default all that can change) swapped between pairs of the rows.

    `draws` random subspaces of the same rank are set beside each. Raises InputError for rows that
    do not fit the program, an unknown variable, and where no two rows make a pair.
    """
    check_variables(bundle.graph, variables)
    paired = _paired(Answers(bundle, rows), positions, seed)
    streams = paired.answers.streams
    chosen = probed_variables(bundle, variables, streams, draws=draws, seed=seed, report=report)
    found = [
        VariableInterchange(
            one.name, one.layer, one.student_layer, one.subspace.rank, paired.effect(one)
        )
        for one in chosen
    ]
    return InterchangeReport(
        output=bundle.graph.output,
        positions=positions,
        is_spelled=bundle.program.header.spelled,
        pairs=len(paired.answers.rows),
        unpaired=len(rows) - len(paired.answers.rows),
        undisturbed=paired.undisturbed(),
        width=bundle.projection.weight.shape[-1],
        draws=draws,
        variables=tuple(found),
        seed=seed,
    )


@dataclass
class _Paired:
    """Rows, each the base of one pair and the source of another."""

    answers: Answers
    places: Places
    """Where parts are swapped."""
    sources: Places
    """Where each comes from."""

    def effect(self, one: Probed) -> Effect:
        """A swap at all places where the source has a value of the variable."""
        answers, width = self.answers, self.answers.ids.shape[1]
        given = answers.values[self.sources.rows, self.sources.at, one.index] != NONE  # [K]
        places, sources = self.places.take(given), self.sources.take(given)
        swap = Swap(one.layer, (one.index,), places.flat(width), sources.flat(width))
        values = swapped_values(answers.bundle.graph, answers.ids, answers.values, swap)
        stream = answers.streams.after(one.student_layer)  # [B, T, D]
        taken = stream[torch.from_numpy(sources.rows), torch.from_numpy(sources.at)]  # [K, D]
        return measure_effect(answers, one, values, places, taken)

    def undisturbed(self) -> Share:
        """The student's agreement without a swap."""
        layer = self.answers.bundle.record.layers[-1]
        asked = self.answers.asked(self.answers.values)
        agreed = self.answers.agrees(asked, layer, self.answers.stream(asked, layer))
        prompts = frozenset(self.answers.prompts(asked).tolist())
        return Share((int(agreed.sum()),), len(agreed), prompts)


def _paired(answers: Answers, positions: Positions, seed: int) -> _Paired:
    rows, places = answers.rows, answers.places
    keys = np.stack([places.sum(axis=1), *_lengths(rows, positions)], axis=1)  # [B, lengths]
    partners = _partners(keys, generator(seed, "pairs"))  # [B], -1 without
    kept = np.flatnonzero(partners >= 0)
    if not len(kept):
        raise InputError(
            "no two examples make a pair", hint="take more: --n, or --positions answer"
        )
    now = np.full(len(rows), -1)
    now[kept] = np.arange(len(kept))
    left = Answers(answers.bundle, rows.take(kept))
    width = left.rows.ids.shape[1]
    swapped = left.places if positions == "answer" else left.rows.are_read()
    source = now[partners[kept]]  # [b]: as many places each
    base_rows, base_at = np.nonzero(swapped[:, :width])
    order = [np.flatnonzero(swapped[one]) for one in source]
    counts = [len(one) for one in order]
    sources = Places(np.repeat(source, counts), np.concatenate(order))
    return _Paired(left, Places(base_rows, base_at), sources)


def _lengths(rows: Rows, positions: Positions) -> list[np.ndarray]:
    """int64 [B] each: what must be equal for each place to have its like in the other prompt."""
    return [rows.prompt_lengths, rows.read_lengths] if positions == "all" else []


def _partners(keys: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """int64 [B]: for each row another one with the same key [B, k], at random; -1 if none."""
    partners = np.full(len(keys), -1)
    for key in np.unique(keys, axis=0):
        alike = chance.permutation(np.flatnonzero((keys == key).all(axis=1)))
        if len(alike) > 1:
            partners[alike] = np.roll(alike, 1)
    return partners
