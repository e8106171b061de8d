"""The interchange interventions of training steps, drawn by a stated rule, and what follows.

Interchange intervention training, after Geiger et al., "Inducing causal structure for interpretable
neural networks" (2022), section 4, and Gupta et al., "InterpBench" (2024), section 3. The rule:
on every `interchange_every`-th step, from the share `interchange_start` of the steps on, each
example is intervened on at each compiled stream with the probability `interchange_share`. For each
of them one of three kinds of places is drawn evenly, which take their part of that stream from
elsewhere:

1. all positions that predict an answer token, from the same positions of another row;
2. the same positions, each from any position that the program reads;
3. a share of all positions that the program reads, drawn from 0 to 1, each from any of them, or
   with probability one half all from the same.

Then `interchange_tries` times a group of the variables that the layer computes (with probability
one half one alone, else each with that probability), and where each place takes from; of these each
example takes the draw that changes most of what follows in it, or (under `interchange_seek`) most
that is rare. So the edges of the program are trained where they matter, and where no example
reaches. Where a variable of the group has no value, all stays. With the probability
`interchange_rest` all moves along that is no variable's; that of the embedding, which says where a
token stands, comes from the same position of another row. The streams have their turn in the order
of their layers: what is taken is what stands there under the interventions on earlier ones.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    swaps: tuple[Swap, ...]
    """In the order of their streams; those on one stream are of different rows."""
    values: tuple[np.ndarray, ...]
    """int64 [N, V], after those on each stream: the variables at all tokens read."""


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
        """The rows of a step, whose variables are `read_values` [N, V], under its interventions.

        With `rarity` the draws are taken that bring about most that is rare.
        """
        chance = generator(self.settings.seed, "interchange", step)
        read = rows.are_read()  # [B, T]
        ids, own = np.full(read.shape, NONE), self.targets.program_ids(rows)
        ids[:, : own.shape[1]] = own
        values = np.full((*read.shape, read_values.shape[-1]), NONE, dtype=np.int32)
        values[read] = read_values
        swaps: list[Swap] = []
        after = []
        for layer in self._groups:
            kinds = self._kinds(chance, len(rows))  # [B]
            drawn = [
                self._drawn(chance, layer, _places(chance, rows, kinds), values)
                for _ in range(self.settings.interchange_tries)
            ]
            taken, values = self._best(drawn, ids, values, rarity)
            swaps.extend(taken)
            after.append(values[read].astype(np.int64))
        answer = self._spelled if self.spelled else self._at_once
        answered, asked, answers = answer(rows, values[..., self._output])
        width, wide = rows.ids.shape[1], answered.ids.shape[1]
        moved = tuple(swap.moved(width, wide) for swap in swaps)
        return Intervened(answered, asked, answers, moved, tuple(after))

    def _kinds(self, chance: np.random.Generator, rows: int) -> np.ndarray:
        """int64 [rows]: the kind of places of each row at one stream, NONE for no intervention."""
        kinds = chance.integers(len(KINDS), size=rows)
        return np.where(chance.random(rows) < self.settings.interchange_share, kinds, NONE)

    def _drawn(
        self, chance: np.random.Generator, layer: int, places: Places, values: np.ndarray
    ) -> Swap:
        """A swap of some of a layer's variables, one at least, at those places that have values."""
        variables = self._groups[layer]
        taken = chance.random(len(variables)) < (0.5 if chance.random() < 0.5 else 0.0)
        taken[chance.integers(len(variables))] = True
        flat, (there, sources) = values.reshape(-1, values.shape[-1]), places  # [B T, V]
        present = (flat[there] != NONE) & (flat[sources] != NONE)  # [K, V]
        known = present[:, variables[taken]].all(axis=1)  # [K]
        there, sources = there[known], sources[known]
        rest = None
        if chance.random() < self.settings.interchange_rest:
            rest = (
                sources if layer else _same_position(chance, (values != NONE).any(axis=-1), there)
            )
        return Swap(layer, tuple(variables[taken].tolist()), there, sources, rest)

    def _best(
        self, drawn: Sequence[Swap], ids: np.ndarray, values: np.ndarray, rarity: Rarity | None
    ) -> tuple[list[Swap], np.ndarray]:
        """Of swaps on one stream for each row the one that brings about most in it; and the
        variables after that."""
        tried = [swapped_values(self.targets.graph, ids, values, swap) for swap in drawn]
        gains = [self._gains(drawn[0].layer, after, values, rarity) for after in tried]
        best = np.argmax(gains, axis=0)  # [B]
        swaps = [swap.of_rows(best == place, ids.shape[1]) for place, swap in enumerate(drawn)]
        return swaps, np.stack(tried)[best, np.arange(len(ids))]

    def _gains(
        self, layer: int, after: np.ndarray, values: np.ndarray, rarity: Rarity | None
    ) -> np.ndarray:
        """float64 [B]: how many values of what follows the layer change in each row, or how rare
        those are that come about.

        The variables are `values` [B, T, V] before a swap there, and then `after`.
        """
        follows = self._layers > layer  # [V]
        follows[self._output] = True
        changed = (after != values) & (after != NONE) & follows  # [B, T, V]
        worth = changed if rarity is None else rarity.of_values(after) * changed
        gains: np.ndarray = worth.sum(axis=(1, 2), dtype=np.float64)
        return gains

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


def _same_position(chance: np.random.Generator, read: np.ndarray, places: np.ndarray) -> np.ndarray:
    """int64 [K]: the same positions of another row, or where it is shorter the `places` [K] as they
    are; `read`, bool [B, T], are the positions that the program reads."""
    count, width = read.shape
    others = (places // width + int(chance.integers(1, max(2, count)))) % count
    there = others * width + places % width
    return np.where(read.reshape(-1)[there], there, places)


def _any_places(chance: np.random.Generator, rows: Rows) -> Places:
    """A share of each row's places, from 0 to all; each from any place, or in half of the rows all
    from the same one, so that a value can stand at more places than in any example."""
    read = rows.are_read()  # [B, T]
    share = chance.random((len(rows), 1))
    places = np.flatnonzero(read & (chance.random(read.shape) < share))  # [K]
    known, owners = np.flatnonzero(read), places // read.shape[1]
    one = chance.choice(known, size=len(rows))[owners]  # [K]
    are_alike = (chance.random(len(rows)) < 0.5)[owners]
    return places, np.where(are_alike, one, chance.choice(known, size=len(places)))


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


def _places(chance: np.random.Generator, rows: Rows, kinds: np.ndarray) -> Places:
    """The places of rows of which each has one of the `kinds` [B], or NONE."""
    width = rows.ids.shape[1]
    found = [draw(chance, rows) for draw in KINDS]
    kept = [kinds[places // width] == kind for kind, (places, _) in enumerate(found)]
    parts = [
        (places[own], sources[own]) for own, (places, sources) in zip(kept, found, strict=True)
    ]
    places, sources = (np.concatenate(some) for some in zip(*parts, strict=True))
    return places, sources


KINDS = (_answer_places, _answers_from_anywhere, _any_places)
