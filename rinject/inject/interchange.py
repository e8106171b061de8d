"""Interchange interventions: part of the stream comes from elsewhere, in student and program alike.

Geiger et al., "Inducing causal structure for interpretable neural networks" (2022), section 3. An
intervention is on the stream after one compiled layer. In the program the variables in question
take the values that they have at the source, all others of layers up to that one stay as they are,
and those of later layers follow; in the student their subspace does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from rinject.graph import Graph
from rinject.inject.projection import Maps
from rinject.inject.subspaces import Subspace, group_subspace


@dataclass(frozen=True)
class Swap:
    """Which variables take their value from where. Places are flat positions in [B, T]."""

    layer: int
    """The compiled stream."""
    variables: tuple[int, ...]
    """Their places among the graph's variables; none of a later layer."""
    places: np.ndarray
    """int64 [K]: where they change."""
    sources: np.ndarray
    """int64 [K]: where each takes its new value from."""
    rest: np.ndarray | None = None
    """int64 [K]: where all that is no variable's comes from, if it moves along. In the program
    nothing follows from that."""

    def of_rows(self, chosen: np.ndarray, width: int) -> Swap:
        """The same swap in the `chosen` rows alone, bool [B], of that width."""
        own = chosen[self.places // width]  # [K]
        return self._each(lambda at: at[own])

    def moved(self, width: int, wide: int) -> Swap:
        """The same swap in rows of another width."""
        if width == wide:
            return self
        return self._each(lambda at: at // width * wide + at % width)

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> Swap:
        """The same swap with all its places changed alike."""
        rest = None if self.rest is None else change(self.rest)
        return replace(self, places=change(self.places), sources=change(self.sources), rest=rest)


@dataclass(frozen=True)
class LayerSwaps:
    """The swaps on one compiled stream, all at once; a row has places of one of them at most."""

    layer: int
    swaps: tuple[Swap, ...]

    def moved(self, width: int, wide: int) -> LayerSwaps:
        """The same in rows of another width."""
        return replace(self, swaps=tuple(swap.moved(width, wide) for swap in self.swaps))


def swapped_values(graph: Graph, ids: np.ndarray, values: np.ndarray, swap: Swap) -> np.ndarray:
    """int32 [B, T, V]: the program's variables under a swap, from those without, [B, T, V].

    `ids` [B, T] is the program's input. The variables may be those under swaps on earlier streams;
    rows without a place stay as they are, for they follow from earlier layers already.
    """
    changed = values.copy()
    flat = changed.reshape(-1, values.shape[-1])  # [B T, V]
    for variable in swap.variables:
        flat[swap.places, variable] = flat[swap.sources, variable]
    rows = np.unique(swap.places // values.shape[1])
    changed[rows] = graph.resumed(ids[rows], swap.layer, changed[rows])
    return changed


@dataclass(frozen=True)
class SwappedPart:
    """What is swapped in a student's stream: all that the map reads of some variables."""

    variables: Subspace
    held: Subspace | None = None
    """Of all variables that the stream holds, where what is outside of them is swapped, too."""


def swapped_part(maps: Maps, swap: Swap) -> SwappedPart:
    """What a swap moves."""
    moved = group_subspace(maps, [maps.slices[place] for place in swap.variables], swap.layer)
    if swap.rest is None:
        return SwappedPart(moved)
    held = [one for one in maps.slices if one.layer <= swap.layer]
    return SwappedPart(moved, group_subspace(maps, held, swap.layer))


def swapped_stream(stream: Tensor, swaps: Iterable[tuple[Swap, SwappedPart]]) -> Tensor:
    """The student's stream [B, T, D] with parts of it swapped, all at once."""
    flat = stream.flatten(0, 1)  # [B T, D]
    swapped = flat
    for swap, part in swaps:
        places = torch.from_numpy(swap.places).to(stream.device)
        own = flat[places]  # [K, D]
        change = part.variables.part(_at(flat, swap.sources) - own)
        if swap.rest is not None:
            assert part.held is not None
            around = _at(flat, swap.rest) - own
            change = change + around - part.held.part(around)
        swapped = swapped.index_add(0, places, change)
    return swapped.view_as(stream)


def _at(flat: Tensor, places: np.ndarray) -> Tensor:
    """The stream [K, D] at flat places [K] of it, [B T, D]."""
    return flat[torch.from_numpy(places).to(flat.device)]
