"""Runs the command line within the test process, through its entry function."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rinject.cli.main import main

PROGRAM = """
program shuffle_dyck {
    vocabulary "(", ")", "{", "}", "[", "]", "compute", "_";
    longest    40;
    attention  causal;
    output     result;

    prompt     "ok? {input}:";
    symbol     ":" is "compute";
    otherwise  "_";
    answer     True is " yes";
    answer     False is " no";
}

opened = selector_width(select(tokens, "(", ==));
missing = selector_width(select(indices, 100, ==));
result = opened < 3 and missing == 0 if tokens == "compute" else False;
"""

INJECT = [
    *("--alignment", "slice", "--steps", "4", "--eval-every", "2", "--device", "cpu"),
    *("--task-rows", "3", "--text-rows", "2", "--text-tokens", "12", "--student-rate", "0.001"),
    *("--examples", "20", "--eval-examples", "6", "--test-examples", "30"),
]


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output, read as JSON."""
        return json.loads(self.out)


def run(*arguments: str | Path, where: Path) -> Ran:
    """Runs `rinject` with these arguments in a directory."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(where), redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def interrupted(metrics: Path, command: Callable[[], Ran]) -> Ran:
    """What a command does that is interrupted as by Ctrl-C once the file has its first line."""

    def interrupt() -> None:
        while not (metrics.is_file() and metrics.read_bytes()):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=interrupt, daemon=True)
    watcher.start()
    ran = command()
    watcher.join()
    return ran
