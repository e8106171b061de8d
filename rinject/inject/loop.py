"""The training loop: batches in, a trained state out, progress on the way."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from rinject.errors import RinjectError
from rinject.inject.interrupts import held_interrupts
from rinject.inject.state import State
from rinject.inject.step import Trainer, train_step


class Interrupted(RinjectError):
    """The user stopped the training; it can be continued."""


@dataclass(frozen=True)
class Progress:
    """Where a training run is."""

    step: int
    """Steps done."""
    steps: int
    """Steps in all."""
    losses: dict[str, float]
    """Mean of each loss, unweighted, since the last report: `answer`, `alignment`, `text`."""
    accuracy: float | None
    """Share of held-out examples answered right, where it was just measured."""
    tokens_per_second: float
    """Of task and text, since this process began training."""
    seconds_left: float
    """As estimated from the speed so far."""


Report = Callable[[Progress], None]


@dataclass
class Meter:
    """Losses since the last report, and the speed since the start."""

    begun: float = field(default_factory=time.monotonic)
    steps: int = 0
    tokens: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, losses: dict[str, Tensor], tokens: int) -> None:
        self.steps += 1
        self.tokens += tokens
        for name, loss in losses.items():  # summed as tensors: reading one waits for the device
            self.sums[name] = self.sums.get(name, 0) + loss.detach()
            self.counts[name] += 1

    def progress(self, step: int, steps: int, accuracy: float | None) -> Progress:
        """A report; the losses begin anew."""
        losses = {name: float(total) / self.counts[name] for name, total in self.sums.items()}
        self.sums.clear()
        self.counts.clear()
        seconds = max(time.monotonic() - self.begun, 1e-9)
        left = (steps - step) * seconds / max(1, self.steps)
        return Progress(step, steps, losses, accuracy, self.tokens / seconds, left)


def train(trainer: Trainer, state: State, report: Report, save: Callable[[], str]) -> None:
    """Trains until all steps are done. `save` keeps a checkpoint and says how to continue from it.

    Raises Interrupted after Ctrl-C, with a checkpoint saved.
    """
    settings = trainer.settings
    meter = Meter()
    with held_interrupts() as release_interrupt:
        try:
            while state.step < settings.steps:
                meter.add(*train_step(trainer, state))
                _report_if_due(trainer, state, meter, report)
                if settings.checkpoint_every and state.step % settings.checkpoint_every == 0:
                    save()
                release_interrupt()
        except KeyboardInterrupt:
            message = f"stopped after step {state.step} of {settings.steps}"
            raise Interrupted(message, hint=save()) from None


def _report_if_due(trainer: Trainer, state: State, meter: Meter, report: Report) -> None:
    settings, last = trainer.settings, state.step == trainer.settings.steps
    measured = last or state.step % settings.eval_every == 0
    if measured or state.step % settings.log_every == 0:
        accuracy = trainer.accuracy(state) if measured else None
        report(meter.progress(state.step, settings.steps, accuracy))
