"""One training step: the batch, the losses, the descent."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rinject.inject.answering import right_answers
from rinject.inject.batches import Batch, Batches
from rinject.inject.processes import Processes
from rinject.inject.rows import Rows
from rinject.inject.settings import InjectSettings
from rinject.inject.state import State


class Feed:
    """Batches on their device, the next one made in the background while one is used."""

    def __init__(self, batches: Batches, processes: Processes) -> None:
        self.batches, self.processes = batches, processes
        self._maker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._next: tuple[int, Future[Batch]] | None = None

    def at(self, step: int) -> Batch:
        """This process's part of the batch of a step."""
        if self._next is None or self._next[0] != step:
            self._next = step, self._maker.submit(self._made, step)
        batch = self._next[1].result()
        self._next = step + 1, self._maker.submit(self._made, step + 1)
        return batch.to(self.processes.device)

    def _made(self, step: int) -> Batch:
        batch = self.batches.at(step)
        if self.processes.count > 1:
            batch = batch.part(self.processes.rank, self.processes.count)
        return batch.pinned() if self.processes.device.type == "cuda" else batch


@dataclass(frozen=True)
class Trainer:
    """What stays the same from step to step."""

    batches: Batches
    held_out: Rows
    """Examples to measure accuracy on."""
    settings: InjectSettings
    processes: Processes
    suites: Mapping[str, Rows] = field(default_factory=dict)
    """Inputs beyond the task's rule, by suite, to measure accuracy on."""
    feed: Feed = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "feed", Feed(self.batches, self.processes))

    def accuracy(self, state: State) -> float | None:
        """Share of the held-out examples answered right."""
        return self._accuracy(state, self.held_out) if len(self.held_out) else None

    def suite_accuracies(self, state: State) -> dict[str, float] | None:
        """The same share of each suite; None without any."""
        return {name: self._accuracy(state, rows) for name, rows in self.suites.items()} or None

    def _accuracy(self, state: State, rows: Rows) -> float:
        with self.precision():
            return float(state.within(lambda: right_answers(state.model, rows)).mean())

    def precision(self) -> AbstractContextManager[None]:
        """The context of all forward passes."""
        if not self.processes.is_half:
            return nullcontext()
        return torch.autocast(self.processes.device.type, dtype=torch.bfloat16)


def train_step(trainer: Trainer, state: State) -> tuple[dict[str, Tensor], int]:
    """One optimizer step; returns the losses of the whole batch and its number of tokens."""
    batch = trainer.feed.at(state.step)
    weights = state.objective.weights()
    with state.objective.hooked():
        with trainer.precision():
            losses: dict[str, Tensor] = state.wrapped(batch)
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        trainer.processes.backward(total)
    state.descend(trainer.settings)
    return trainer.processes.total(losses), batch.tokens
