"""The figures of a training run for TensorBoard, where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from rinject.inject.loop import Progress, Report


@contextmanager
def board(folder: Path, step: int) -> Iterator[Report]:
    """Yields what writes reports as event files; without TensorBoard it does nothing.

    What an earlier process wrote after `step`, from which the run continues, is no longer shown.
    """
    if find_spec("tensorboard") is None:
        yield lambda _: None
        return
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder), purge_step=step + 1) as writer:

        def write(progress: Progress) -> None:
            for name, value in _scalars(progress):
                writer.add_scalar(name, value, progress.step)
            writer.flush()

        yield write


def _scalars(progress: Progress) -> Iterator[tuple[str, float]]:
    for name, loss in progress.losses.items():
        yield f"loss/{name}", loss
    for name, share in (progress.fidelity or {}).items():
        yield f"fidelity/{name}", share
    for name, share in (progress.suites or {}).items():
        yield f"suite/{name}", share
    figures = {
        "accuracy": progress.accuracy,
        "fidelity mean": progress.mean_fidelity,
        "tokens per second": progress.tokens_per_second,
        "learning rate": progress.rate,
    }
    for name, value in figures.items():
        if value is not None:
            yield name, value
