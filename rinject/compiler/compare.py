"""Both compilers on one program: how large their models are, how long they took, who is right."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from tracr.rasp import rasp

from rinject.circuit import CompiledModel
from rinject.compiler.pipeline import Backend, Source, compile_program
from rinject.compiler.verify import Verification, verify
from rinject.errors import RinjectError

BACKENDS: tuple[Backend, ...] = ("native", "tracr")

Stage = Literal["compiling", "verifying"]
Progress: TypeAlias = Callable[[int, int], None]
Watch: TypeAlias = Callable[[Backend, Stage], AbstractContextManager[Progress | None]]
"""Called before each stage, which runs inside what it returns."""


@dataclass(frozen=True, eq=False)
class Attempt:
    """What one backend made of a program."""

    backend: Backend
    seconds: float
    """Compiling took this long, refusing too; imports are not counted."""
    model: CompiledModel | None
    """None where the backend refused."""
    refusal: RinjectError | None
    """Why it did; the message is one line."""
    verified: Verification | None
    """None where it refused, or nothing was to be verified."""

    def to_record(self) -> dict[str, Any]:
        """The figures, ready for JSON; those of a model are None where there is none."""
        model, verified = self.model, self.verified
        return {
            "backend": self.backend,
            "seconds": round(self.seconds, 3),
            "layers": model and model.num_layers,
            "heads": model and model.num_heads,
            "residual_width": model and model.residual_width,
            "parameters": model and model.parameters,
            "refused": self.refusal and self.refusal.message,
            "verified": verified
            and {
                "inputs": verified.inputs,
                "mismatches": verified.mismatches,
                "first": verified.first,
            },
        }


def compare(
    source: Source, *, random_inputs: int | None = 2000, watch: Watch | None = None, **options: Any
) -> tuple[Attempt, ...]:
    """Compiles a program with the native backend and with tracr, and verifies both alike.

    `options` are those of :func:`compile_program`, without the backend. With `random_inputs` None
    nothing is verified. What tracr refuses is part of the answer; what the native backend refuses
    is raised, as by :func:`compile_program`.
    """
    attempts = []
    for backend in BACKENDS:
        made = attempt(source, backend, random_inputs=random_inputs, watch=watch, **options)
        if made.refusal is not None and backend == "native":
            raise made.refusal
        attempts.append(made)
    return tuple(attempts)


def attempt(
    source: Source,
    backend: Backend,
    *,
    random_inputs: int | None = 2000,
    watch: Watch | None = None,
    **options: Any,
) -> Attempt:
    """As :func:`compare` with one backend; a refusal is never raised."""
    watch = watch or _unwatched
    with watch(backend, "compiling"):
        model, refusal, seconds = _timed(source, backend, options)
    if model is None or random_inputs is None:
        return Attempt(backend, seconds, model, refusal, None)
    output = source if isinstance(source, rasp.SOp) else None
    with watch(backend, "verifying") as progress:
        verified = verify(model, output=output, random_inputs=random_inputs, progress=progress)
    return Attempt(backend, seconds, model, None, verified)


def _unwatched(_backend: Backend, _stage: Stage) -> AbstractContextManager[None]:
    return nullcontext()


def _timed(
    source: Source, backend: Backend, options: dict[str, Any]
) -> tuple[CompiledModel | None, RinjectError | None, float]:
    """The model, or the reason why there is none, and the seconds that it took."""
    if backend == "tracr":
        import rinject.compiler.tracr_backend  # noqa: F401 (JAX, before the clock runs)
    begun = time.perf_counter()
    try:
        model = compile_program(source, backend=backend, **options)
    except RinjectError as error:
        return None, error, time.perf_counter() - begun
    return model, None, time.perf_counter() - begun
