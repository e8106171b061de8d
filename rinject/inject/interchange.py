"""Interchange interventions: part of the stream comes from elsewhere, in student and program alike.

Geiger et al., "Inducing causal structure for interpretable neural networks" (2022), section 3. An
intervention is on the stream after one compiled layer. In the program the variables in question
take the values that they have at the source, all others of layers up to that one stay as they are,
and those of later layers follow; in the student their subspace does.
"""

from __future__ import annotations

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

    def moved(self, width: int, wide: int) -> Swap:
        """The same swap in rows of another width."""
        if width == wide:
            return self
        places, sources = (at // width * wide + at % width for at in (self.places, self.sources))
        return replace(self, places=places, sources=sources)


def swapped_values(graph: Graph, ids: np.ndarray, values: np.ndarray, swap: Swap) -> np.ndarray:
    """int32 [B, T, V]: the program's variables under a swap, from those without, [B, T, V].

    `ids` [B, T] is the program's input.
    """
    changed = values.copy().reshape(-1, values.shape[-1])  # [B T, V]
    for variable in swap.variables:
        changed[swap.places, variable] = changed[swap.sources, variable]
    return graph.resumed(ids, swap.layer, changed.reshape(values.shape))


def swapped_part(maps: Maps, swap: Swap) -> Subspace:
    """What is swapped in the student: all that the map reads of the variables."""
    return group_subspace(maps, [maps.slices[place] for place in swap.variables], swap.layer)


def swapped_stream(stream: Tensor, subspace: Subspace, swap: Swap) -> Tensor:
    """The student's stream [B, T, D] with its part in a subspace swapped."""
    flat = stream.flatten(0, 1)  # [B T, D]
    places = torch.from_numpy(swap.places).to(stream.device)
    taken = flat[torch.from_numpy(swap.sources).to(stream.device)]  # [K, D]
    return flat.index_add(0, places, subspace.part(taken - flat[places])).view_as(stream)
