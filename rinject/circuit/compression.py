"""Learns the matrix W that makes the residual stream of a compiled model narrower.

All compiled weights stay as they are. W [D, d] is learned by gradient descent on

    L(W) = L_out + λ L_layer

where L_out compares outputs with the program's (cross-entropy of categories, squared error of
numbers) and L_layer is the squared distance of what each attention and MLP block adds to the
stream, before W, to what it adds in the compiled model.

Source: Lindner et al., "Tracr" (arXiv 2301.05062), section 5. Ours: where W begins (the directions
in which what is read of the compiled streams is largest), the schedule, and that the best W seen is
kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from math import cos, pi

import numpy as np
import torch
from torch import Tensor

from rinject.circuit.compressed import CompressedModel
from rinject.circuit.compression_measures import (
    Measures,
    Readout,
    drawn_ids,
    forward,
    layer_loss,
    measure,
    score,
)
from rinject.circuit.model import CompiledModel
from rinject.errors import InputError

WARM_UP = 0.05  # share of the steps in which the learning rate rises
BETAS = (0.9, 0.99)
LARGEST_GRADIENT = 1.0
CHECKS = 40  # how often in a run W is compared with the best so far
CHECK_INPUTS = 512
SAMPLE = 1024  # inputs on which streams are compared
UNREAD = 0.01  # how much a direction that nothing reads counts, beside one that is read
RANK_TOLERANCE = 1e-6

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CompressionSettings:
    """How W is learned."""

    width: int
    """d, the dimensions to keep."""
    steps: int = 4000
    learning_rate: float = 0.003
    """The highest; it rises for a twentieth of the steps and then falls to 0 as a cosine."""
    batch: int = 256
    """Inputs in a step."""
    layer_weight: float = 1.0
    """λ, of the loss of the layers."""
    weight_decay: float = 0.1
    """AdamW's; it lets go of what no layer needs."""
    seed: int = 42

    def __post_init__(self) -> None:
        """Raises InputError for what makes no sense for any model."""
        least = {"steps": 0, "batch": 1, "layer_weight": 0.0, "weight_decay": 0.0, "seed": 0}
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise InputError(f"--{name.replace('_', '-')} must be at least {bound}")
        if not 0 < self.learning_rate <= 1:
            raise InputError("--learning-rate must be above 0 and at most 1")


@dataclass(frozen=True)
class Compression:
    """A compressed model, and what is known about it."""

    model: CompressedModel
    settings: CompressionSettings
    measures: Measures
    steps: int
    """Steps that were done."""
    best_step: int
    """After how many of them W was best."""

    @property
    def was_stopped(self) -> bool:
        """Whether Ctrl-C ended it."""
        return self.steps < planned_steps(self.model.original, self.settings)


def check_width(model: CompiledModel, width: int) -> None:
    """Raises InputError where a stream cannot be compressed to this width."""
    if not 1 <= width <= model.residual_width:
        raise InputError(
            f"the residual stream has {model.residual_width} dimensions, {width} were asked for",
            hint=f"choose from 1 to {model.residual_width}",
        )


def planned_steps(model: CompiledModel, settings: CompressionSettings) -> int:
    """As set, but none where all dimensions are kept: there is nothing to learn."""
    return 0 if settings.width == model.residual_width else settings.steps


def compress(
    model: CompiledModel, settings: CompressionSettings, progress: Progress | None = None
) -> Compression:
    """Learn W; the same settings give the same.

    `progress` is called with the steps done and in all. Ctrl-C (KeyboardInterrupt) ends the
    learning, and the best W so far is kept. Raises InputError as :func:`check_width` does.
    """
    check_width(model, settings.width)
    best = _Best(model, settings)
    steps = _learn(model, settings, best, progress)
    about = {"settings": asdict(settings), "steps": steps, "best_step": best.step}
    compressed = CompressedModel(model, best.embedding, about)
    measures = measure(compressed, seed=settings.seed)
    compressed = replace(compressed, about=about | {"measures": measures.to_record()})
    return Compression(compressed, settings, measures, steps, best.step)


class _Best:
    """The best W so far: most outputs right on inputs drawn apart, then the least loss."""

    def __init__(self, model: CompiledModel, settings: CompressionSettings) -> None:
        chance = np.random.default_rng([settings.seed, 2])
        self._model = model
        self._ids = drawn_ids(model.graph, CHECK_INPUTS, chance)
        self.embedding = first_embedding(model, settings.width, settings.seed)
        self.step = 0
        self._score = self._of(self.embedding)

    def consider(self, embedding: Tensor, step: int) -> None:
        """Keeps a copy of W if it is better."""
        found = self._of(embedding)
        if found > self._score:
            self.embedding, self.step, self._score = embedding.detach().clone(), step, found

    @torch.no_grad()
    def _of(self, embedding: Tensor) -> tuple[float, float]:
        accuracy, loss = score(CompressedModel(self._model, embedding), self._ids)
        return accuracy, -loss


@torch.no_grad()
def first_embedding(model: CompiledModel, width: int, seed: int) -> Tensor:
    """Where W begins [D, d]: the directions in which what is read of the streams is largest.

    So with as many dimensions as are read nothing is lost, and with all W is the identity.
    """
    if width == model.residual_width:
        return torch.eye(width)
    ids = torch.from_numpy(drawn_ids(model.graph, SAMPLE, np.random.default_rng([seed, 3])))
    seen = model.transformer.with_bos(ids) >= 0
    passed = forward(model.transformer, ids)
    streams = torch.cat([s[seen] for s in passed.streams + passed.halfway]).double()  # [N, D]
    read = streams @ _reading(model)
    rest = UNREAD * (streams - read)
    _, directions = torch.linalg.eigh(read.T @ read + rest.T @ rest)  # by eigenvalue, ascending
    return directions[:, -width:].float().contiguous()


def _reading(model: CompiledModel) -> Tensor:
    """The projection [D, D] to what layers read, or outputs are read from; float64."""
    width, slot = model.residual_width, model.layout.slot(model.graph.output)
    readers = [torch.eye(width)[:, slot.start : slot.stop]]
    for layer in model.transformer.layers:
        heads = (layer.query, layer.key, layer.value)
        readers += [head.transpose(0, 1).reshape(width, -1) for head in heads]
        readers.append(layer.hidden)
    left, sizes, _ = torch.linalg.svd(torch.cat(readers, dim=1).double(), full_matrices=False)
    kept = left[:, sizes > RANK_TOLERANCE * sizes[0]]
    return kept @ kept.T


def _learn(
    model: CompiledModel, settings: CompressionSettings, best: _Best, progress: Progress | None
) -> int:
    """Returns the number of steps done."""
    embedding = best.embedding.clone().requires_grad_()
    optimizer = torch.optim.AdamW(
        [embedding],
        lr=settings.learning_rate,
        betas=BETAS,
        weight_decay=settings.weight_decay,
    )
    steps, done = planned_steps(model, settings), 0
    readout = Readout(model)
    between = max(1, steps // CHECKS)
    try:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * _schedule(step, steps)
            _loss(model, readout, settings, embedding, step).backward()
            torch.nn.utils.clip_grad_norm_([embedding], LARGEST_GRADIENT)
            optimizer.step()
            optimizer.zero_grad()
            done = step + 1
            if done % between == 0 or done == steps:
                best.consider(embedding, done)
            if progress is not None:
                progress(done, steps)
    except KeyboardInterrupt:
        return done
    return done


def _schedule(step: int, steps: int) -> float:
    """The share of the learning rate in a step, counted from 0."""
    rising = min(1.0, (step + 1) / (WARM_UP * steps))
    return rising * (1 + cos(pi * step / steps)) / 2


def _loss(
    model: CompiledModel,
    readout: Readout,
    settings: CompressionSettings,
    embedding: Tensor,
    step: int,
) -> Tensor:
    rows = drawn_ids(model.graph, settings.batch, np.random.default_rng([settings.seed, 0, step]))
    ids, targets = torch.from_numpy(rows), readout.targets(rows)
    found = forward(model.transformer, ids, embedding)
    loss = readout.loss(found.streams[-1][:, 1:], targets, readout.counted(ids, targets))
    if settings.layer_weight:
        with torch.no_grad():
            wanted = forward(model.transformer, ids)
        seen = model.transformer.with_bos(ids) >= 0
        loss = loss + settings.layer_weight * layer_loss(found, wanted, seen)
    return loss
