"""A results record with figures that are made up, for what is made of it."""

from __future__ import annotations

from dataclasses import replace

from rinject.evaluate.layers import LayerFidelity
from rinject.evaluate.probe.noise import Gap
from rinject.evaluate.results.effort import Effort
from rinject.evaluate.results.record import (
    Compiled,
    Decoded,
    DecodedRow,
    Evaluation,
    Interchanged,
    Noise,
    NoisePoint,
    Results,
    Run,
    Share,
)
from rinject.evaluate.retention import RetentionReport
from rinject.evaluate.suites import SuiteReport


def suite(task: str, name: str, method: str, right: float | None) -> SuiteReport:
    return SuiteReport(
        task=task, suite=name, method=method, supported=True, solved=1.0, n=200, skipped=0,
        accuracy=right, ci=None if right is None else (0.1, 0.3),
        fidelity=None if method == "none" else 0.775, read=200,
    )  # fmt: skip


def kept(name: str, measure: str, value: float, base: float) -> RetentionReport:
    return RetentionReport(name, measure, base, value, value - base, (-0.5, 0.5), 2000, 3)


def injected(method: str, seed: int, accuracy: float) -> Run:
    name = f"count-{method}" + ("" if seed == 42 else f"-{seed}")
    return Run(
        name=name,
        task="count",
        program_sha256="0123456789ab",
        task_file=None,
        task_sha256=None,
        method=method,
        seed=seed,
        output="final_count",
        base="tiny",
        base_weights="ba9876543210",
        steps=2000,
        seconds=742.7,
        settings={"steps": 2000, "method": method, "seed": seed, "last_layer": None},
        versions={"rinject": "0.1.0"},
        evaluation=Evaluation(Share(accuracy, 1000), 34.5, 20403, 0.9999),
        suites=(suite("count", "x only", method, 0.45), suite("count", "y to z", method, None)),
        retention=(
            kept("tiny-shakespeare", "line perplexity", 981.25, 970.0),
            kept("sst2", "accuracy", 0.512, 0.509),
            kept("lambada", "last token", 0.25, 0.25),
        ),
        by_layer=LayerFidelity(
            (0, 5, 10), ("tokens", "x_counts"), ((1.0, 1.0, 1.0), (None, 0.97, 1.0))
        ),
        decoded=Decoded(
            "number? x\nAnswer:", " 1", " 2", ("number", "?", " x", "\n", "Answer:"),
            (DecodedRow("x_counts", ("0", "0", "1", "1", "2"), (None, "0", "1", "1", "1")),),
        ),
        noise=Noise(10, 191.6, 40, (
            NoisePoint(0.0, "final result", 1.0, 0.94, 1.0, 0.017),
            NoisePoint(0.0, "random", 1.0, 0.94, 1.0, 0.017),
            NoisePoint(30.0, "final result", 0.25, 0.2, 0.3, 2.5),
            NoisePoint(30.0, "random", 0.75, 0.7, 0.8, 0.5),
        ), (Gap(30.0, 0.5, (0.4, 0.6), 2.0, (-0.1, 4.1)),)),
        interchange=(
            Interchanged("tokens", 0, 2, None, None, None, 1.0),
            Interchanged("final_count", 2, 40, Share(0.95, 60), (0.863, 0.983), 0.0125, 0.96),
        ),
        missing={"retention on mrpc": "the set mrpc is not in data: it lies in mrpc.tsv"},
        pictures={"noise": f"{name}.noise.png"},
        measured={"noise": {"rinject": "0.1.0", "torch": "2.9"}, "suites": {"rinject": "0.1.0"}},
    )  # fmt: skip


def unedited() -> Run:
    return replace(
        injected("none", 42, 0.0),
        name="count-none",
        seed=None,
        steps=None,
        seconds=None,
        settings={},
        suites=(suite("count", "x only", "none", 0.0),),
        by_layer=None,
        decoded=None,
        noise=None,
        interchange=(),
        missing={},
        pictures={},
    )


def results() -> Results:
    """One task with all methods, one of them with two seeds, and a task that the paper lacks."""
    strange = replace(
        injected("tracr-injection", 42, 0.5), name="own", task="my_own", suites=(), retention=(),
        pictures={}, decoded=None,
    )  # fmt: skip
    runs = (
        strange,
        unedited(),
        injected("finetune", 42, 0.998),
        injected("tracr-injection", 42, 1.0),
        injected("tracr-injection", 43, 0.98),
    )
    programs = {"count": Compiled(2, 293, 0.25, 2222, 0)}
    return Results(runs, programs, Effort(), {"python": "3.11", "rinject": "0.1.0"})
