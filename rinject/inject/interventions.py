"""The interchange interventions of training steps, drawn by a stated rule, and what follows.

Interchange intervention training, after Geiger et al., "Inducing causal structure for interpretable
neural networks" (2022), section 4, and Gupta et al., "InterpBench" (2024), section 3. The rule:
on every `interchange_every`-th step, from the share `interchange_start` of the steps on, each
example is intervened on at each compiled stream with the probability `interchange_share`. For each
of them one of three kinds of places is drawn evenly, which take their part of that stream from
elsewhere:

1. all positions that predict an answer token, each from that of another row which predicts its
   like, the first from the first;
2. the same positions, each from any position that the program reads;
3. a share of all positions that the program reads, drawn from 0 to 1, each from any of them, or
   with probability one half all from the same.

For each stream there are `interchange_tries` draws of such places and sources, each with a group of
the variables that the layer computes: with probability `interchange_alone` one alone, else one at
least and each other one with probability one half. Each example takes the draw that changes most of
what follows in it, or (under `interchange_seek`) most that is rare, or that was read wrong, or any
that changes something. So the edges of the program are trained where they matter, and where no
example reaches. Where a variable of the group has no value, all stays. With the probability
`interchange_rest` all that is no variable's moves along, from the same position of another row: it
says where a token stands, without which attention cannot count. With the probability
`interchange_spent` variables that no later layer reads move along, whether or not they have values.
The streams have their turn in the order of their layers: what is taken is what stands there under
the interventions on earlier ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rinject.graph import Graph
from rinject.graph.edges import edges_of
from rinject.graph.tables import NONE
from rinject.inject.interchange import LayerSwaps, Swap, swapped_values
from rinject.inject.randomness import generator
from rinject.inject.rarity import ValueWorth
from rinject.inject.rows import Rows, rows_of, written_outputs
from rinject.inject.settings import InjectSettings
from rinject.inject.swap_places import drawn_kinds, drawn_places, same_positions
from rinject.inject.targets import Targets
from rinject.lang import Header


@dataclass(frozen=True)
class Intervened:
    """The rows of one step under interventions, if any."""

    rows: Rows
    """With the answers that the program gives then."""
    asked: np.ndarray
    """bool [B, T]: the positions whose next token belongs to an answer that the program gives."""
    answers: np.ndarray
    """int64 [M]: those next tokens."""
    swaps: tuple[LayerSwaps, ...]
    """Of the streams that are intervened on, in their order."""
    values: tuple[np.ndarray, ...]
    """For each of them int64 [N, V]: the variables after it at all tokens read."""


class Interventions:
    """Draws interventions, each a pure function of the step."""

    def __init__(self, header: Header, targets: Targets, settings: InjectSettings) -> None:
        self.targets, self.settings = targets, settings
        self._follow = self._symbol_by_symbol if header.spelled else self._at_once
        self._groups = _groups_by_layer(targets)
        graph = targets.graph
        asked = self._groups if settings.interchange_spent else ()
        self._spent = {layer: spent_variables(graph, layer) for layer in asked}
        self._layers = np.array([one.layer for one in graph.variables])  # [V]
        self._output = graph.output_index
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
        self, step: int, rows: Rows, read_values: np.ndarray, worth: ValueWorth | None = None
    ) -> Intervened:
        """The rows of a step, whose variables are `read_values` [N, V], under its interventions.

        `worth` says what the values count that a draw brings about; without it all count alike.
        """
        chance = generator(self.settings.seed, "interchange", step)
        ids, values = self._in_rows(rows, read_values)
        found, read = [], rows.are_read()
        for layer in self._groups:
            drawn = self._drawn(chance, layer, rows, values)
            swaps, values = self._best(chance, drawn, ids, values, worth)
            if swaps:
                found.append((LayerSwaps(layer, swaps), values[read].astype(np.int64)))
        answered, asked, answers = self._follow(rows, values[..., self._output])
        width, wide = rows.ids.shape[1], answered.ids.shape[1]
        moved = tuple(swaps.moved(width, wide) for swaps, _ in found)
        return Intervened(answered, asked, answers, moved, tuple(after for _, after in found))

    def _in_rows(self, rows: Rows, read_values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The program's input [B, T] and variables [B, T, V] from those at all tokens read, [N, V];
        NONE elsewhere."""
        read = rows.are_read()  # [B, T]
        ids, own = np.full(read.shape, NONE), self.targets.program_ids(rows)
        ids[:, : own.shape[1]] = own
        values = np.full((*read.shape, read_values.shape[-1]), NONE, dtype=np.int32)
        values[read] = read_values
        return ids, values

    def _drawn(
        self, chance: np.random.Generator, layer: int, rows: Rows, values: np.ndarray
    ) -> list[Swap]:
        """All draws for one stream, of variables [B, T, V]; a row has its kind in all of them."""
        kinds = drawn_kinds(chance, len(rows), self.settings.interchange_share)  # [B]
        flat = values.reshape(-1, values.shape[-1])  # [B T, V]
        swaps = []
        for _ in range(self.settings.interchange_tries):
            places, sources = drawn_places(chance, rows, kinds)  # [K] each
            group = self._group(chance, layer)
            held = flat[:, group]  # [B T, variables]
            known = ((held[places] != NONE) & (held[sources] != NONE)).all(axis=1)  # [K]
            places, sources = places[known], sources[known]
            has_rest = chance.random() < self.settings.interchange_rest
            rest = same_positions(chance, rows, places) if has_rest else None
            moved = self._with_spent(chance, layer, group)
            swaps.append(Swap(layer, tuple(moved.tolist()), places, sources, rest))
        return swaps

    def _group(self, chance: np.random.Generator, layer: int) -> np.ndarray:
        """Some of the variables of a layer, one at least."""
        variables = self._groups[layer]
        is_alone = chance.random() < self.settings.interchange_alone
        taken = (chance.random(len(variables)) < 0.5) & (not is_alone)
        taken[chance.integers(len(variables))] = True
        return variables[taken]

    def _with_spent(self, chance: np.random.Generator, layer: int, group: np.ndarray) -> np.ndarray:
        """The group, and the variables that no later layer reads, where they move along.

        Where that is not asked for nothing is drawn, so that runs stay what they were.
        """
        if self._spent and chance.random() < self.settings.interchange_spent:
            return np.union1d(group, self._spent[layer])
        return group

    def _best(
        self,
        chance: np.random.Generator,
        drawn: Sequence[Swap],
        ids: np.ndarray,
        values: np.ndarray,
        worth: ValueWorth | None,
    ) -> tuple[tuple[Swap, ...], np.ndarray]:
        """Of swaps on one stream for each row the one that brings about most in it, the first where
        none brings anything; and the variables after that."""
        tried = [swapped_values(self.targets.graph, ids, values, swap) for swap in drawn]
        gains = np.stack([self._gains(drawn[0].layer, after, values, worth) for after in tried])
        if self.settings.interchange_seek == "any":
            gains = (gains > 0) * chance.random(gains.shape)
        best = np.argmax(gains, axis=0)  # [B]
        taken = [swap.of_rows(best == place, ids.shape[1]) for place, swap in enumerate(drawn)]
        after = np.stack(tried)[best, np.arange(len(ids))]  # [B, T, V]
        return tuple(swap for swap in taken if len(swap.places)), after

    def _gains(
        self, layer: int, after: np.ndarray, values: np.ndarray, worth: ValueWorth | None
    ) -> np.ndarray:
        """float64 [B]: how many values of later layers, or of the output, change in each row; or
        what those are worth that come about.

        The variables are `values` [B, T, V] before a swap there, and then `after`.
        """
        follows = self._layers > layer  # [V]
        follows[self._output] = True
        changed = (after != values) & (after != NONE) & follows  # [B, T, V]
        counted = changed if worth is None else worth(after) * changed
        gains: np.ndarray = counted.sum(axis=(1, 2), dtype=np.float64)
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

    def _symbol_by_symbol(
        self, rows: Rows, outputs: np.ndarray
    ) -> tuple[Rows, np.ndarray, np.ndarray]:
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


def _groups_by_layer(targets: Targets) -> dict[int, np.ndarray]:
    """For each compiled layer that computes some, the places of its variables that can differ."""
    variables = targets.graph.variables
    found: dict[int, list[int]] = {}
    for place, variable in enumerate(variables):
        if variable.size > 1:
            found.setdefault(variable.layer, []).append(place)
    return {layer: np.array(places) for layer, places in sorted(found.items())}


def spent_variables(graph: Graph, layer: int) -> np.ndarray:
    """int64: the places of the variables that a stream holds, but no later layer reads, nor the
    answer."""
    held = {place for place, one in enumerate(graph.variables) if one.layer <= layer}
    read = {place for edge in edges_of(graph) if edge.layer > layer for place in edge.inputs}
    return np.array(sorted(held - read - {graph.output_index}), dtype=np.int64)
