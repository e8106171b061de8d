"""What an intervention on a stream does to the student's answers, beside the program's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rinject.errors import InputError
from rinject.evaluate.probe.answers import Answers, Asked, Streams
from rinject.evaluate.probe.shares import NO_CASES, Share
from rinject.evaluate.probe.subspaces import probed_subspace, random_subspaces
from rinject.evaluate.progress import Progress, unseen
from rinject.graph import Graph
from rinject.inject.bundle import Bundle
from rinject.inject.subspaces import Subspace
from rinject.lang.diagnostics import did_you_mean


@dataclass(frozen=True)
class Effect:
    """How often the student answers as the program does, both under the same intervention."""

    followed: Share
    """Of all cases, where the intervention was on the variable's subspace."""
    random: Share
    """Where it was on random subspaces of the same rank, a draw for each; not asked where the
    program's answer never changes."""
    followed_changed: Share
    """The same, of the cases in which the program's answer changes."""
    random_changed: Share

    def to_record(self) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        return {name: share.to_record() for name, share in vars(self).items()}


@dataclass(frozen=True)
class Places:
    """K positions of rows."""

    rows: np.ndarray
    """int64 [K]"""
    at: np.ndarray
    """int64 [K]"""

    def take(self, chosen: np.ndarray) -> Places:
        """Some of them."""
        return Places(self.rows[chosen], self.at[chosen])

    def flat(self, width: int) -> np.ndarray:
        """int64 [K]: where they are in rows of so many positions, one after another."""
        return self.rows * width + self.at


@dataclass(frozen=True)
class Probed:
    """A variable, and where it is intervened on."""

    name: str
    index: int
    """Its place among the graph's variables."""
    layer: int
    """The first compiled stream that holds it."""
    student_layer: int
    """The student's stream aligned with that."""
    subspace: Subspace
    others: tuple[Subspace, ...]
    """Random ones of the same rank."""


def probed_variables(
    bundle: Bundle,
    names: Sequence[str],
    streams: Streams,
    *,
    draws: int,
    seed: int,
    report: Progress = unseen,
) -> Iterator[Probed]:
    """These variables, or all that have two values or more, in the order of their layers.

    `streams` are those that random subspaces are fitted to; `report` sees how many variables were
    done before each.
    """
    maps, read = bundle.projection.maps(), torch.from_numpy(streams.rows.are_read())
    chosen = [
        (index, one)
        for index, one in sorted(enumerate(maps.slices), key=lambda pair: pair[1].layer)
        if one.name in names or (not names and not one.is_constant)
    ]
    for done, (index, one) in enumerate(chosen):
        layer = bundle.record.layers[one.layer]
        own, label = probed_subspace(maps, one, one.layer), f"random subspaces, {one.name}"
        others = random_subspaces(own, streams.after(layer)[read], draws, seed, label)
        report(done, len(chosen))
        yield Probed(one.name, index, one.layer, layer, own, others)


def check_variables(graph: Graph, names: Sequence[str]) -> None:
    """Raises InputError for a variable that does not exist, or has one value."""
    sizes = {variable.name: variable.size for variable in graph.variables}
    for name in names:
        if name not in sizes:
            listed = f"its variables are {', '.join(sizes)}"
            raise InputError(
                f"the program has no variable `{name}`",
                hint=did_you_mean(name, sizes, otherwise=listed),
            )
        if sizes[name] < 2:
            raise InputError(f"the variable `{name}` has one value: there is nothing to change")


def measure_effect(
    answers: Answers, variable: Probed, values: np.ndarray, places: Places, targets: Tensor
) -> Effect:
    """The program's variables become `values` [B, t, V]; the student's stream at K places takes the
    variable's part of `targets` [K, D]."""
    asked = answers.asked(values)
    layer, changed = variable.student_layer, answers.changed(asked)  # [cases]
    prompts, every = answers.prompts(asked), np.ones_like(changed)  # [cases]
    stream = answers.stream(asked, layer)  # [b, T, D]
    places, targets = _among(asked, len(answers.rows), places, targets)
    others = variable.others if changed.any() else ()
    agreed = [
        answers.agrees(asked, layer, with_part(stream, subspace, places, targets))
        for subspace in (variable.subspace, *others)
    ]
    own, random = agreed[:1], agreed[1:]  # each [cases]
    return Effect(
        followed=_share(own, every, prompts),
        random=_share(random, every, prompts),
        followed_changed=_share(own, changed, prompts),
        random_changed=_share(random, changed, prompts),
    )


def with_part(stream: Tensor, subspace: Subspace, places: Places, targets: Tensor) -> Tensor:
    """The stream [B, T, D] with its part in a subspace at K places as in `targets` [K, D]."""
    rows, at = (torch.from_numpy(one).to(stream.device) for one in (places.rows, places.at))
    changed = stream.clone()
    changed[rows, at] += subspace.part(targets - stream[rows, at])
    return changed


def _among(asked: Asked, rows: int, places: Places, targets: Tensor) -> tuple[Places, Tensor]:
    """The places in those of so many rows that are asked, and their targets."""
    now = np.full(rows, -1)
    now[asked.kept] = np.arange(len(asked.kept))
    kept = np.flatnonzero(now[places.rows] >= 0)
    found = Places(now[places.rows[kept]], places.at[kept])
    return found, targets[torch.from_numpy(kept).to(targets.device)]


def _share(agreed: Sequence[np.ndarray], among: np.ndarray, prompts: np.ndarray) -> Share:
    """Of some cases, [cases] each; of none where nothing was asked."""
    if not agreed:
        return NO_CASES
    counts = tuple(int(one[among].sum()) for one in agreed)
    return Share(counts, int(among.sum()), frozenset(prompts[among].tolist()))
