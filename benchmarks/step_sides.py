"""Both training steps on the same task, text, student and settings."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, GPT2Config, PreTrainedModel

from benchmarks.children import ROOT
from benchmarks.step_records import OURS
from benchmarks.straightforward_step import (
    CompiledStreams,
    DenseTransformer,
    Straightforward,
    TokenizedExample,
)
from benchmarks.tracr_shape import SHUFFLE_DYCK, stand_in
from rinject.circuit import CompiledModel
from rinject.compiler import compile_program
from rinject.inject import InjectSettings
from rinject.inject.batches import Batches, text_ids
from rinject.inject.blocks import prepared_blocks
from rinject.inject.layers import student_layers
from rinject.inject.objective import Objective
from rinject.inject.processes import Processes
from rinject.inject.projection import Projection, VariableSlice, variable_slices
from rinject.inject.randomness import torch_generator
from rinject.inject.rows import Rows, example_rows
from rinject.inject.state import State
from rinject.inject.step import Trainer, train_step
from rinject.inject.targets import Targets
from rinject.inject.weighing import WORTH, shares
from rinject.lang import load_program
from rinject.student import hidden_size, load_student, n_layers
from rinject.tasks import find_task, up_to
from rinject.tokens import Reconciliation, reconcile

PROGRAM = ROOT / "programs" / "shuffle_dyck.rasp"
PAPER: dict[str, Any] = {
    "alignment": "cosine", "optimizer": "adamw", "roll": "final-result", "kl_every": 1,
    "layer_map": "one-to-one", "task_rows": 12, "text_rows": 12, "text_tokens": 70,
    "student_rate": 1e-6, "map_rate": 1e-4, "alpha": 1.0, "beta": 1.0, "gamma": 1.0,
}  # fmt: skip
"""The settings of both steps: those of the paper's appendix D, written out."""
FASTER: dict[str, Any] = {"similar_lengths": True}
"""What our step sets besides: how it computes, and which examples meet in a step."""
SHAPES = {"tiny": "the embedded student", "gpt2-large": "the shape of GPT-2-large, random weights"}
DEVICES = {"tiny": "cpu", "gpt2-large": "cuda"}
LARGE: dict[str, Any] = {"n_embd": 1280, "n_layer": 36, "n_head": 20}
EXAMPLES = 2000


@dataclass(frozen=True)
class Setting:
    """What both steps share; `ours` and `straightforward` begin anew from it each time."""

    compiled: CompiledModel
    model: PreTrainedModel
    """The untouched student, also the teacher; in evaluation mode, so without dropout."""
    reconciliation: Reconciliation
    examples: Rows
    text: Tensor
    """int64 [K]: the student ids of all text."""
    settings: InjectSettings

    @property
    def layers(self) -> tuple[int, ...]:
        """Student layer aligned with each compiled stream."""
        return student_layers(self.compiled.graph.num_layers, n_layers(self.model), self.settings)

    def batches(self, settings: InjectSettings) -> Batches:
        """All batches under some settings."""
        targets = Targets(self.compiled.graph, self.reconciliation)
        return Batches(self.examples, self.text.numpy(), targets, settings)

    def ours(self, **settings: Any) -> OurSide:
        """Our step, with other settings than both share."""
        chosen = replace(self.settings, **settings)
        processes = Processes.join(chosen)
        trainer = Trainer(
            batches=self.batches(chosen),
            held_out=self.examples.take(slice(0, 0)),
            settings=chosen,
            processes=processes,
        )
        projection = self._projection()
        worth = WORTH[chosen.variable_weights](
            projection.slices, lambda: trainer.batches.sampled_values(EXAMPLES)
        )
        objective = Objective(
            copy.deepcopy(self.model),
            projection,
            self.model,
            layers=self.layers,
            output=self.compiled.graph.output,
            shares=torch.from_numpy(shares(projection.slices, len(self.layers), worth)),
            settings=chosen,
            roll=processes.roll,
        )
        return OurSide(trainer, State.start(objective.to(processes.device), processes))

    def straightforward(self) -> StraightforwardSide:
        """The step to compare with: the same losses on the same batches."""
        projection = self._projection()
        (output,) = (s for s in projection.slices if s.name == self.compiled.graph.output)
        width = projection.weight.shape[1]
        side = self._straightforward(
            "straightforward", DenseTransformer.of(self.compiled.transformer), width, output
        )
        side.straightforward.map.load_state_dict(
            {"weight": projection.weight[0].detach(), "bias": projection.bias[0].detach()}
        )
        return side

    def as_published(self) -> StraightforwardSide:
        """The same with a compiled model as large as the one that the paper ran, by tracr.

        Only its speed means something: the model's weights are random.
        """
        graph = self.compiled.graph
        dense = stand_in(SHUFFLE_DYCK, len(graph.vocab), graph.max_seq_len)
        output = VariableSlice(graph.output, 0, 2, 0)
        name = "straightforward, tracr's model"
        return self._straightforward(name, dense, SHUFFLE_DYCK.width, output)

    def _straightforward(
        self, name: str, dense: DenseTransformer, width: int, output: VariableSlice
    ) -> StraightforwardSide:
        student = copy.deepcopy(self.model)
        linear = nn.Linear(hidden_size(student), width, device=student.device)
        groups = [
            {"params": list(student.parameters()), "lr": self.settings.student_rate},
            {"params": list(linear.parameters()), "lr": self.settings.map_rate},
        ]
        step = Straightforward(
            student=student,
            teacher=self.model,
            compiled=CompiledStreams(dense.to(student.device)),
            map=linear,
            output_rows=slice(output.start, output.stop),
            layers=student_layers(dense.layers, n_layers(student), self.settings),
            symbol_of=self._symbol_of(),
            optimizer=torch.optim.AdamW(groups, weight_decay=self.settings.weight_decay),
            settings=self.settings,
        )
        return StraightforwardSide(name, step, self.batches(self.settings))

    def _projection(self) -> Projection:
        slices = variable_slices(self.compiled.graph)
        start = torch_generator(self.settings.seed, "map")
        return Projection(slices, hidden_size(self.model), generator=start).to(self.model.device)

    def _symbol_of(self) -> dict[int, int]:
        place = {value: index for index, value in enumerate(self.compiled.graph.vocab)}
        symbols = self.reconciliation.symbol_of.tolist()
        vocabulary = self.reconciliation.vocabulary
        return {token: place[vocabulary[symbol]] for token, symbol in enumerate(symbols)}


@dataclass
class OurSide:
    """Our training step."""

    trainer: Trainer
    state: State
    name: str = OURS

    def step(self) -> int:
        """Takes the next step; returns its number of tokens, fillers not counted."""
        return train_step(self.trainer, self.state)[1]

    def losses(self) -> dict[str, float]:
        """Those of the next step, which is not taken."""
        with self.state.objective.hooked(), self.trainer.precision(), torch.no_grad():
            losses = self.state.objective(self.trainer.feed.at(self.state.step))
        return {name: float(loss) for name, loss in losses.items()}

    def forget_gradients(self) -> None:
        """Before memory is measured."""
        self.state.objective.zero_grad(set_to_none=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within the block, the student's blocks run as the settings have it."""
        with prepared_blocks(self.state.model, self.trainer.settings):
            yield


@dataclass
class StraightforwardSide:
    """The straightforward step."""

    name: str
    straightforward: Straightforward
    batches: Batches
    done: int = 0

    def step(self) -> int:
        """Takes the next step; returns its number of tokens, fillers not counted."""
        examples, text = self._batch()
        self.straightforward.step(examples, text)
        self.done += 1
        return sum(len(one.prompt) + len(one.answer) for one in examples) + text.numel()

    def losses(self) -> dict[str, float]:
        """Those of the next step, which is not taken."""
        with torch.no_grad():
            losses = self.straightforward.losses(*self._batch())
        return {name: float(loss) for name, loss in losses.items()}

    def forget_gradients(self) -> None:
        """Before memory is measured."""
        self.straightforward.optimizer.zero_grad()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Nothing is prepared."""
        yield

    def _batch(self) -> tuple[list[TokenizedExample], Tensor]:
        rows = self.batches.task_rows(self.done)
        borders = zip(rows.ids.tolist(), rows.prompt_lengths, rows.lengths, strict=True)
        examples = [TokenizedExample(ids[:middle], ids[middle:end]) for ids, middle, end in borders]
        return examples, torch.from_numpy(self.batches.text_windows(self.done))


Side = OurSide | StraightforwardSide


def make_setting(shape: str, **settings: Any) -> Setting:
    """The task, the text and the student of a shape, under the paper's settings."""
    program = load_program(PROGRAM)
    student = load_student("tiny")  # its tokenizer serves every shape
    reconciliation = reconcile(student.tokenizer, program.header)
    chosen = InjectSettings(**PAPER | settings, device=DEVICES[shape])
    pages = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/*.md"))]
    model = student.model if shape == "tiny" else _large()
    return Setting(
        compiled=compile_program(program),
        model=nn.Module.to(model, DEVICES[shape]),
        reconciliation=reconciliation,
        examples=example_rows(
            up_to(find_task(program), "train", EXAMPLES, chosen.seed), reconciliation
        ),
        text=torch.from_numpy(text_ids(pages, reconciliation)),
        settings=chosen,
    )


def _large() -> PreTrainedModel:
    """A step takes as long with random weights."""
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(GPT2Config(**LARGE))
    return model.eval()
