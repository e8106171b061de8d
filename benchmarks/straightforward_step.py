"""One training step of Tracr-Injection, written the straightforward way.

A forward pass of the task rows with all hidden states and all logits, one of the text, one of the
teacher; the compiled model itself run for the targets; the map over whole streams. It follows the
method's description (arXiv 2505.10719, section 3), in float32, for students of GPT-2's
architecture. Where the paper's own code means something else than :mod:`rinject.inject`, this step
means what the latter does, so that both have the same losses:

- the stream is rolled after the last aligned layer, not one block later;
- the sum of the cosine terms is divided by k;
- the target is the variables' part of the compiled stream, without what the circuit keeps for
  itself, and the map has a bias;
- rows are filled up on the right without an attention mask: it would change what the fillers'
  streams hold, and those are rolled into longer rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from rinject.circuit import Transformer
from rinject.inject.settings import InjectSettings

IGNORED = -100  # a label that is none
PAD = -1


@dataclass(frozen=True)
class TokenizedExample:
    """A prompt and its answer in student ids."""

    prompt: list[int]
    answer: list[int]


@dataclass(frozen=True)
class Straightforward:
    """Student, teacher, compiled model and map, with one optimizer for student and map."""

    student: PreTrainedModel
    teacher: PreTrainedModel
    compiled: CompiledStreams
    map: nn.Linear
    """From the student's stream to the variables of the compiled one."""
    output_rows: slice
    """The rows of the map that belong to the program's output."""
    layers: tuple[int, ...]
    """Student layer aligned with each compiled stream."""
    symbol_of: Mapping[int, int]
    """The program's token of each student token."""
    optimizer: torch.optim.AdamW
    settings: InjectSettings

    def step(self, examples: Sequence[TokenizedExample], text: Tensor) -> dict[str, float]:
        """One optimizer step on examples and text [rows, tokens]; returns the losses."""
        losses = self.losses(examples, text)
        settings = self.settings
        total = (
            settings.alpha * losses["answer"]
            + settings.beta * losses["alignment"]
            + settings.gamma * losses["text"]
        )
        self.optimizer.zero_grad()
        total.backward()
        self.optimizer.step()
        return {name: loss.item() for name, loss in losses.items()}

    def losses(self, examples: Sequence[TokenizedExample], text: Tensor) -> dict[str, Tensor]:
        """L_CE, L_ALG and L_KL."""
        text = text.to(self.student.device)
        ids, labels = self._rows(examples)  # [B, T]
        with self._rolled():
            output = self.student(input_ids=ids, output_hidden_states=True)
        answer = functional.cross_entropy(
            output.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED
        )
        alignment = self._alignment(output.hidden_states, examples)
        written = self.student(input_ids=text).logits.log_softmax(dim=-1)  # [rows, tokens, vocab]
        with torch.no_grad():
            expected = self.teacher(input_ids=text).logits.log_softmax(dim=-1)
        kl = functional.kl_div(
            written.flatten(0, 1), expected.flatten(0, 1), log_target=True, reduction="batchmean"
        )
        return {"answer": answer, "alignment": alignment, "text": kl}

    def _rows(self, examples: Sequence[TokenizedExample]) -> tuple[Tensor, Tensor]:
        """Ids [B, T] of prompt and answer, and as labels [B, T] those of the answer."""
        longest = max(len(one.prompt) + len(one.answer) for one in examples)
        ids, labels = [], []
        for one in examples:
            fill = longest - len(one.prompt) - len(one.answer)
            ids.append(one.prompt + one.answer + [0] * fill)
            labels.append([IGNORED] * len(one.prompt) + one.answer + [IGNORED] * fill)
        device = self.student.device
        return torch.tensor(ids, device=device), torch.tensor(labels, device=device)

    def _alignment(
        self, hidden_states: Sequence[Tensor], examples: Sequence[TokenizedExample]
    ) -> Tensor:
        """(1/k) sum over the compiled streams of 1 - cos(mapped, compiled), a mean over prompts."""
        ids = self._program_ids(examples)  # [B, T']
        streams = self.compiled(ids)
        inside = ids != PAD
        total = torch.zeros((), device=ids.device)
        for layer, compiled in zip(self.layers, streams, strict=True):
            mapped = self.map(hidden_states[layer])[:, : ids.shape[1]]  # [B, T', W]
            target = compiled[:, 1:, : mapped.shape[-1]]  # the student has no BOS
            cosines = functional.cosine_similarity(mapped, target, dim=-1)  # [B, T']
            total = total + (1 - cosines)[inside].mean()
        return total / max(1, len(streams) - 1)

    def _program_ids(self, examples: Sequence[TokenizedExample]) -> Tensor:
        """The program's tokens [B, T'] of the prompts."""
        longest = max(len(one.prompt) for one in examples)
        rows = []
        for one in examples:
            row = [self.symbol_of[token] for token in one.prompt]
            rows.append(row + [PAD] * (longest - len(row)))
        return torch.tensor(rows, device=self.student.device)

    @contextmanager
    def _rolled(self) -> Iterator[None]:
        """Within the block, what is orthogonal to the output's rows comes from another row."""
        rows = self.map.weight[self.output_rows].detach()  # [r, D]
        projector = torch.linalg.pinv(rows) @ rows  # [D, D]

        def roll(_block: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            stream = args[0]  # [B, T, D]
            kept = stream @ projector
            return ((stream - kept).detach().roll(1, dims=0) + kept, *args[1:])

        gpt2: Any = self.student
        block = gpt2.transformer.h[self.layers[-1]]
        handle = block.register_forward_pre_hook(roll)
        try:
            yield
        finally:
            handle.remove()


@dataclass(frozen=True)
class DenseTransformer:
    """A compiled model's weights as whole matrices, by the names of `Transformer.named_tensors`."""

    weights: Mapping[str, Tensor]
    layers: int
    causal: bool

    @classmethod
    def of(cls, transformer: Transformer) -> DenseTransformer:
        """The weights of one of our compiled models."""
        return cls(dict(transformer.named_tensors()), len(transformer.layers), transformer.causal)

    def to(self, device: torch.device) -> DenseTransformer:
        """The same on a device."""
        moved = {name: tensor.to(device) for name, tensor in self.weights.items()}
        return DenseTransformer(moved, self.layers, self.causal)

    def layer(self, index: int) -> dict[str, Tensor]:
        """The weights of one layer."""
        prefix = f"layers.{index}."
        named = self.weights.items()
        return {name.removeprefix(prefix): t for name, t in named if name.startswith(prefix)}


@dataclass(frozen=True)
class CompiledStreams:
    """The residual streams of a compiled model."""

    model: DenseTransformer

    @torch.no_grad()
    def __call__(self, ids: Tensor) -> list[Tensor]:
        """The streams [B, T + 1, width] of ids [B, T], BOS in front, PAD behind."""
        tokens = self.model.weights["token_embedding"]  # [vocabulary + 1, width]
        positions = self.model.weights["position_embedding"]
        ids = functional.pad(ids, (1, 0), value=len(tokens) - 1)
        count = ids.shape[1]
        visible = (ids != PAD)[:, None, None, :].expand(-1, 1, count, -1)
        if self.model.causal:
            visible = visible & torch.ones(count, count, device=ids.device).tril().bool()
        stream = tokens[ids.clamp(min=0)] + positions[:count]
        streams = [stream]
        for index in range(self.model.layers):
            own = self.model.layer(index)
            stream = stream + _attention(own, stream, visible)
            hidden = torch.relu(stream @ own["hidden"] + own["hidden_bias"])
            stream = stream + hidden @ own["mlp_output"] + own["mlp_output_bias"]
            streams.append(stream)
        return streams


def _attention(own: Mapping[str, Tensor], stream: Tensor, visible: Tensor) -> Tensor:
    """What the heads of a layer add to the stream [B, T, D]."""
    query, key, value = (
        torch.einsum("btd,hde->bhte", stream, own[name]) + own[f"{name}_bias"][:, None]
        for name in ("query", "key", "value")
    )
    scores = (query @ key.mT).masked_fill(~visible, -torch.inf)  # [B, H, T, T]
    mixed = scores.softmax(dim=-1) @ value  # [B, H, T, V]
    return torch.einsum("bhtv,hvd->btd", mixed, own["output"]) + own["output_bias"]
