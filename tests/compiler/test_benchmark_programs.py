"""Programs of the kind that interpretability benchmarks use compile into what they mean."""

from __future__ import annotations

import pytest
from benchmark_programs import BENCHMARKS, Benchmark
from tracr.rasp import rasp

from rinject import compile_program
from rinject.compiler import verify
from rinject.lang.interpreter import dependencies

RANDOM_INPUTS = 20
LEAST_INPUTS = 60


def heads_in_a_row(output: rasp.SOp) -> int:
    """The most selectors that wait for one another; each needs a layer of its own."""
    depth: dict[int, int] = {}
    for expr in dependencies([output]):
        below = max((depth[id(child)] for child in expr.children), default=0)
        attends = isinstance(expr, rasp.SelectorWidth | rasp.Aggregate | rasp.LengthType)
        depth[id(expr)] = below + attends
    return depth[id(output)]


def test_there_are_enough_and_their_names_are_unique() -> None:
    names = [benchmark.name for benchmark in BENCHMARKS]
    assert len(set(names)) == len(names)
    assert len({name.removesuffix(", causal") for name in names}) >= 120


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=str)
def test_it_means_what_the_interpreter_says(benchmark: Benchmark) -> None:
    model = compile_program(
        benchmark.output,
        vocab=benchmark.vocab,
        max_seq_len=benchmark.max_seq_len,
        causal=benchmark.causal,
    )
    result = verify(model, output=benchmark.output, random_inputs=RANDOM_INPUTS)
    assert result.mismatches == 0, result.first
    assert result.inputs >= LEAST_INPUTS
    heads = heads_in_a_row(benchmark.output)
    assert heads <= model.num_layers <= 2 * heads + 1
