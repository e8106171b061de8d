"""One training step: the batch, the losses, the descent."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from rinject.inject.answering import right_answers
from rinject.inject.batches import Batch, Batches
from rinject.inject.forward import logits_and_streams
from rinject.inject.losses import answer_loss, cosine_alignment, kl_to_teacher, slice_alignment
from rinject.inject.projection import Projection
from rinject.inject.roll import roll_orthogonal, row_basis
from rinject.inject.rows import Rows
from rinject.inject.settings import InjectSettings
from rinject.inject.state import State
from rinject.student import rewrite_stream


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


def train_step(trainer: Trainer, state: State) -> tuple[dict[str, Tensor], int]:
    """One optimizer step; returns the losses and the number of tokens."""
    batch = trainer.batches.at(state.step).to(state.model.device)
    with trainer.precision():
        losses = trainer.losses(state, batch)
    weights = trainer.weights()
    total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
    state.descend(total, trainer.settings)
    return losses, batch.tokens
