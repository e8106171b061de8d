"""Injects a compiled program into a student, from the arguments to the bundle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rinject.circuit import CompiledModel
from rinject.errors import InputError
from rinject.inject.blocks import prepared_blocks
from rinject.inject.board import board
from rinject.inject.bundle import OWN_FILE, Bundle, save_bundle
from rinject.inject.data import training_examples
from rinject.inject.failures import explained_memory, explained_writing
from rinject.inject.fidelity import FidelityReport, fidelity
from rinject.inject.history import History
from rinject.inject.injection import Injection, begun_state, begun_trainer
from rinject.inject.layers import student_layers
from rinject.inject.loop import Clock, MeasureFidelity, Progress, Report, train
from rinject.inject.processes import Processes, check_shares
from rinject.inject.record import (
    BaseRecord,
    BundleRecord,
    ProgramRecord,
    variable_records,
    versions,
)
from rinject.inject.run_folder import RunFolder, Say, held_run_folder
from rinject.inject.settings import InjectSettings
from rinject.inject.state import State
from rinject.inject.step import Trainer
from rinject.lang import Program
from rinject.placing import check_target, sync_all
from rinject.student import Student, n_layers, weight_hash
from rinject.tasks import Example, Task, task_source
from rinject.tasks.text import pages_sha256
from rinject.tokens import Reconciliation

Measure = Callable[[Bundle], Mapping[str, Any]]
NO_COMBINATIONS = (
    "--rare-combinations: no operation of few arguments meets several combinations where an answer"
    " is due, so all rare examples are drawn for values"
)


@dataclass(frozen=True)
class Result:
    """A finished injection."""

    bundle: Bundle
    """As saved; its model and map are the trained ones, where they were trained."""
    accuracy: float | None
    """Share of held-out examples answered right at the end; None where none was measured."""


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
    tested: Sequence[Example] = (),
    resume: bool = False,
    say: Say = lambda _: None,
    clock: Clock = time.monotonic,
) -> Result:
    """Trains a copy of the student to carry the program's variables, and saves the bundle.

    `texts` are pages for L_KL; keep some aside for perplexity. `measure` sees the bundle before it
    is written, and what it returns is kept as the record's metrics; that the examples which it is
    going to ask, `tested`, fit is found out before the training. The given student's weights
    stay as they are; on CUDA it is moved there, as the teacher. Its copy is trained in float32, for
    small steps vanish in shorter types, and in the end takes the given types again.

    Several processes that train together (see `processes.py`) all call this, and `measure` is
    called in all; the main one alone reports and writes. Under FSDP the students of the result and
    of the caller are left sharded: `load_bundle` gives the whole one.

    An unfinished run keeps its checkpoints beside the directory, see `run_folder.py`. `resume`
    continues from there; `say` takes a line for each checkpoint that is damaged, and lines on what
    the training inputs cover. `clock` tells the seconds between checkpoints.

    After arXiv 2505.10719, section 3. `settings.method` `finetune` is the paper's baseline: L_CE
    and L_KL only; its map is a probe, trained on streams that get no gradient from it.

    Raises:
        InputError: the program cannot be injected, does not fit the student or the prompts, or the
            directory holds something else, another process writes it, or an unfinished run would
            be lost.
        Interrupted: SIGINT or SIGTERM came; a checkpoint is kept for `resume`.
        RinjectError: out of memory, no room on the disk, or losses that are no numbers; what was
            saved last is kept.
    """
    directory = Path(directory).resolve()
    check_target(directory, OWN_FILE)
    injection = Injection(compiled, _injectable(compiled), student, reconciliation, settings)
    processes = Processes.join(settings)
    with (
        processes.explained_loss(),
        held_run_folder(directory, is_main=processes.is_main) as folder,
        explained_memory(),
        _threads(settings.threads),
    ):
        if not resume:
            folder.begin()
        processes.wait()
        layers = student_layers(compiled.graph.num_layers, n_layers(student.model), settings)
        drawn = training_examples(injection.program, task, reconciliation, settings)
        if drawn.covered and processes.is_main:
            say(str(drawn.covered))
        rows = injection.rows(drawn.examples)
        settings = settings.with_task_rows(int(rows.lengths.max()))
        check_shares(settings, processes.count)
        injection = replace(injection, settings=settings)
        trainer = begun_trainer(injection, processes, rows, task, texts, tested)
        seeks_none = settings.rare_combinations and not trainer.batches.seeks_combinations
        if seeks_none and processes.is_main:
            say(NO_COMBINATIONS)
        run = _run_record(injection, task, texts)
        state = begun_state(injection, trainer, layers)
        if resume:
            folder.resume(state, run, say)
        last: list[Progress] = []

        def save() -> str:
            return f"continue with --resume; the checkpoint is {folder.save(state, run)}"

        with (
            prepared_blocks(state.model, settings),
            _reports(folder, state.step, (last.append, report)) as tell,
        ):
            measure_fidelity = _fidelity(trainer, layers)
            train(trainer, state, tell, save, measure_fidelity=measure_fidelity, clock=clock)
        # The end is saved: where measuring or writing fails, --resume begins with them.
        bundle = _bundle(injection, state, layers, task, run)
        if not processes.is_sharded:
            _take_types(state.model, student.model)
        metrics = dict(state.within(lambda: measure(bundle)))
        types = {name: one.dtype for name, one in student.model.named_parameters()}
        weights = {k: one.to(types.get(k, one.dtype)) for k, one in state.weights().items()}
        if processes.is_main:
            record = replace(bundle.record, metrics=metrics)
            bundle = _kept(replace(bundle, record=record), weights, folder, directory)
        processes.wait()
    return Result(bundle, last[-1].accuracy if last else None)


def _take_types(model: nn.Module, other: nn.Module) -> None:
    """Gives the parameters of a model the types that they have in its like."""
    for own, its in zip(model.parameters(), other.parameters(), strict=True):
        own.data = own.data.to(its.dtype)


def _fidelity(trainer: Trainer, layers: tuple[int, ...]) -> MeasureFidelity:
    """What measures fidelity on the held-out examples, where there are any."""
    targets, rows = trainer.batches.targets, trainer.held_out

    def measure(state: State) -> FidelityReport | None:
        if not len(rows):
            return None
        with trainer.precision():
            return state.within(
                lambda: fidelity(state.model, state.projection.maps(), layers, targets, rows)
            )

    return measure


def _kept(bundle: Bundle, weights: dict[str, Tensor], folder: RunFolder, directory: Path) -> Bundle:
    """Saves the bundle, with the run's metrics; then what the run kept is no longer needed."""
    with explained_writing(f"the bundle {directory}", "make room, then continue with --resume"):
        saved = save_bundle(bundle, directory, weights=weights, beside=[folder.metrics])
        sync_all(directory)
    folder.clear()
    return saved


@contextmanager
def _reports(folder: RunFolder, step: int, to: Iterable[Report]) -> Iterator[Report]:
    """Yields what sends a report to the run's folder, from a step on, and to all others."""
    if not folder.is_main:
        yield lambda _: None
        return
    history = History(folder.metrics, step)
    with board(folder.board, step) as write:
        takers = (history.add, write, *to)

        def tell(progress: Progress) -> None:
            for take in takers:
                take(progress)

        yield tell


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


def _run_record(injection: Injection, task: Task, texts: Sequence[str]) -> dict[str, Any]:
    source = task_source(task)
    return {
        "settings": injection.settings.run_record(),
        "program": injection.program.sha256,
        "task": None if source is None else source.sha256,
        "text": pages_sha256(texts),
        "student": weight_hash(injection.student.model),
    }


def _bundle(
    injection: Injection,
    state: State,
    layers: tuple[int, ...],
    task: Task,
    run: Mapping[str, Any],
) -> Bundle:
    """`run` is what `_run_record` says."""
    graph, program, student = injection.compiled.graph, injection.program, injection.student
    record = BundleRecord(
        program=ProgramRecord.of(program),
        variables=variable_records(graph),
        layers=layers,
        symbols=injection.reconciliation.to_record(),
        prompt=program.header.prompt or "",
        settings=injection.settings,
        base=BaseRecord(
            name=student.name,
            weight_hash=run["student"],
            revision=student.revision,
            dtype=student.dtype,
            runs_own_code=student.runs_own_code,
        ),
        graph={},  # written with its tables
        versions=versions(),
        seed=injection.settings.seed,
        task=task_source(task),
        text_sha256=run["text"],
    )
    projection = state.within(state.projection.plain)
    return Bundle(state.model, injection.reconciliation, graph, projection, record)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Within the block, torch uses so many threads; 0 leaves them as they are."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
