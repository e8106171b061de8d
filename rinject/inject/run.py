"""Injects a compiled program into a student, from the arguments to the bundle."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from rinject.circuit import CompiledModel
from rinject.errors import InputError
from rinject.inject.batches import Batches, text_ids
from rinject.inject.bundle import OWN_FILE, Bundle, save_bundle
from rinject.inject.coordinates import Coordinates, whitening
from rinject.inject.layers import student_layers
from rinject.inject.loop import Progress, Report, train
from rinject.inject.projection import Projection, variable_slices
from rinject.inject.randomness import torch_generator
from rinject.inject.record import (
    BaseRecord,
    BundleRecord,
    ProgramRecord,
    variable_records,
    versions,
)
from rinject.inject.rows import Rows, example_rows
from rinject.inject.settings import InjectSettings
from rinject.inject.state import State
from rinject.inject.step import Trainer
from rinject.inject.targets import Targets
from rinject.lang import Program
from rinject.placing import check_target
from rinject.student import Student, hidden_size, n_layers, weight_hash
from rinject.tasks import Split, Task, up_to
from rinject.tokens import Reconciliation

WHITENED_BATCHES = 4
"""Batches of the task on whose streams the coordinates of the map are measured."""
Measure = Callable[[Bundle], Mapping[str, Any]]


@dataclass(frozen=True)
class Result:
    """A finished injection."""

    bundle: Bundle
    """As saved; its model and map are the trained ones, where they were trained."""
    accuracy: float | None
    """Share of held-out examples answered right at the end; None where none was measured."""


@dataclass(frozen=True)
class Injection:
    """What is injected into what: the arguments of `inject` that belong together."""

    compiled: CompiledModel
    program: Program
    student: Student
    reconciliation: Reconciliation
    settings: InjectSettings


def inject(
    compiled: CompiledModel,
    student: Student,
    reconciliation: Reconciliation,
    task: Task,
    texts: Sequence[str],
    settings: InjectSettings,
    *,
    directory: str | Path,
    report: Report = lambda _: None,
    measure: Measure = lambda _: {},
    resume: bool = False,
) -> Result:
    """Trains a copy of the student to carry the program's variables, and saves the bundle.

    `texts` are pages for L_KL; keep some aside for perplexity. `measure` sees the bundle before it
    is written, and what it returns is kept as the record's metrics. The given student's weights
    stay as they are; on CUDA it is moved there, as the teacher.

    After arXiv 2505.10719, section 3. `settings.method` `finetune` is the paper's baseline: L_CE
    and L_KL only; its map is a probe, trained on streams that get no gradient from it.

    Raises:
        InputError: the program cannot be injected, does not fit the student or the prompts, or the
            directory holds something else.
        Interrupted: Ctrl-C; a checkpoint is kept beside the directory, for `resume`.
    """
    directory = Path(directory).resolve()
    check_target(directory, OWN_FILE)
    injection = Injection(compiled, _injectable(compiled), student, reconciliation, settings)
    checkpoint = checkpoint_path(directory)
    with _threads(settings.threads):
        trainer = _trainer(injection, task, texts)
        state = _state(injection, trainer)
        run = _run_record(injection)
        if resume:
            state.load(checkpoint, run)
        last: list[Progress] = []

        def remember(progress: Progress) -> None:
            last[:] = [progress]
            report(progress)

        def save() -> str:
            state.save(checkpoint, run)
            return f"continue with --resume; the checkpoint is {checkpoint}"

        train(trainer, state, remember, save)
        save()  # measuring and writing may fail: --resume then begins with them
        bundle = _bundle(injection, state, trainer.layers)
        metrics = dict(measure(bundle))
    saved = save_bundle(replace(bundle, record=replace(bundle.record, metrics=metrics)), directory)
    checkpoint.unlink(missing_ok=True)
    return Result(saved, last[0].accuracy if last else None)


def checkpoint_path(directory: str | Path) -> Path:
    """Where the checkpoint of an unfinished bundle is kept."""
    directory = Path(directory).resolve()
    return directory.with_name(directory.name + ".checkpoint.safetensors")


def _injectable(compiled: CompiledModel) -> Program:
    program = compiled.program
    if program is None or not program.header.is_injectable:
        name = "it" if program is None else f"`{program.name}`"
        raise InputError(
            f"the program cannot be injected: {name} does not say how it meets text",
            hint="inject a .rasp program whose header has a prompt, `otherwise` and answers",
        )
    if not compiled.graph.causal:
        raise InputError(
            f"`{program.name}` looks ahead, which a student that reads left to right cannot",
            hint="write `attention causal;` in its header",
        )
    return program


# --- what stays the same --------------------------------------------------------------------------


def _trainer(injection: Injection, task: Task, texts: Sequence[str]) -> Trainer:
    settings, student = injection.settings, injection.student
    compiled, reconciliation = injection.compiled, injection.reconciliation
    layers = student_layers(compiled.num_layers, n_layers(student.model), settings)
    targets = Targets(compiled.graph, reconciliation)
    wanted = min(settings.steps * settings.task_rows, settings.examples)
    rows = _drawn(task, "train", wanted, injection)
    targets.program_ids(rows)  # every prompt fits the program and its symbols
    _check_positions(student.model, rows, settings)
    return Trainer(
        teacher=_moved(student.model, settings),
        batches=Batches(rows, text_ids(texts, reconciliation), targets, settings),
        held_out=_drawn(task, "validation", settings.eval_examples, injection),
        layers=layers,
        output=compiled.graph.output,
        settings=settings,
    )


def _drawn(task: Task, split: Split, count: int, injection: Injection) -> Rows:
    """So many examples of a split, or as many as the task has."""
    found = up_to(task, split, count, injection.settings.seed)
    return example_rows(found, injection.reconciliation)


def _check_positions(model: PreTrainedModel, rows: Rows, settings: InjectSettings) -> None:
    config = model.config.get_text_config(decoder=True)
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None:
        return
    if settings.text_tokens > positions:
        raise InputError(f"--text-tokens is {settings.text_tokens}, the student has {positions}")
    longest = int(rows.lengths.max())
    if longest > positions:
        raise InputError(f"a prompt has {longest} tokens, the student has {positions} positions")


def _moved(model: PreTrainedModel, settings: InjectSettings) -> PreTrainedModel:
    """The model itself, on the device of the settings."""
    cuda = torch.cuda.is_available()
    if settings.device == "cuda" and not cuda:
        raise InputError("--device cuda: no CUDA device was found", hint="use --device cpu")
    torch.nn.Module.to(model, "cuda" if cuda and settings.device != "cpu" else "cpu")
    return model


# --- what changes ---------------------------------------------------------------------------------


def _state(injection: Injection, trainer: Trainer) -> State:
    settings, model = injection.settings, copy.deepcopy(injection.student.model)
    slices = variable_slices(injection.compiled.graph)
    projection = Projection(slices, hidden_size(model), torch_generator(settings.seed, "map"))
    projection = projection.to(model.device)
    if not settings.whiten:
        return State.start(model, projection, settings)
    scale, centre = whitening(trainer.streams(model, WHITENED_BATCHES), settings.whiten)
    return State.start(model, projection, settings, Coordinates(projection, scale, centre))


def _run_record(injection: Injection) -> dict[str, Any]:
    return {
        "settings": injection.settings.run_record(),
        "program": injection.program.sha256,
        "student": weight_hash(injection.student.model),
    }


def _bundle(injection: Injection, state: State, layers: tuple[int, ...]) -> Bundle:
    graph, program, student = injection.compiled.graph, injection.program, injection.student
    record = BundleRecord(
        program=ProgramRecord.of(program),
        variables=variable_records(graph),
        layers=layers,
        symbols=injection.reconciliation.to_record(),
        prompt=program.header.prompt or "",
        settings=injection.settings,
        base=BaseRecord(student.name, weight_hash(student.model)),
        graph={},  # written with its tables
        versions=versions(),
        seed=injection.settings.seed,
    )
    return Bundle(state.model, injection.reconciliation, graph, state.projection, record)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Within the block, torch uses so many threads; 0 leaves them as they are."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
