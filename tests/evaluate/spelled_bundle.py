"""A bundle of an untrained student, of a program that reads the answers that it spells."""

from __future__ import annotations

from dataclasses import replace

from inject import small_injection

from rinject.compiler import compile_program
from rinject.inject.bundle import Bundle
from rinject.inject.projection import Projection, variable_slices
from rinject.inject.randomness import torch_generator
from rinject.inject.record import ProgramRecord, variable_records
from rinject.lang import load_program
from rinject.tokens import reconcile


def spelled_bundle(text: str = small_injection.SPELLED) -> Bundle:
    """The program repeats digits."""
    program = load_program(text=text)
    compiled = compile_program(program)
    reconciliation = reconcile(small_injection.tokenizer(), program.header)
    slices = variable_slices(compiled.graph)
    plain = small_injection.bundle()
    record = replace(
        plain.record,
        program=ProgramRecord.of(program),
        variables=variable_records(compiled.graph),
        layers=tuple(range(compiled.num_layers + 1)),
        symbols=reconciliation.to_record(),
        prompt=program.header.prompt or "",
    )
    projection = Projection(slices, small_injection.WIDTH, generator=torch_generator(0, "map"))
    return Bundle(plain.model, reconciliation, compiled.graph, projection, record)
