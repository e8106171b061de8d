"""Injects a compiled program into a student, from the arguments to the bundle."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rinject.circuit import CompiledModel
from rinject.errors import InputError
from rinject.inject.batches import Batches, text_ids
from rinject.inject.blocks import prepared_blocks
from rinject.inject.board import board
from rinject.inject.bundle import OWN_FILE, Bundle, save_bundle
from rinject.inject.codes import CodedProjection, TrainedMaps
from rinject.inject.coordinates import whitening
from rinject.inject.data import training_examples
from rinject.inject.failures import explained_memory, explained_writing
from rinject.inject.fidelity import FidelityReport, fidelity
from rinject.inject.forward import flat
from rinject.inject.history import History
from rinject.inject.interventions import Interventions
from rinject.inject.layers import student_layers
from rinject.inject.loop import Clock, MeasureFidelity, Progress, Report, train
from rinject.inject.objective import Objective
from rinject.inject.positions import check_positions, check_shift, most_positions, which_fit
from rinject.inject.processes import Processes, check_shares
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
from rinject.inject.run_folder import RunFolder, Say, held_run_folder
from rinject.inject.settings import InjectSettings
from rinject.inject.state import State
from rinject.inject.step import Trainer
from rinject.inject.targets import Targets
from rinject.inject.weighing import WORTH, shares
from rinject.lang import Program
from rinject.placing import check_target, sync_all
from rinject.student import Student, blocks, hidden_size, n_layers, residual_streams, weight_hash
from rinject.tasks import (
    Example,
    Exhausted,
    Split,
    Task,
    find_suites,
    task_source,
    up_to,
)
from rinject.tasks.text import pages_sha256
from rinject.tokens import Reconciliation

WHITENED_BATCHES = 4
"""Batches of the task on whose streams the coordinates of the map are measured."""
TRIED_EXAMPLES = 1000
"""Test examples that are looked at before the training."""
SAMPLED_EXAMPLES = 2000
"""Examples on which variables are weighed."""
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
    say: Say = lambda _: None,
    clock: Clock = time.monotonic,
) -> Result:
    """Trains a copy of the student to carry the program's variables, and saves the bundle.

    `texts` are pages for L_KL; keep some aside for perplexity. `measure` sees the bundle before it
    is written, and what it returns is kept as the record's metrics. The given student's weights
    stay as they are; on CUDA it is moved there, as the teacher. Its copy is trained in float32, for
    small steps vanish in shorter types, and in the end takes the given types again.

    Several processes that train together (see `processes.py`) all call this, and `measure` is
    called in all; the main one alone reports and writes. Under FSDP the students of the result and
    of the caller are left sharded: `load_bundle` gives the whole one.

    An unfinished run keeps its checkpoints beside the directory, see `run_folder.py`. `resume`
    continues from there; `say` takes a line for each checkpoint that is damaged, and one on what
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
        rows = _rows(injection, drawn.examples)
        settings = settings.with_task_rows(int(rows.lengths.max()))
        check_shares(settings, processes.count)
        injection = replace(injection, settings=settings)
        trainer = _trainer(injection, processes, rows, task, texts)
        run = _run_record(injection, task, texts)
        state = _state(injection, trainer, layers)
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


# --- what stays the same --------------------------------------------------------------------------


def _trainer(
    injection: Injection,
    processes: Processes,
    rows: Rows,
    task: Task,
    texts: Sequence[str],
) -> Trainer:
    settings, reconciliation = injection.settings, injection.reconciliation
    targets = Targets(injection.compiled.graph, reconciliation)
    held_out = _drawn(task, "validation", settings.eval_examples, injection)
    for part in (rows, held_out, _tested(injection, task)):
        targets.program_ids(part)
        check_positions(injection.student.model, part)
    most = most_positions(injection.student.model)
    if most is not None and settings.text_tokens > most:
        raise InputError(
            f"--text-tokens is {settings.text_tokens}, the student has {most} positions",
            hint=f"--text-tokens {most} at most",
        )
    check_shift(injection.student.model, _widest(rows, settings), settings.shift)
    interventions = None
    if settings.is_interchange:
        interventions = Interventions(injection.program.header, targets, settings)
    text = text_ids(texts, reconciliation)
    return Trainer(
        batches=Batches(rows, text, targets, settings, interventions),
        held_out=held_out,
        settings=settings,
        processes=processes,
        suites=_suites(injection, task),
    )


def _suites(injection: Injection, task: Task) -> dict[str, Rows]:
    """Inputs of the task's suites that the student has positions for, where they are wanted."""
    settings, header = injection.settings, injection.program.header
    if not settings.suite_examples:
        return {}
    found = {}
    for suite in find_suites(task):
        rows = _rows(injection, suite.examples(header, settings.suite_examples, settings.seed))
        found[suite.name] = rows.take(which_fit(injection.student.model, rows))
    return {name: rows for name, rows in found.items() if len(rows)}


def _widest(rows: Rows, settings: InjectSettings) -> int:
    """The most tokens of a row in a forward pass: text may lie beside it, and an intervention may
    put one example's answer behind another's prompt."""
    prompts = int(rows.prompt_lengths.max(initial=0))
    answers = int((rows.lengths - rows.prompt_lengths).max(initial=0))
    return max(prompts + answers, settings.text_tokens)


def _tested(injection: Injection, task: Task) -> Rows:
    """Some test examples, if the task has any: what does not fit should be known beforehand."""
    try:
        return _drawn(task, "test", TRIED_EXAMPLES, injection)
    except Exhausted:
        return example_rows([], injection.reconciliation)


def _drawn(task: Task, split: Split, count: int, injection: Injection) -> Rows:
    """So many held-out examples, or as many as the task has."""
    return _rows(injection, up_to(task, split, count, injection.settings.seed))


def _rows(injection: Injection, examples: Sequence[Example]) -> Rows:
    return example_rows(
        examples,
        injection.reconciliation,
        spelled=injection.program.header.spelled,
        ended=injection.settings.end_answers,
    )


# --- what changes ---------------------------------------------------------------------------------


def _state(injection: Injection, trainer: Trainer, layers: tuple[int, ...]) -> State:
    processes, batches = trainer.processes, trainer.batches
    model = nn.Module.to(copy.deepcopy(injection.student.model), processes.loading)
    for parameter in model.parameters():
        parameter.data = parameter.data.float()
    teacher = processes.placed(injection.student.model, blocks(injection.student.model))
    projection = _projection(injection, model, batches, layers)
    weigh = WORTH[injection.settings.variable_weights]
    worth = weigh(projection.slices, lambda: batches.sampled_values(SAMPLED_EXAMPLES))  # [V]
    objective = Objective(
        model,
        projection,
        teacher,
        layers=layers,
        output=injection.compiled.graph.output,
        shares=torch.from_numpy(shares(projection.slices, len(layers), worth)),
        settings=injection.settings,
        roll=processes.roll,
    )
    return State.start(objective, processes, batches.errors)


def _projection(
    injection: Injection, model: PreTrainedModel, batches: Batches, layers: tuple[int, ...]
) -> TrainedMaps:
    settings = injection.settings
    coordinates = None
    if settings.whiten:
        coordinates = whitening(_streams(model, batches, layers), settings.whiten)
    kind = CodedProjection if settings.has_codes else Projection
    return kind(
        variable_slices(injection.compiled.graph),
        hidden_size(model),
        maps=len(layers) if settings.maps == "per-layer" else 1,
        generator=torch_generator(settings.seed, "map"),
        coordinates=coordinates,
    )


@torch.no_grad()
def _streams(model: PreTrainedModel, batches: Batches, layers: tuple[int, ...]) -> Tensor:
    """The aligned streams [N, D] of a model on the first batches, without the embedding."""
    found = []
    for step in range(WHITENED_BATCHES):
        batch = batches.at(step).to(model.device)
        captured = residual_streams(model, batch.ids, layers=layers[1:])
        found += [flat(captured[layer])[batch.aligned_places].float() for layer in layers[1:]]
    return torch.cat(found)


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
