"""Ctrl-C between steps, never within one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_interrupts() -> Iterator[Callable[[], None]]:
    """Within the block, Ctrl-C waits until the yielded function is called, which then raises it.

    Outside the main thread, which alone receives signals, nothing changes.
    """
    pending: list[int] = []

    def hold(number: int, _frame: FrameType | None) -> None:
        pending.append(number)

    def release() -> None:
        if pending:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield release
        return
    before = signal.signal(signal.SIGINT, hold)
    try:
        yield release
    finally:
        signal.signal(signal.SIGINT, before)
