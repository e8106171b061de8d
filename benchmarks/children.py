"""Measurements in fresh processes that can be stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class ChildFailed(Exception):
    """The process ended without a result; the text is the last line that it wrote."""


class ChildTooSlow(Exception):
    """The process was stopped at its limit."""


def measured_in_child(module: str, *arguments: str, limit: float | None = None) -> Any:
    """The JSON that `python -m module arguments` prints last, run for at most `limit` seconds.

    Raises ChildFailed and ChildTooSlow.
    """
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise ChildTooSlow from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ChildFailed(lines[-1])
    return json.loads(done.stdout.splitlines()[-1])
