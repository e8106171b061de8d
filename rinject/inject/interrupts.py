"""Ctrl-C and SIGTERM between steps, never within one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_interrupts() -> Iterator[Callable[[], bool]]:
    """Within the block, SIGINT and SIGTERM wait; the yielded function says whether one came.

    A second one of the same kind does at once what it does elsewhere; under torchrun it changes
    nothing. One that is ignored stays so, as for jobs in the background. Outside the main thread,
    which alone receives signals, nothing changes.
    """
    pending: set[int] = set()
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    # It passes on a Ctrl-C, which the terminal has sent here too, and ends what does not end.
    launched = "TORCHELASTIC_RUN_ID" in os.environ
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in SIGNALS}
    held = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]

    def hold(number: int, _frame: FrameType | None) -> None:
        if number in pending and not launched:
            signal.signal(number, before[signal.Signals(number)])
            signal.raise_signal(number)
        pending.add(number)

    try:
        for number in held:
            signal.signal(number, hold)
        yield lambda: bool(pending)
    finally:
        for number in held:
            signal.signal(number, before[number])
