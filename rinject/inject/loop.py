"""The training loop: batches in, a trained state out, progress and checkpoints on the way."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from rinject.errors import RinjectError
from rinject.inject.batches import Batches
from rinject.inject.failures import check_losses, check_state, explained_divergence
from rinject.inject.fidelity import FidelityReport
from rinject.inject.interrupts import held_interrupts
from rinject.inject.rarity import errors_by_value
from rinject.inject.state import State, rate_factor
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
    seconds: float
    """Since this process began training."""
    rate: float
    """Share of the full learning rates that the last step took."""
    fidelity: dict[str, float] | None = None
    """Of each variable, on held-out examples, where it was just measured."""
    suites: dict[str, float] | None = None
    """Share of the inputs of each suite answered right, where it was just measured."""
    mean_fidelity: float | None = None
    """Mean over the variables that change, where it was just measured."""


Clock = Callable[[], float]
Report = Callable[[Progress], None]
Save = Callable[[], str]
MeasureFidelity = Callable[[State], FidelityReport | None]


@dataclass
class Meter:
    """Losses since the last report, and the speed since the start."""

    clock: Clock
    begun: float = field(init=False)
    steps: int = 0
    tokens: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        self.begun = self.clock()

    def add(self, losses: dict[str, Tensor], tokens: int) -> None:
        self.steps += 1
        self.tokens += tokens
        for name, loss in losses.items():  # summed as tensors: reading one waits for the device
            self.sums[name] = self.sums.get(name, 0) + loss.detach()
            self.counts[name] += 1

    def losses(self) -> dict[str, float]:
        """The mean of each loss, which then begins anew."""
        means = {name: float(total) / self.counts[name] for name, total in self.sums.items()}
        self.sums.clear()
        self.counts.clear()
        return means

    @property
    def seconds(self) -> float:
        """Since the start."""
        return max(self.clock() - self.begun, 1e-9)


@dataclass
class Keeper:
    """Saves a state whose weights are numbers, when it is time."""

    save: Save
    seconds: float
    """Between two checkpoints; 0 for none on the way."""
    clock: Clock
    step: int
    """What is saved already."""
    hint: str = "continue with --resume"
    """How to continue from what was saved last."""
    last: float = field(init=False)

    def __post_init__(self) -> None:
        self.last = self.clock()

    @property
    def is_due(self) -> bool:
        """Whether so much time has passed."""
        return bool(self.seconds) and self.clock() - self.last >= self.seconds

    def keep(self, state: State) -> None:
        """Saves, unless this step is saved. Raises RinjectError for weights that are no numbers."""
        if state.step == self.step:
            return
        check_state(state)
        self.hint = self.save()
        self.step, self.last = state.step, self.clock()


def train(
    trainer: Trainer,
    state: State,
    report: Report,
    save: Save,
    *,
    measure_fidelity: MeasureFidelity = lambda _: None,
    clock: Clock = time.monotonic,
) -> None:
    """Trains until all steps are done, and saves the end.

    `save` keeps a checkpoint and says how to continue from it. `clock` tells seconds.

    Raises:
        Interrupted: after SIGINT or SIGTERM, with a checkpoint saved.
        RinjectError: a loss or a weight is no number any more; what was saved before stays.
    """
    settings, either = trainer.settings, trainer.processes.any
    meter = Meter(clock)
    keeper = Keeper(save, 60 * settings.checkpoint_minutes, clock, state.step)
    with held_interrupts() as is_stopped:
        while state.step < settings.steps:
            with explained_divergence(state):
                meter.add(*train_step(trainer, state))
            if _reports(trainer, state):
                report(_progress(trainer, state, meter, measure_fidelity))
            if either(is_stopped() or keeper.is_due or state.step == settings.steps):
                keeper.keep(state)
                if either(is_stopped()):
                    message = f"stopped after step {state.step} of {settings.steps}"
                    raise Interrupted(message, hint=keeper.hint)


def _reports(trainer: Trainer, state: State) -> bool:
    return state.step % trainer.settings.log_every == 0 or _measures(trainer, state)


def _measures(trainer: Trainer, state: State) -> bool:
    last = state.step == trainer.settings.steps
    return last or state.step % trainer.settings.eval_every == 0


def _progress(
    trainer: Trainer, state: State, meter: Meter, measure_fidelity: MeasureFidelity
) -> Progress:
    """A report. Raises RinjectError for losses that are no numbers."""
    settings, losses = trainer.settings, meter.losses()
    check_losses(losses, state.step)
    measured = _measures(trainer, state)
    accuracy = trainer.accuracy(state) if measured else None
    fidelity = measure_fidelity(state) if measured else None
    if fidelity is not None:
        counts = fidelity.followed if settings.errors_of_edges else fidelity.counts
        errors = trainer.processes.from_main(errors_by_value(counts))  # all draw the same
        state.errors.add(Batches.block_of(state.step), errors)
    seconds = meter.seconds
    return Progress(
        step=state.step,
        steps=settings.steps,
        losses=losses,
        accuracy=accuracy,
        tokens_per_second=meter.tokens / seconds,
        seconds_left=(settings.steps - state.step) * seconds / meter.steps,
        seconds=seconds,
        rate=rate_factor(state.step - 1, settings),
        fidelity=None if fidelity is None else dict(fidelity.variables),
        mean_fidelity=None if fidelity is None else fidelity.mean,
        suites=trainer.suite_accuracies(state) if measured else None,
    )
