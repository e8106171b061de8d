"""What is injected into what, and what its training begins with: its examples and its weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rinject.circuit import CompiledModel
from rinject.errors import InputError
from rinject.inject.batches import Batches, text_ids
from rinject.inject.codes import CodedProjection, TrainedMaps
from rinject.inject.combinations import Combinations
from rinject.inject.coordinates import whitening
from rinject.inject.forward import flat
from rinject.inject.interventions import Interventions
from rinject.inject.objective import Objective
from rinject.inject.positions import (
    check_positions,
    check_shift,
    check_swapped,
    most_positions,
    which_fit,
)
from rinject.inject.processes import Processes
from rinject.inject.projection import Projection, variable_slices
from rinject.inject.randomness import torch_generator
from rinject.inject.rows import Rows, example_rows
from rinject.inject.settings import InjectSettings
from rinject.inject.state import State
from rinject.inject.step import Trainer
from rinject.inject.targets import Targets
from rinject.inject.vocabulary import Vocabulary, check_embedding
from rinject.inject.weighing import WORTH, shares
from rinject.lang import Program
from rinject.student import Student, blocks, hidden_size, residual_streams
from rinject.tasks import Example, Split, Task, find_suites, up_to
from rinject.tokens import Reconciliation

WHITENED_BATCHES = 4
"""Batches of the task on whose streams the coordinates of the map are measured."""
SAMPLED_EXAMPLES = 2000
"""Examples on which variables are weighed."""


@dataclass(frozen=True)
class Injection:
    """What is injected into what: the arguments of `inject` that belong together."""

    compiled: CompiledModel
    program: Program
    student: Student
    reconciliation: Reconciliation
    settings: InjectSettings

    def rows(self, examples: Sequence[Example]) -> Rows:
        """Examples as tokens of the student."""
        return example_rows(
            examples,
            self.reconciliation,
            spelled=self.program.header.spelled,
            ended=self.settings.end_answers,
        )


# --- what stays the same --------------------------------------------------------------------------


def begun_trainer(
    injection: Injection,
    processes: Processes,
    rows: Rows,
    task: Task,
    texts: Sequence[str],
    tested: Sequence[Example] = (),
) -> Trainer:
    """What takes steps on such rows and pages of text. Test examples are looked at only.

    Raises InputError where the examples, the text or the settings do not fit the student or the
    program.
    """
    settings, reconciliation = injection.settings, injection.reconciliation
    targets = Targets(injection.compiled.graph, reconciliation)
    held_out = _drawn(task, "validation", settings.eval_examples, injection)
    for part in (rows, held_out, injection.rows(tested)):
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
        check_swapped(injection.student.model, _widest(rows, settings))
        interventions = Interventions(injection.program.header, targets, settings)
    text = text_ids(texts, reconciliation)
    return Trainer(
        batches=Batches(
            rows, text, targets, settings, interventions, _combinations(injection, targets)
        ),
        held_out=held_out,
        settings=settings,
        processes=processes,
        suites=_suites(injection, task),
    )


def _combinations(injection: Injection, targets: Targets) -> Combinations | None:
    """What examples are drawn for besides values, where the settings ask for that."""
    asked = injection.settings.rare_combinations
    return Combinations(injection.program, targets) if asked else None


def _suites(injection: Injection, task: Task) -> dict[str, Rows]:
    """Inputs of the task's suites that the student has positions for, where they are wanted; of
    those that training may have had the test split's."""
    settings, header = injection.settings, injection.program.header
    if not settings.suite_examples:
        return {}
    found = {}
    for suite in find_suites(task):
        unseen = suite.held_out() if settings.goes_beyond_task else suite
        drawn = unseen.examples(header, settings.suite_examples, settings.seed)
        rows = injection.rows(drawn)
        found[suite.name] = rows.take(which_fit(injection.student.model, rows))
    return {name: rows for name, rows in found.items() if len(rows)}


def _widest(rows: Rows, settings: InjectSettings) -> int:
    """The most tokens of a row in a forward pass: text may lie beside it, and an intervention may
    put one example's answer behind another's prompt."""
    prompts = int(rows.prompt_lengths.max(initial=0))
    answers = int((rows.lengths - rows.prompt_lengths).max(initial=0))
    return max(prompts + answers, settings.text_tokens)


def _drawn(task: Task, split: Split, count: int, injection: Injection) -> Rows:
    """So many held-out examples, or as many as the task has."""
    return injection.rows(up_to(task, split, count, injection.settings.seed))


# --- what changes ---------------------------------------------------------------------------------


def begun_state(injection: Injection, trainer: Trainer, layers: tuple[int, ...]) -> State:
    """The weights before the first step: a copy of the student in float32, and the map.

    Raises InputError where the student has no such embedding as --vocabulary or --clear-later
    move.
    """
    processes, batches = trainer.processes, trainer.batches
    vocabulary = _vocabulary(injection, batches.targets)
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
        vocabulary=vocabulary,
    )
    return State.start(objective, processes, batches.errors)


def _vocabulary(injection: Injection, targets: Targets) -> Vocabulary | None:
    """What the embedding should hold of each token; None leaves its codes."""
    settings = injection.settings
    if settings.embedding_flags:
        check_embedding(injection.student.model, settings.embedding_flags[0])
    return Vocabulary(targets) if settings.settles_vocabulary else None


def _projection(
    injection: Injection, model: PreTrainedModel, batches: Batches, layers: tuple[int, ...]
) -> TrainedMaps:
    settings = injection.settings
    coordinates = None
    if settings.whiten:
        coordinates = whitening(_streams(model, batches, layers), settings.whiten)
    kind: Callable[..., TrainedMaps] = Projection
    if settings.has_codes:
        kind = partial(CodedProjection, most=settings.code_rank)
    return kind(
        variable_slices(injection.compiled.graph),
        hidden_size(model),
        maps=len(layers) if settings.maps == "per-layer" else 1,
        generator=torch_generator(settings.seed, "map"),
        coordinates=coordinates,
    )


@torch.no_grad()
def _streams(model: PreTrainedModel, batches: Batches, layers: tuple[int, ...]) -> Tensor:
    """The aligned streams [N, D] of a model on the first batches, without the embedding where
    there are others."""
    found, measured = [], layers[1:] or layers
    for step in range(WHITENED_BATCHES):
        batch = batches.at(step).to(model.device)
        captured = residual_streams(model, batch.ids, layers=measured)
        found += [flat(captured[layer])[batch.aligned_places].float() for layer in measured]
    return torch.cat(found)
