"""What a training run shows: a bar and figures on a terminal, else a line now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from rinject.cli.console import note, shows_progress, stderr

if TYPE_CHECKING:
    from rinject.inject import Progress as Training


@contextmanager
def training_display(label: str, *, quiet: bool) -> Iterator[Callable[[Training], None]]:
    """Yields the function that takes each report of the training."""
    if quiet:
        yield lambda _: None
    elif shows_progress(quiet):
        with _Display(label).live() as show:
            yield show
    else:
        yield _note_measurements


def _note_measurements(training: Training) -> None:
    """A line for each measurement of accuracy or fidelity: enough for a log file."""
    if training.accuracy is not None or training.mean_fidelity is not None:
        about = figures(training, training.accuracy, training.mean_fidelity)
        note(f"step {training.step} of {training.steps}: {about}")


def figures(training: Training, accuracy: float | None, fidelity: float | None) -> str:
    """Losses, accuracy, mean fidelity, speed and time left, on one line."""
    losses = {name: round(loss, 3) + 0.0 for name, loss in training.losses.items()}  # no -0.000
    parts = [f"{name} {loss:.3f}" for name, loss in losses.items()]
    if accuracy is not None:
        parts.append(f"accuracy {accuracy:.1%}")
    if fidelity is not None:
        parts.append(f"fidelity {fidelity:.1%}")
    parts.append(f"{training.tokens_per_second:,.0f} tokens/s")
    parts.append(f"{timedelta(seconds=round(training.seconds_left))} left")
    return ", ".join(parts)


class _Display:
    """A bar, and under it the figures, with accuracy and fidelity as measured last."""

    def __init__(self, label: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self.bar = Progress(*columns, console=stderr)
        self.task = self.bar.add_task(label, total=None)
        self.accuracy: float | None = None
        self.fidelity: float | None = None

    @contextmanager
    def live(self) -> Iterator[Callable[[Training], None]]:
        """Draws until the block ends, then leaves nothing behind."""
        with Live(self.bar, console=stderr, transient=True) as live:

            def show(training: Training) -> None:
                self.accuracy = _newest(training.accuracy, self.accuracy)
                self.fidelity = _newest(training.mean_fidelity, self.fidelity)
                about = figures(training, self.accuracy, self.fidelity)
                self.bar.update(self.task, completed=training.step, total=training.steps)
                live.update(Group(self.bar, Text(about)))

            yield show


def _newest(measured: float | None, before: float | None) -> float | None:
    return before if measured is None else measured
