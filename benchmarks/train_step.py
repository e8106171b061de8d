"""Our training step beside one written the straightforward way, in one process.

Example: python -m benchmarks.train_step --shape tiny --json benchmarks/train_step.json
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from benchmarks.records import describe_machine
from benchmarks.step_records import ShapeRecord, StepReport
from benchmarks.step_sides import DEVICES, FASTER, SHAPES, OurSide, Side, make_setting
from benchmarks.step_tables import step_grids
from benchmarks.step_timing import gigaflops, parts_of, timed_in_turn
from rinject.inject import InjectSettings
from rinject.student import hidden_size

PACKAGES = ("torch", "transformers", "numpy")
WARM_UP = 5  # steps; blocks are compiled in the first ones
YES_OR_NO = {"true": True, "false": False}
QUICK = {"task_rows": 2, "text_rows": 2, "text_tokens": 16}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.quick:
        options.rounds, options.steps = 2, 1
    before = torch.get_num_threads()
    torch.set_num_threads(options.threads or before)
    try:
        report = measured(options)
    finally:
        torch.set_num_threads(before)
    console = Console()
    for grid in step_grids(report):
        console.print(grid.for_markdown() if options.markdown else grid.for_terminal(), "")
    for shape, reason in report.unmeasured.items():
        console.print(f"{shape} was not measured: {reason}")
    if options.json is not None:
        known = StepReport.load(options.json) if options.json.exists() else StepReport()
        known.updated(report).save(options.json)
    return 0


def measured(options: argparse.Namespace) -> StepReport:
    """All shapes asked for that this machine can measure."""
    records, unmeasured = [], {}
    for shape in options.shape or SHAPES:
        if DEVICES[shape] == "cuda" and not torch.cuda.is_available():
            unmeasured[shape] = "there is no CUDA device"
        else:
            records.append(measure(shape, options))
    return StepReport(tuple(records), unmeasured)


def measure(shape: str, options: argparse.Namespace) -> ShapeRecord:
    """One shape."""
    load = os.getloadavg()[0]
    setting = make_setting(shape, **QUICK if options.quick else {})
    changed = FASTER | dict(options.set)
    ours = setting.ours(**changed)
    sides: list[Side] = [ours, setting.straightforward(), setting.as_published()]
    device = setting.model.device
    with ExitStack() as running:
        for side in sides:
            running.enter_context(side.running())
            for _ in range(min(WARM_UP, options.steps)):
                side.step()
        records = timed_in_turn(sides, options.rounds, options.steps, device)
        parts = parts_of(ours, options.steps, device)
    return ShapeRecord(
        shape=shape,
        description=SHAPES[shape],
        machine=_machine(device, load),
        threads=0 if device.type == "cuda" else torch.get_num_threads(),
        steps=options.steps,
        settings=changed,
        sides=tuple(records),
        parts=parts,
        gigaflops=_gigaflops(ours, device),
    )


def _gigaflops(ours: OurSide, device: torch.device) -> float:
    rows = ours.trainer.settings.text_rows * ours.trainer.settings.text_tokens
    with ours.trainer.precision():
        is_half = torch.is_autocast_enabled(device.type)
    width = hidden_size(ours.state.model)
    return gigaflops(rows, width, device, torch.bfloat16 if is_half else torch.float32)


def _machine(device: torch.device, load: float) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}; {describe_machine(PACKAGES)}"
    return f"{describe_machine(PACKAGES)}; load before the run {load:.1f}"


def _setting(text: str) -> tuple[str, Any]:
    """`NAME=VALUE` as a setting and its value."""
    name, _, value = text.partition("=")
    known: dict[str, Any] = {field.name: field.default for field in fields(InjectSettings)}
    try:
        kind = type(known[name])
        return name, YES_OR_NO[value] if kind is bool else kind(value)
    except (KeyError, TypeError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} is no setting and its value") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.train_step",
        description="Measure our training step beside one written the straightforward way.",
        epilog="Example: python -m benchmarks.train_step --shape tiny --threads 2",
    )
    parser.add_argument(
        "--shape", action="append", choices=sorted(SHAPES), help="one student (again)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds, over which ratios vary")
    parser.add_argument("--steps", type=int, default=32, help="steps of each round")
    parser.add_argument("--threads", type=int, default=0, help="of torch on the CPU; 0: its choice")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="a setting of our step that changes how it computes (again)",
    )
    parser.add_argument("--quick", action="store_true", help="two rounds of one small step")
    parser.add_argument("--markdown", action="store_true", help="print the tables for a page")
    parser.add_argument("--json", type=Path, metavar="PATH", help="keep the measurements there")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
