"""Time, memory and arithmetic of training steps."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import memory
from benchmarks.step_records import StepRecord
from benchmarks.step_sides import OurSide, Side

PRODUCTS = 20  # matrix products timed at once
TRIES = 5


def timed_in_turn(
    sides: Sequence[Side], rounds: int, steps: int, device: torch.device
) -> list[StepRecord]:
    """All sides, one step of each after the other, `steps` of them in each round."""
    seconds = [[0.0] * rounds for _ in sides]
    tokens = [0] * len(sides)
    for number in range(rounds):
        for _ in range(steps):
            for place, side in enumerate(sides):
                begun = _now(device)
                tokens[place] += side.step()
                seconds[place][number] += _now(device) - begun
    return [
        StepRecord(
            name=side.name,
            rounds=tuple(1e3 * one / steps for one in seconds[place]),
            tokens_per_second=tokens[place] / sum(seconds[place]),
            megabytes=added_megabytes(side, device),
            gigaflop=gigaflop(side),
        )
        for place, side in enumerate(sides)
    ]


def added_megabytes(side: Side, device: torch.device) -> float:
    """Peak memory that one step adds to weights and moments."""
    side.forget_gradients()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        side.step()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    memory.settle()
    memory.forget_peak()
    resident = memory.resident()
    side.step()
    return max(memory.peak() - resident, 0.0)


def gigaflop(side: Side) -> float:
    """10^9 operations of the matrix products of one step."""
    with FlopCounterMode(display=False) as counter:
        side.step()
    return counter.get_total_flops() / 1e9


def gigaflops(rows: int, width: int, device: torch.device, dtype: torch.dtype) -> float:
    """10^9 operations a second of products [rows, width] @ [width, 4 width], the best of a few."""
    left = torch.randn(rows, width, device=device, dtype=dtype)
    right = torch.randn(width, 4 * width, device=device, dtype=dtype)
    best = 0.0
    for _ in range(TRIES):
        begun = _now(device)
        for _ in range(PRODUCTS):
            left @ right
        elapsed = _now(device) - begun
        best = max(best, PRODUCTS * 8e-9 * rows * width * width / elapsed)
    return best


def parts_of(side: OurSide, steps: int, device: torch.device) -> dict[str, float]:
    """Milliseconds a step of each part of our step, its mean over some steps."""
    clock = _Clock(lambda: _now(device))
    state = side.state
    with ExitStack() as hooks:
        settings = side.trainer.settings

        def which(kwargs: dict[str, Any]) -> str:
            if len(kwargs["input_ids"]) == settings.task_rows + settings.text_rows:
                return "student, task and text"
            return "student, text" if "student, task" in clock.seen else "student, task"

        hooks.enter_context(_called(clock, state.model, which))
        (teacher,) = state.objective._teacher
        hooks.enter_context(_called(clock, teacher, lambda _: "teacher"))
        hooks.enter_context(_marked(clock, state.objective))
        handle = state.optimizer.register_step_pre_hook(lambda *_: clock.mark("backward"))
        hooks.callback(handle.remove)
        for _ in range(steps):
            clock.begin()
            side.step()
            clock.mark("optimizer")
    return {name: 1e3 * seconds / steps for name, seconds in clock.totals.items()}


@dataclass
class _Clock:
    """Seconds of each part, one after the other."""

    now: Callable[[], float]
    totals: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    seen: set[str] = field(default_factory=set)
    last: float = 0.0

    def begin(self) -> None:
        """A step begins."""
        self.seen.clear()
        self.last = self.now()

    def mark(self, part: str) -> None:
        """What has passed since the last mark belongs to a part."""
        now = self.now()
        self.totals[part] += now - self.last
        self.seen.add(part)
        self.last = now


@contextmanager
def _called(
    clock: _Clock, module: nn.Module, part: Callable[[dict[str, Any]], str]
) -> Iterator[None]:
    """Within the block, calls of a module are a part; what comes between them is the losses'."""

    def before(*_: Any) -> None:
        clock.mark("losses")

    def after(_module: nn.Module, _args: Any, kwargs: dict[str, Any], _output: Any) -> None:
        clock.mark(part(kwargs))

    handles = (
        module.register_forward_pre_hook(before),
        module.register_forward_hook(after, with_kwargs=True),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _marked(clock: _Clock, objective: nn.Module) -> Iterator[None]:
    """Within the block, what comes before the objective is the data's part."""
    handles = (
        objective.register_forward_pre_hook(lambda *_: clock.mark("data")),
        objective.register_forward_hook(lambda *_: clock.mark("losses")),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _now(device: torch.device) -> float:
    """Seconds, once the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
