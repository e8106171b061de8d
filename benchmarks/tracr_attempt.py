"""What tracr makes of a program of `programs/`: the child's end of `benchmarks.program_figures`.

python -m benchmarks.tracr_attempt PATH SECONDS
"""

from __future__ import annotations

import json
import random
import re
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from tracr.rasp import rasp

from benchmarks.adapted import adapted
from benchmarks.agreement import close
from benchmarks.program_figures import size_of
from rinject import compile_program, load_program
from rinject.circuit import CompiledModel
from rinject.compiler.verify import drawn_inputs, shortest_inputs
from rinject.errors import InputError, RinjectError
from rinject.lang import Program

DRAWN_INPUTS = 200
MEMORY_BYTES = 10 * 2**30
"""What tracr may use."""

# After the kind of error and the expression that it names: the first sentence.
_REASON = re.compile(
    r"^(?:\w+Error: )?(?:Unsupported RASP expressions: .*?: )?(.+?)(?:\.(?=[ ;]|$)|;| \(in |$)"
)


class TooSlow(BaseException):
    """The time is over. Not an Exception: the backend takes all of those for tracr's."""


def attempt(program: Program, limit: float) -> dict[str, Any]:
    """The size of tracr's model and on how many inputs it is wrong; or the reason why there is
    none, and the size of the model of the adapted program, if there is one."""
    try:
        model = _compiled(program, program.output, limit)
    except TooSlow:
        return {"reason": f"takes longer than {limit:.0f} s"}
    except RinjectError as error:
        return {"reason": in_few_words(error), **_size_when_adapted(program, limit)}
    answers = list(_compared(model, program))
    return {**asdict(size_of(model)), "inputs": len(answers), "wrong": answers.count(False)}


def in_few_words(error: RinjectError) -> str:
    """tracr's reason: its first sentence, without what our message says before it."""
    words = " ".join(str(error).split()).removeprefix("tracr cannot compile this program: ")
    found = _REASON.match(words)
    return found[1] if found else words


def _size_when_adapted(program: Program, limit: float) -> dict[str, int]:
    try:
        return asdict(size_of(_compiled(program, adapted(program.output), limit)))
    except (RinjectError, TooSlow):
        return {}


def _compiled(program: Program, output: rasp.SOp, limit: float) -> CompiledModel:
    """tracr's model of an s-op in the domain of a program. Raises RinjectError and TooSlow."""
    header = program.header
    with _time_limit(limit):
        return compile_program(
            output,
            vocab=header.vocabulary,
            max_seq_len=header.longest,
            causal=header.causal,
            backend="tracr",
        )


def _compared(model: CompiledModel, program: Program) -> Iterator[bool]:
    """For each input that has a meaning: whether the model answers it."""
    short = shortest_inputs(model.graph.vocab, model.graph.max_seq_len)
    drawn = drawn_inputs(model, DRAWN_INPUTS, random.Random(0))
    for _, group in groupby(sorted((*short, *drawn), key=len), key=len):
        inputs = list(group)  # of one length: nothing is padded
        for tokens, given in zip(inputs, model.run_batch(inputs), strict=True):
            try:
                yield close(program.evaluate(tokens), given)
            except InputError:
                continue


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises TooSlow in the block after that time."""
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _stop(*_: object) -> None:
    raise TooSlow


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    print(json.dumps(attempt(load_program(Path(sys.argv[1])), float(sys.argv[2]))))
