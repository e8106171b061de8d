"""One of several processes that train together, as ``torchrun`` starts them.

``python trained_together.py DIRECTORY`` runs all scenarios in turn. Each process writes what it saw
to ``DIRECTORY/NAME.RANK.json``; the bundles are ``DIRECTORY/NAME``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from inject import small_injection
from torch import Tensor, nn

from rinject.errors import RinjectError
from rinject.inject import Bundle, Interrupted, Progress, Result, inject
from rinject.inject.batches import STEPS_AHEAD

TEXTS = [" ".join(map(str, range(1000)))]  # no two windows of it are alike
COMMON = {"text_rows": 4, "kl_every": 2, "log_every": 1, "forward": "apart"}
SCENARIOS: dict[str, dict[str, Any]] = {
    "ddp": {},
    "ddp-strict": {
        "codes": "orthogonal", "strict_share": 0.5, "roll_share": 0.5, "vocabulary": 0.1,
        "clear_later": 0.1,
    },
    "ddp-muon": {
        "optimizer": "muon", "roll": "subspace", "alignment": "cosine", "roll_share": 0.5,
        "roll_from": "text",
    },
    "fsdp": {"forward": "joint"},
    "fsdp-subspace": {
        "kind": "llama", "roll": "subspace", "whiten": 0.01, "checkpoint_activations": True,
    },
}  # fmt: skip
SEEKING: dict[str, Any] = {
    "steps": STEPS_AHEAD + 6, "eval_every": 10, "rare": 0.9, "seek": "wrong", "examples": 200,
}  # fmt: skip
"""What is drawn last depends on what was measured."""
CALLS = 5  # of the clock before what is to happen does: in the middle of a run


@dataclass
class Seen:
    """What one process saw of a run."""

    rows: list[list[int]] = field(default_factory=list)
    """What the student was trained on."""
    losses: list[dict[str, float]] = field(default_factory=list)
    """As reported after each step."""
    end: str = ""
    """Why it came early, if it did."""


def train(
    directory: Path,
    seen: Seen,
    *,
    kind: str = "gpt2",
    report: Callable[[Progress], object] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    resume: bool = False,
    **changed: Any,
) -> Result:
    """A run of one scenario, in this process or in several."""
    settings = small_injection.settings(**COMMON | changed)
    student = small_injection.student(kind)

    def look(_model: nn.Module, _args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        ids: Tensor = kwargs["input_ids"]
        if torch.is_grad_enabled():  # else it is measured
            seen.rows += ids.tolist()

    def measure(bundle: Bundle) -> dict[str, Any]:
        ids = torch.arange(6)[None]
        with torch.no_grad():
            logits = bundle.model(input_ids=ids).logits
            base = student.model(input_ids=ids).logits
        return {"logit": float(logits[0, -1, 0]), "base_logit": float(base[0, -1, 0])}

    def tell(progress: Progress) -> None:
        seen.losses.append(progress.losses)
        report(progress)

    # The copy of the student that is trained keeps the hook.
    student.model.register_forward_pre_hook(look, with_kwargs=True)
    return inject(
        small_injection.compiled(), student, small_injection.reconciliation(),
        small_injection.task(), TEXTS, settings, directory=directory, measure=measure,
        report=tell, clock=clock, resume=resume,
    )  # fmt: skip


def happening(what: Callable[[], None]) -> Callable[[], float]:
    """A clock that lets something happen in the second process, in the middle of a run."""
    calls = 0

    def clock() -> float:
        nonlocal calls
        calls += 1
        if calls == CALLS and os.environ["RANK"] == "1":
            what()
        return 0.0

    return clock


def ask_to_stop() -> None:
    signal.raise_signal(signal.SIGTERM)


def fail() -> None:
    raise RinjectError("as asked")


def main(directory: Path) -> int:
    torch.set_num_threads(1)

    def run(name: str, **changed: Any) -> None:
        seen = Seen()
        os.environ["ACCELERATE_USE_FSDP"] = str("fsdp" in name).lower()
        try:
            train(directory / name, seen, **changed)
        except RinjectError as error:
            seen.end = f"{type(error).__name__}: {error.message}"
            if not isinstance(error, Interrupted):
                raise
        finally:
            path = directory / f"{name}.{os.environ['RANK']}.json"
            path.write_text(json.dumps(vars(seen)))

    for name, changed in SCENARIOS.items():
        run(name, **changed)
    run("seeking", **SEEKING)
    run("stopped", clock=happening(ask_to_stop))
    run("stopped-fsdp", clock=happening(ask_to_stop))
    run("continued-fsdp", resume=True)
    try:
        run("lost", clock=happening(fail))
    except RinjectError as error:
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
