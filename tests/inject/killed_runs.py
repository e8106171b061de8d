"""Trains once without a break, then again under kill -9, resumed after each kill.

Run as a program, since its children are forked: torch is imported once for all of them.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from inject import small_injection
from inject.small_run import run

from rinject.inject import Progress, run_path

STEPS = 100
KILLS, DURING_A_SAVE, MOST_KILLS = 20, 3, 60
MOST_STEPS = 3  # before a run is killed, so that some are left for the next
A_STEP = 0.05  # seconds, more or less
SETTING_UP = 0.5  # seconds in which a run is killed before it trains


Wait = Callable[[int, int], None]
"""For the moment to kill a child, given with its pipe."""


def train(directory: Path, tell: Callable[[Progress], object]) -> None:
    """A run that saves after every step."""
    resume = any(run_path(directory).glob("step-*.safetensors"))
    run(
        directory,
        report=tell,
        extra={"resume": resume},
        steps=STEPS,
        log_every=1,
        eval_every=50,
        checkpoint_minutes=1e-9,
        task_rows=2,
        text_rows=1,
        warmup=0.1,
        decay=0.5,
    )


def forked(directory: Path) -> tuple[int, int]:
    """A training in a child; its process, and a pipe that has a byte after each step."""
    end, start = os.pipe()
    child = os.fork()
    if child:
        os.close(start)
        return child, end
    try:
        train(directory, lambda _: os.write(start, b"."))
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(1)
    os._exit(0)


def finished(child: int, pipe: int) -> bool:
    """Waits for a child; whether it was done. Raises RuntimeError where it failed."""
    _, status = os.waitpid(child, 0)
    os.close(pipe)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a run ended with {code}")
    return code == 0


def runs(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def killed(directory: Path, wait: Wait) -> None:
    """One training, killed after a wait."""
    child, pipe = forked(directory)
    wait(child, pipe)
    os.kill(child, signal.SIGKILL)
    if finished(child, pipe):
        raise RuntimeError("a run was done before it was killed: more steps are needed")


def moments(directory: Path, chance: random.Random) -> Iterator[Wait]:
    """When to kill: early, after some steps, or when a file is being written."""

    def early(child: int, pipe: int) -> None:
        time.sleep(chance.uniform(0, SETTING_UP))

    def some_steps(pipe: int) -> None:
        for _ in range(chance.randint(1, MOST_STEPS)):
            os.read(pipe, 1)  # waits for a step; at the end of the run it returns at once

    def after_a_step(child: int, pipe: int) -> None:
        some_steps(pipe)
        time.sleep(chance.uniform(0, A_STEP))

    def in_a_save(child: int, pipe: int) -> None:
        some_steps(pipe)
        while runs(child) and not half_written(directory):
            pass

    while True:
        yield from (early, after_a_step, in_a_save, after_a_step, in_a_save)


def half_written(directory: Path) -> bool:
    return any(run_path(directory).glob("step-*.partial"))


def in_the_end(directory: Path) -> Wait:
    """Until the bundle is being written."""

    def wait(child: int, pipe: int) -> None:
        while runs(child) and not any(directory.parent.glob(f".{directory.name}.*")):
            time.sleep(0.001)

    return wait


def main(folder: Path, seed: int) -> None:
    torch.set_num_threads(1)
    small_injection.compiled(), small_injection.reconciliation()  # once, for all children
    whole, parts = folder / "whole", folder / "parts"
    if not finished(*forked(whole)):
        raise RuntimeError("nobody was to kill it")
    kills = during = 0
    for moment in moments(parts, random.Random(seed)):
        killed(parts, moment)
        kills += 1
        during += half_written(parts)
        if (kills >= KILLS and during >= DURING_A_SAVE) or kills == MOST_KILLS:
            break
    newest = max(path.name for path in run_path(parts).glob("step-*.safetensors"))
    killed(parts, in_the_end(parts))
    while not finished(*forked(parts)):
        pass
    print(json.dumps({"kills": kills, "during a save": during, "newest": newest}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
