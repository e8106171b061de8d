"""The training loop: batches in, a trained state out, progress on the way."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedModel

from rinject.errors import RinjectError
from rinject.inject.answering import right_answers
from rinject.inject.batches import Batch, Batches
from rinject.inject.forward import logits_and_streams
from rinject.inject.interrupts import held_interrupts
from rinject.inject.losses import answer_loss, cosine_alignment, kl_to_teacher, slice_alignment
from rinject.inject.projection import Projection
from rinject.inject.roll import roll_orthogonal, row_basis
from rinject.inject.rows import Rows
from rinject.inject.settings import InjectSettings
from rinject.inject.state import State
from rinject.student import rewrite_stream


class Interrupted(RinjectError):
    """The user stopped the training; it can be continued."""


@dataclass(frozen=True)
class Progress:
    """Where a training run is."""

    step: int
    """Steps done."""
    steps: int
    """Steps in all."""
    losses: dict[str, float]
    """Mean of each loss, unweighted, since the last report: `answer`, `alignment`, `text`."""
    accuracy: float | None
    """Share of held-out examples answered right, where it was just measured."""
    tokens_per_second: float
    """Of task and text, since this process began training."""
    seconds_left: float
    """As estimated from the speed so far."""


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Trainer:
    """What stays the same from step to step."""

    teacher: PreTrainedModel
    """The untouched student."""
    batches: Batches
    held_out: Rows
    """Examples to measure accuracy on."""
    layers: tuple[int, ...]
    """Student layer aligned with each compiled stream."""
    output: str
    """The variable that the program computes."""
    settings: InjectSettings

    def losses(self, state: State, batch: Batch) -> dict[str, Tensor]:
        """L_CE, L_ALG and L_KL, as far as the step has them, unweighted.

        For the baseline the map is a probe: it learns to read the streams, which get no gradient
        from it, so that fidelity and decoding work there too.
        """
        with self._rolled(state):
            answered, streams = logits_and_streams(
                state.model,
                batch.ids,
                logits_for=batch.answer_places,
                streams_for=batch.prompt_places,
                layers=self.layers,
            )
        if self.settings.is_baseline:
            streams = streams.detach()
        losses = {
            "answer": answer_loss(answered, batch.answers),
            "alignment": self._alignment(state.projection, streams, batch.targets),
        }
        if batch.text_ids.numel():
            written = state.model(input_ids=batch.text_ids, use_cache=False).logits
            losses["text"] = kl_to_teacher(written.flatten(0, 1), self._taught(batch))
        return losses

    @torch.no_grad()
    def streams(self, model: PreTrainedModel, batches: int) -> Tensor:
        """The aligned streams [N, D] of a model on the first batches, without the embedding."""
        found = []
        for step in range(batches):
            batch = self.batches.at(step).to(model.device)
            _, streams = logits_and_streams(
                model,
                batch.ids,
                logits_for=batch.answer_places,
                streams_for=batch.prompt_places,
                layers=self.layers,
            )  # [L, N, D]
            found.append(streams[1:].flatten(0, 1).float())
        return torch.cat(found)

    def _alignment(self, projection: Projection, streams: Tensor, targets: Tensor) -> Tensor:
        if self.settings.alignment == "cosine":
            return cosine_alignment(projection, streams, targets)
        return slice_alignment(projection, streams, targets, balance=self.settings.balance)

    def weights(self) -> dict[str, float]:
        """The weight of each loss in the sum."""
        settings = self.settings
        return {
            "answer": settings.alpha,
            "alignment": 1.0 if settings.is_baseline else settings.beta,
            "text": settings.gamma * settings.kl_every,
        }

    @torch.no_grad()
    def _taught(self, batch: Batch) -> Tensor:
        """The teacher's logits [K, vocabulary] on the text rows."""
        logits = self.teacher(input_ids=batch.text_ids, use_cache=False).logits
        return logits.flatten(0, 1)

    def _rolled(self, state: State) -> AbstractContextManager[None]:
        if self.settings.is_baseline or self.settings.roll == "none":
            return nullcontext()
        variable = self.output if self.settings.roll == "final-result" else None
        basis = row_basis(state.projection, variable)  # [D, r]

        def roll(stream: Tensor) -> Tensor:
            return roll_orthogonal(stream, basis.to(stream.dtype))

        return rewrite_stream(state.model, self.layers[-1], roll)

    def accuracy(self, state: State) -> float | None:
        """Share of the held-out examples answered right."""
        if not len(self.held_out):
            return None
        with self.precision():
            return float(right_answers(state.model, self.held_out).mean())

    def precision(self) -> AbstractContextManager[None]:
        """The context of all forward passes."""
        device = self.teacher.device.type
        choice = self.settings.precision
        if choice == "float32" or (choice == "auto" and device != "cuda"):
            return nullcontext()
        return torch.autocast(device, dtype=torch.bfloat16)


@dataclass
class Meter:
    """Losses since the last report, and the speed since the start."""

    begun: float = field(default_factory=time.monotonic)
    steps: int = 0
    tokens: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, losses: dict[str, Tensor], tokens: int) -> None:
        self.steps += 1
        self.tokens += tokens
        for name, loss in losses.items():  # summed as tensors: reading one waits for the device
            self.sums[name] = self.sums.get(name, 0) + loss.detach()
            self.counts[name] += 1

    def progress(self, step: int, steps: int, accuracy: float | None) -> Progress:
        """A report; the losses begin anew."""
        losses = {name: float(total) / self.counts[name] for name, total in self.sums.items()}
        self.sums.clear()
        self.counts.clear()
        seconds = max(time.monotonic() - self.begun, 1e-9)
        left = (steps - step) * seconds / max(1, self.steps)
        return Progress(step, steps, losses, accuracy, self.tokens / seconds, left)


def train(trainer: Trainer, state: State, report: Report, save: Callable[[], str]) -> None:
    """Trains until all steps are done. `save` keeps a checkpoint and says how to continue from it.

    Raises Interrupted after Ctrl-C, with a checkpoint saved.
    """
    settings = trainer.settings
    meter = Meter()
    with held_interrupts() as release_interrupt:
        try:
            while state.step < settings.steps:
                meter.add(*train_step(trainer, state))
                _report_if_due(trainer, state, meter, report)
                if settings.checkpoint_every and state.step % settings.checkpoint_every == 0:
                    save()
                release_interrupt()
        except KeyboardInterrupt:
            message = f"stopped after step {state.step} of {settings.steps}"
            raise Interrupted(message, hint=save()) from None


def train_step(trainer: Trainer, state: State) -> tuple[dict[str, Tensor], int]:
    """One optimizer step; returns the losses and the number of tokens."""
    batch = trainer.batches.at(state.step).to(state.model.device)
    with trainer.precision():
        losses = trainer.losses(state, batch)
    weights = trainer.weights()
    total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
    state.descend(total, trainer.settings)
    return losses, batch.tokens


def _report_if_due(trainer: Trainer, state: State, meter: Meter, report: Report) -> None:
    settings, last = trainer.settings, state.step == trainer.settings.steps
    measured = last or state.step % settings.eval_every == 0
    if measured or state.step % settings.log_every == 0:
        accuracy = trainer.accuracy(state) if measured else None
        report(meter.progress(state.step, settings.steps, accuracy))
