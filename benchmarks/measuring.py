"""The measurements, each in a process of its own: the child's end of `benchmarks.children`."""

from __future__ import annotations

import itertools
import json
import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import jax
from tracr.compiler import compiling, lib
from tracr.compiler.assemble import AssembledTransformerModel
from tracr.rasp import rasp

from benchmarks import memory
from benchmarks.agreement import close
from benchmarks.cases import CASES, Case
from benchmarks.records import Growth, Measured, Record
from rinject.circuit import CompiledModel
from rinject.compiler import compile_program
from rinject.compiler.verify import same
from rinject.lang import interpret

INPUTS = 256
TRACR_INPUTS = 20
"""Inputs that tracr's models are compared on: they take one at a time."""
REPEATS = 5
CHEAP_SECONDS = 15.0
"""tracr compiles again only what takes it less."""
RUN_SECONDS = 1.0
"""How long a throughput is measured at least."""
WARM_UP_COMPILES = 100


def side_by_side(case: Case) -> Record:
    """Both compilers on one s-op, and their models on the same inputs.

    tracr comes first, when nothing but a tiny program has been compiled in this process, so that
    its memory can be told here; that of native is `native_megabytes`, in a process of its own.
    """
    _warm_up()
    output = case.build()
    inputs = case.inputs(INPUTS)
    expected = [interpret(output, tokens, causal=case.causal) for tokens in inputs]

    megabytes, seconds, theirs = _weighed(lambda: compile_with_tracr(case, output))
    times = [seconds]
    while seconds < CHEAP_SECONDS and len(times) < REPEATS:
        times.append(_timed(lambda: compile_with_tracr(case, output))[0])
    tracr = Measured(
        compile_times=tuple(times),
        megabytes=megabytes,
        layers=theirs.model_config.num_layers,
        width=len(theirs.residual_labels),
        parameters=sum(leaf.size for leaf in jax.tree_util.tree_leaves(theirs.params)),
        sequences_per_second=_throughput(_in_turn(theirs, inputs)),
        inputs=TRACR_INPUTS,
        agreeing=sum(
            close(values, answer(theirs, tokens))
            for tokens, values in zip(inputs[:TRACR_INPUTS], expected, strict=False)
        ),
    )
    del theirs

    timed = [_timed(lambda: compile_natively(case, output)) for _ in range(REPEATS)]
    ours = timed[-1][1]
    native = Measured(
        compile_times=tuple(seconds for seconds, _ in timed),
        megabytes=math.nan,
        layers=ours.num_layers,
        width=ours.residual_width,
        parameters=ours.parameters,
        sequences_per_second=_throughput(lambda: len(ours.run_batch(inputs))),
        inputs=INPUTS,
        agreeing=sum(map(same, expected, ours.run_batch(inputs))),
    )
    graph_rate = _throughput(lambda: len(ours.graph.run(inputs)))
    return Record(case.name, case.longest, len(case.vocab), case.causal, tracr, native, graph_rate)


def native_megabytes(case: Case) -> float:
    """The peak memory that compiling natively adds to this process."""
    _warm_up()
    output = case.build()
    return _weighed(lambda: compile_natively(case, output))[0]


def growth(backend: str, compiles: int) -> Growth:
    """The memory of this process before and after compiling programs of different shapes."""
    compiler = {"native": compile_natively, "tracr": compile_with_tracr}[backend]
    shapes = list(different_shapes())
    for case in shapes[: min(WARM_UP_COMPILES, compiles)]:
        compiler(case, case.build())
    memory.settle()
    before = memory.resident()
    for case in shapes[-compiles:]:
        compiler(case, case.build())
    memory.settle()
    return Growth(backend, compiles, before, memory.resident())


def different_shapes() -> Iterator[Case]:
    """A thousand programs, no two with the same program, vocabulary and longest input."""
    programs: list[Callable[[], rasp.SOp]] = [
        lib.make_hist,
        lambda: lib.make_reverse(rasp.tokens),
        lambda: lib.make_frac_prevs(rasp.tokens == 0),
        lambda: lib.shift_by(1, rasp.tokens),
        lambda: lib.make_count(rasp.tokens, 0),
    ]
    shapes = list(itertools.product(programs, range(2, 12), range(2, 22)))
    random.Random(0).shuffle(shapes)
    for program, symbols, longest in shapes:
        yield Case("", program, tuple(range(symbols)), longest, False, lambda _, __: [])


def compile_natively(case: Case, output: rasp.SOp) -> CompiledModel:
    return compile_program(output, vocab=case.vocab, max_seq_len=case.longest, causal=case.causal)


def compile_with_tracr(case: Case, output: rasp.SOp) -> AssembledTransformerModel:
    return compiling.compile_rasp_to_model(
        output, set(case.vocab), case.longest, causal=case.causal
    )


def answer(model: AssembledTransformerModel, tokens: Sequence[Any]) -> list[Any]:
    """What tracr's model says at each token."""
    bos = model.input_encoder.bos_token
    return list(model.apply([bos, *tokens]).decoded[1:])


def _warm_up() -> None:
    """What only the first use of a library loads is not the program's."""
    tiny = Case("tiny", lib.make_hist, ("a", "b"), 2, False, lambda _, __: ["a", "b"])
    output = tiny.build()
    answer(compile_with_tracr(tiny, output), ["a", "b"])
    compile_natively(tiny, output).run(["a", "b"])


def _weighed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """The peak memory added in megabytes, the seconds, and the result."""
    memory.settle()
    memory.forget_peak()
    before = memory.resident()
    seconds, result = _timed(work)
    return max(memory.peak() - before, 0.0), seconds, result


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def _in_turn(
    model: AssembledTransformerModel, inputs: Sequence[Sequence[Any]]
) -> Callable[[], int]:
    """tracr's model on one input after the other: it takes one at a time."""
    turns = itertools.cycle(inputs)

    def run() -> int:
        answer(model, next(turns))
        return 1

    return run


def _throughput(run: Callable[[], int]) -> float:
    """Sequences a second; `run` says how many it ran."""
    run()
    done, elapsed = 0, 0.0
    while elapsed < RUN_SECONDS:
        seconds, count = _timed(run)
        done, elapsed = done + count, elapsed + seconds
    return done / elapsed


def main(arguments: Sequence[str]) -> None:
    """Print one measurement as a line of JSON."""
    kind, *rest = arguments
    if kind == "side_by_side":
        result: Any = asdict(side_by_side(CASES[rest[0]]))
    elif kind == "native_megabytes":
        result = native_megabytes(CASES[rest[0]])
    else:
        result = asdict(growth(rest[0], int(rest[1])))
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
