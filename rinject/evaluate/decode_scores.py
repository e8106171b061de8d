"""How sure the map is of each value: its output for every value, and the softmax of each variable.

T counts tokens, V variables, W values of all variables together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rinject.evaluate.decode_reading import Reading
from rinject.inject.bundle import Bundle

MOST_SCORES = 12
LEAST_SCORE = 0.0005
WITHIN = 99  # percent of the cells of a heat map that its colours tell apart


@dataclass(frozen=True)
class Score:
    """One value of a variable at a token."""

    value: int
    """Its index among the variable's values."""
    score: float
    """The softmax over all of them."""


@torch.no_grad()
def projected_stream(bundle: Bundle, reading: Reading, layer: int) -> Tensor:
    """The map's output [T, W] at a compiled layer (the paper's figure 5), centred by variable.

    What is added to all values of a variable means nothing: the map is learned without it.
    """
    maps = bundle.projection.maps()
    stream = reading.streams[layer].to(maps.weight.device)  # [T, D]
    slices = _by_variable(bundle, maps.slices_at(layer, stream).cpu())
    return torch.cat([part - part.mean(dim=-1, keepdim=True) for part in slices], dim=-1)


def value_scores(bundle: Bundle, projected: Tensor) -> list[np.ndarray]:
    """For each variable [T, size]: the softmax of the map's output [T, W] over its values."""
    return [part.softmax(dim=-1).numpy() for part in _by_variable(bundle, projected)]


def _by_variable(bundle: Bundle, projected: Tensor) -> tuple[Tensor, ...]:
    return projected.split([one.size for one in bundle.projection.slices], dim=-1)


def top_scores(scores: np.ndarray, true: np.ndarray) -> list[list[Score]]:
    """For each token, the scores of one variable worth showing, the highest first.

    `scores` [T, size], `true` [T], -1 for no value. The highest dozen, of those that are not next
    to nothing; the decoded value and the true one are always among them.
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :MOST_SCORES]  # [T, 12]
    found = []
    for token, best in enumerate(order):
        kept = [v for i, v in enumerate(best) if i == 0 or scores[token, v] >= LEAST_SCORE]
        wanted = true[token]
        if wanted >= 0 and wanted not in kept:
            kept = [*kept[: MOST_SCORES - 1], wanted]
        found.append([Score(int(value), float(scores[token, value])) for value in kept])
    return found


def heat_scale(cells: np.ndarray) -> float:
    """The magnitude that the outermost colours of a heat map stand for: few lie further out."""
    return float(np.percentile(np.abs(cells), WITHIN)) or 1.0
