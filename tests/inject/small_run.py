"""Whole runs of the small injection, and what is asked of them."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from inject import small_injection
from inject.small_injection import TEXTS
from torch import Tensor

from rinject.circuit import CompiledModel
from rinject.inject import Progress, Result, inject
from rinject.student import Student
from rinject.tasks import Task


def run(
    directory: Path,
    *,
    kind: str = "gpt2",
    student: Student | None = None,
    compiled: CompiledModel | None = None,
    task: Task | None = None,
    report: Callable[[Progress], Any] = lambda _: None,
    extra: dict[str, Any] | None = None,
    **changed: Any,
) -> Result:
    """`extra` are arguments of `inject`, `changed` are settings."""
    return inject(
        compiled or small_injection.compiled(),
        student or small_injection.student(kind),
        small_injection.reconciliation(),
        task or small_injection.task(),
        TEXTS,
        small_injection.settings(**changed),
        directory=directory,
        report=report,
        **(extra or {}),
    )


def weights(result: Result) -> dict[str, Tensor]:
    return {**result.bundle.model.state_dict(), **result.bundle.projection.state_dict()}


def assert_same(one: Result, other: Result) -> None:
    """The same weights, bit for bit."""
    assert weights(one).keys() == weights(other).keys()
    for name, tensor in weights(one).items():
        assert torch.equal(tensor, weights(other)[name]), name


def stop_after(step: int, number: int = signal.SIGINT) -> Callable[[Progress], None]:
    """A report that stops the run as a user does."""

    def report(progress: Progress) -> None:
        if progress.step == step:
            signal.raise_signal(number)

    return report
