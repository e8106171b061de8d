"""The interchange interventions of training steps, drawn by a stated rule, and what follows.

Interchange intervention training, after Geiger et al., "Inducing causal structure for interpretable
neural networks" (2022), section 4, and Gupta et al., "InterpBench" (2024), section 3. The rule: on
every `interchange_every`-th step, from the share `interchange_start` of the steps on, one compiled
stream is drawn evenly, and evenly one of three kinds of places that take their part of the stream
from elsewhere:

1. all positions that predict an answer token, from the same positions of another row;
2. the same positions, each from any position that the program reads;
3. a quarter of all positions that the program reads, each from any of them.

Then `interchange_tries` times a group of the variables that the layer computes, each with
probability one half, and where each place takes from; of these the draw is taken that changes most
of what follows, or (under `interchange_seek`) most that is rare. So the edges of the program are
trained where they matter, and where no example reaches. Where a variable of the group has no value,
all stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rinject.graph.tables import NONE
from rinject.inject.interchange import Swap, swapped_values
from rinject.inject.randomness import generator
from rinject.inject.rarity import Rarity
from rinject.inject.rows import Rows, rows_of, written_outputs
from rinject.inject.settings import InjectSettings
from rinject.inject.targets import Targets
from rinject.lang import Header

SHARE_ANYWHERE = 0.25
Places: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Flat places [K], and where each takes from."""


@dataclass(frozen=True)
class Intervened:
    """The rows of one step under an intervention."""

    rows: Rows
    """With the answers that the program gives then."""
    asked: np.ndarray
    """bool [B, T]: the positions whose next token belongs to an answer that the program gives."""
    answers: np.ndarray
    """int64 [M]: those next tokens."""
    swap: Swap
    values: np.ndarray
    """int64 [N, V]: the variables after it at all tokens read."""


class Interventions:
    """Draws interventions, each a pure function of the step."""

    def __init__(self, header: Header, targets: Targets, settings: InjectSettings) -> None:
        self.targets, self.settings, self.spelled = targets, settings, header.spelled
        self._groups = _groups(targets)
        graph = targets.graph
        self._layers = np.array([one.layer for one in graph.variables])  # [V]
        self._output = [one.name for one in graph.variables].index(graph.output)
        self._answers = written_outputs(
            header,
            graph.output_node.values,
            targets.reconciliation,
            ended=settings.end_answers,
        )
        self._any_answer = next((ids for ids in self._answers if ids), [])

    def is_due(self, step: int) -> bool:
        """Whether the step intervenes."""
        settings = self.settings
        begun = step >= settings.interchange_start * settings.steps
        return begun and step % settings.interchange_every == 0

    def at(
        self, step: int, rows: Rows, read_values: np.ndarray, rarity: Rarity | None = None
    ) -> Intervened:
        """The rows of a step, whose variables are `read_values` [N, V], under its intervention.

        With `rarity` the draw is taken that brings about most that is rare.
        """
        chance = generator(self.settings.seed, "interchange", step)
        read = rows.are_read()  # [B, T]
        ids, own = np.full(read.shape, NONE), self.targets.program_ids(rows)
        ids[:, : own.shape[1]] = own
        values = np.full((*read.shape, read_values.shape[-1]), NONE, dtype=np.int32)
        values[read] = read_values
        layer = int(chance.choice(list(self._groups)))
        places = KINDS[chance.integers(len(KINDS))]
        swaps = [
            self._drawn(chance, layer, places(chance, rows), values)
            for _ in range(self.settings.interchange_tries)
        ]
        tries = [(swap, swapped_values(self.targets.graph, ids, values, swap)) for swap in swaps]
        swap, after = max(tries, key=lambda tried: self._gain(layer, tried[1], values, rarity))
        answer = self._spelled if self.spelled else self._at_once
        answered, asked, answers = answer(rows, after[..., self._output])
        swap = swap.moved(rows.ids.shape[1], answered.ids.shape[1])
        return Intervened(answered, asked, answers, swap, after[read].astype(np.int64))

    def _drawn(
        self, chance: np.random.Generator, layer: int, places: Places, values: np.ndarray
    ) -> Swap:
        """A swap of some of a layer's variables, one at least, at those places that have values."""
        variables = self._groups[layer]
        taken = chance.random(len(variables)) < 0.5
        taken[chance.integers(len(variables))] = True
        flat, (there, sources) = values.reshape(-1, values.shape[-1]), places  # [B T, V]
        present = (flat[there] != NONE) & (flat[sources] != NONE)  # [K, V]
        known = present[:, variables[taken]].all(axis=1)  # [K]
        return Swap(layer, tuple(variables[taken].tolist()), there[known], sources[known])

    def _gain(
        self, layer: int, after: np.ndarray, values: np.ndarray, rarity: Rarity | None
    ) -> float:
        """How many values of what follows the layer change, or how rare those are that come about.

        The variables are `values` [B, T, V] before a swap there, and then `after`.
        """
        follows = self._layers > layer  # [V]
        follows[self._output] = True
        changed = (after != values) & (after != NONE) & follows  # [B, T, V]
        return float(changed.sum() if rarity is None else rarity.of_values(after)[changed].sum())

    def _at_once(self, rows: Rows, outputs: np.ndarray) -> tuple[Rows, np.ndarray, np.ndarray]:
        """Rows with the whole answers that follow from the outputs [B, T]."""
        starts = rows.prompt_lengths
        values = outputs[np.arange(len(rows)), starts - 1]  # [B]
        written = [self._written(value) for value in values]
        prompts = [ids[:start].tolist() for ids, start in zip(rows.ids, starts, strict=True)]
        answered = rows_of(prompts, [ids or self._any_answer for ids in written])
        known = np.array([ids is not None for ids in written])
        asked = answered.before_answer() & known[:, None]
        return answered, asked, answered.ids[:, 1:][asked[:, :-1]]

    def _spelled(self, rows: Rows, outputs: np.ndarray) -> tuple[Rows, np.ndarray, np.ndarray]:
        """Each token of an answer is another one; what the program reads of the answer stays."""
        following = np.full(rows.ids.shape, NONE)
        for row, place in np.argwhere(rows.before_answer()):
            written = self._written(outputs[row, place])
            if written is not None and len(written) == 1:
                (following[row, place],) = written
        asked = following != NONE
        return rows, asked, following[asked]

    def _written(self, value: int) -> list[int] | None:
        return None if value == NONE else self._answers[value]


def _groups(targets: Targets) -> dict[int, np.ndarray]:
    """For each compiled layer that computes some, the places of its variables that can differ."""
    variables = targets.graph.variables
    found: dict[int, list[int]] = {}
    for place, variable in enumerate(variables):
        if variable.size > 1:
            found.setdefault(variable.layer, []).append(place)
    return {layer: np.array(places) for layer, places in sorted(found.items())}


def _any_places(chance: np.random.Generator, rows: Rows) -> Places:
    read = np.flatnonzero(rows.are_read())  # [N]
    places = read[chance.random(len(read)) < SHARE_ANYWHERE]
    return places, chance.choice(read, size=len(places))


def _answer_places(chance: np.random.Generator, rows: Rows) -> Places:
    """The places that predict an answer token, each with its like in another row."""
    width, count = rows.ids.shape[1], len(rows)
    asked = rows.before_answer() & rows.are_read()  # [B, T]
    other = np.roll(np.arange(count), int(chance.integers(1, max(2, count))))
    rows_, positions = np.nonzero(asked)
    ordinal = positions - (rows.prompt_lengths[rows_] - 1)  # [K]
    there = rows.prompt_lengths[other[rows_]] - 1 + ordinal  # [K]
    fits = (there < width) & asked[other[rows_], np.minimum(there, width - 1)]
    return (rows_ * width + positions)[fits], (other[rows_] * width + there)[fits]


def _answers_from_anywhere(chance: np.random.Generator, rows: Rows) -> Places:
    """The places that predict an answer token take what other places hold, of any row: values that
    are common there may never be due where answers are."""
    asked = np.flatnonzero(rows.before_answer() & rows.are_read())  # [K]
    return asked, chance.choice(np.flatnonzero(rows.are_read()), size=len(asked))


KINDS = (_answer_places, _answers_from_anywhere, _any_places)
