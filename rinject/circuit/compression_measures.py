"""How much of a compiled model a compressed one keeps: losses to train on, figures to report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rinject.circuit.compressed import CompressedModel
from rinject.circuit.heat_map_panels import BIAS, dimensions
from rinject.circuit.model import CompiledModel
from rinject.circuit.transformer import Transformer, attend, transform
from rinject.graph import Graph

SHARPNESS = 10.0  # logits are so many times what is in the slot, where a value is 1 and no value 0
ALL_INPUTS = 4096  # programs with no more inputs are measured on all of them
TEST_INPUTS = 2000  # of other programs
ALPHABET = 12  # most symbols in a drawn input
ROWS_AT_ONCE = 256  # inputs whose streams are held at a time
TINY = 1e-6  # a vector this short has no direction


# --- inputs -------------------------------------------------------------------------------------


def drawn_ids(graph: Graph, count: int, chance: np.random.Generator) -> np.ndarray:
    """Random inputs of all lengths as int64 [count, longest], PAD = -1.

    Each takes its symbols from a few, drawn anew for each, so that repetitions are frequent too.
    """
    longest = graph.max_seq_len
    alphabets = chance.integers(len(graph.vocab), size=(count, ALPHABET))
    sizes = chance.integers(1, ALPHABET + 1, size=(count, 1))
    lengths = chance.integers(1, longest + 1, size=(count, 1))
    chosen = (chance.random((count, longest)) * sizes).astype(np.int64)
    ids = np.take_along_axis(alphabets, chosen, axis=1)
    return np.where(np.arange(longest) < lengths, ids, -1)


def test_ids(graph: Graph, chance: np.random.Generator) -> tuple[np.ndarray, bool]:
    """The inputs to report on, and whether they are all that there are."""
    lengths = range(1, graph.max_seq_len + 1)
    total = 0
    for length in lengths:
        total += len(graph.vocab) ** length
        if total > ALL_INPUTS:
            return drawn_ids(graph, TEST_INPUTS, chance), False
    rows = [row for n in lengths for row in product(range(len(graph.vocab)), repeat=n)]
    ids = np.full((total, graph.max_seq_len), -1, dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
    return ids, True


# --- a forward pass -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Pass:
    """What a forward pass computes, in the D dimensions of the compiled model."""

    streams: list[Tensor]
    """[B, T + 1, D]: the embedding, then after each layer; what the next layer reads."""
    halfway: list[Tensor]
    """[B, T + 1, D]: within each layer, what its MLP reads."""
    attention: list[Tensor]
    """[B, T + 1, D]: what the heads of each layer add, before W."""
    mlp: list[Tensor]
    """[B, T + 1, D]: what the MLP of each layer adds, before W."""


def forward(transformer: Transformer, ids: Tensor, embedding: Tensor | None = None) -> Pass:
    """The pass of ids [B, T] through W [D, d], or through the compiled model itself."""

    def compressed(stream: Tensor) -> Tensor:
        return stream if embedding is None else stream @ embedding

    def expanded(stream: Tensor) -> Tensor:
        return stream if embedding is None else stream @ embedding.T

    ids = transformer.with_bos(ids)  # [B, T + 1]
    mask = transformer.mask(ids)
    tokens = transformer.token_embedding[ids.clamp(min=0)]  # [B, T + 1, D]
    stream = compressed(tokens + transformer.position_embedding[: ids.shape[1]])
    result = Pass([expanded(stream)], [], [], [])
    for layer in transformer.layers:
        result.attention.append(attend(layer, result.streams[-1], mask))
        stream = stream + compressed(result.attention[-1])
        result.halfway.append(expanded(stream))
        result.mlp.append(transform(layer, result.halfway[-1]))
        stream = stream + compressed(result.mlp[-1])
        result.streams.append(expanded(stream))
    return result


def layer_loss(found: Pass, wanted: Pass, seen: Tensor) -> Tensor:
    """Squared distance of what each block adds, summed over blocks, mean over positions seen.

    `seen` [B, T + 1] is false at PAD.
    """
    pairs = zip(found.attention + found.mlp, wanted.attention + wanted.mlp, strict=True)
    distances = [(a - b).square().sum(dim=-1) for a, b in pairs]  # [B, T + 1] each
    return torch.stack([d[seen].mean() for d in distances]).sum() if distances else torch.zeros(())


# --- the output ---------------------------------------------------------------------------------


class Readout:
    """The program's output in a stream: what it is, and how far it is from what it should be."""

    def __init__(self, model: CompiledModel) -> None:
        self._graph = model.graph
        self._slot = model.layout.slot(model.graph.output)
        self._node = model.graph.output_node

    @cached_property
    def _points(self) -> tuple[Tensor, Tensor]:
        """The numbers that can occur, and the index of the value that each stands for. [P] each."""
        points = self._slot.points or [(float(v), i) for i, v in enumerate(self._node.values)]
        numbers, owners = zip(*points, strict=True)
        return torch.tensor(numbers, dtype=torch.float32), torch.tensor(owners)

    @property
    def is_number(self) -> bool:
        """Whether the output is one dimension that holds a number."""
        return self._slot.reading == "number"

    def targets(self, ids: np.ndarray) -> Tensor:
        """int64 [B, T]: the index of the right value at each position, -1 for none."""
        return torch.from_numpy(self._graph.evaluate(ids)[self._node].astype(np.int64))

    def counted(self, ids: Tensor, targets: Tensor) -> Tensor:
        """bool [B, T]: all but PAD, and of numbers only where one stands for the right value."""
        return (ids >= 0) & torch.isin(targets, self._points[1]) if self.is_number else ids >= 0

    def loss(self, stream: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
        """Squared error of a number, else cross-entropy; mean over the positions counted.

        `stream` [B, T, D] is without BOS. Where no value is an answer too, it has a logit of its
        own, at the threshold by which outputs are read.
        """
        part = stream[..., self._slot.start : self._slot.stop][counted]  # [N, size]
        wanted = targets[counted]
        if self.is_number:
            numbers, owners = self._points
            errors = (part - numbers).square()  # [N, P]
            return errors.where(owners == wanted[:, None], torch.inf).min(dim=1).values.mean()
        if self._slot.reading == "one-hot":
            wanted = torch.where(wanted < 0, part.shape[1], wanted)
            part = torch.cat([part, torch.full_like(part[:, :1], 0.5)], dim=1)
        return functional.cross_entropy(SHARPNESS * part, wanted)

    def answers(self, stream: Tensor) -> Tensor:
        """int64 [B, T]: the index of the value read, a number as the nearest that can occur."""
        part = stream[..., self._slot.start : self._slot.stop]  # [B, T, size]
        if self.is_number:
            numbers, owners = self._points
            return owners[(part - numbers).abs().argmin(dim=-1)]
        if not part.shape[-1]:
            return torch.full(part.shape[:-1], -1)
        best, place = part.max(dim=-1)
        return torch.where(best > 0.5, place, -1) if self._slot.reading == "one-hot" else place


# --- figures ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LayerSimilarity:
    """Mean cosine similarity to the compiled model, over positions; None where that is all 0."""

    attention: float | None
    """Of what the heads add, before W."""
    mlp: float | None
    """Of what the MLP adds, before W."""
    stream: float | None
    """Of z Wᵀ after the layer to x."""


@dataclass(frozen=True)
class KeptVariable:
    """What is left of the dimensions of a variable."""

    name: str
    size: int
    """Number of dimensions in the compiled model."""
    norms: tuple[float, ...]
    """(W Wᵀ)ᵢᵢ: 1 is kept, 0 dropped."""
    dimensionality: float
    """The sum of ‖Wᵢ‖² / Σⱼ (Ŵᵢ·Wⱼ)²: how many dimensions it has for itself; in all at most d."""


@dataclass(frozen=True)
class Measures:
    """What a compressed model keeps."""

    inputs: int
    is_exhaustive: bool
    """Whether those are all inputs; else they are random."""
    accuracy: float
    """The share of positions whose output is the program's."""
    output_loss: float
    embedding: float | None
    """Cosine similarity of the embedded tokens and positions."""
    layers: tuple[LayerSimilarity, ...]
    variables: tuple[KeptVariable, ...]

    def to_record(self) -> dict[str, Any]:
        """As JSON values."""
        record: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return record


@torch.no_grad()
def score(model: CompressedModel, ids: np.ndarray) -> tuple[float, float]:
    """Accuracy and output loss on encoded inputs [B, T]."""
    tally = _Tally(model.original)
    for rows in _portions(ids):
        batch = torch.from_numpy(rows)
        tally.add(forward(model.original.transformer, batch, model.embedding), rows)
    return tally.accuracy, tally.loss


@torch.no_grad()
def measure(model: CompressedModel, *, seed: int = 0) -> Measures:
    """All figures, on all inputs if there are few, else on random ones."""
    ids, is_exhaustive = test_ids(model.original.graph, np.random.default_rng([seed, 1]))
    transformer, tally = model.original.transformer, _Tally(model.original)
    cosines: dict[tuple[str, int], list[Tensor]] = {}
    for rows in _portions(ids):
        batch = torch.from_numpy(rows)
        found, wanted = forward(transformer, batch, model.embedding), forward(transformer, batch)
        tally.add(found, rows)
        for kind in ("streams", "attention", "mlp"):
            pairs = zip(getattr(found, kind), getattr(wanted, kind), strict=True)
            for index, (a, b) in enumerate(pairs):
                cosine = _cosine(a[:, 1:][batch >= 0], b[:, 1:][batch >= 0])
                cosines.setdefault((kind, index), []).append(cosine)
    mean = {key: _mean(parts) for key, parts in cosines.items()}
    return Measures(
        inputs=len(ids),
        is_exhaustive=is_exhaustive,
        accuracy=tally.accuracy,
        output_loss=tally.loss,
        embedding=mean["streams", 0],
        layers=tuple(
            LayerSimilarity(mean["attention", i], mean["mlp", i], mean["streams", i + 1])
            for i in range(len(transformer.layers))
        ),
        variables=kept_variables(model),
    )


class _Tally:
    """Accuracy and output loss over several batches."""

    def __init__(self, model: CompiledModel) -> None:
        self._readout = Readout(model)
        self._places, self._right, self._loss = 0, 0, 0.0

    def add(self, found: Pass, rows: np.ndarray) -> None:
        """The pass of encoded inputs [B, T]."""
        stream, targets = found.streams[-1][:, 1:], self._readout.targets(rows)  # [B, T, D], [B, T]
        counted = self._readout.counted(torch.from_numpy(rows), targets)
        places = int(counted.sum())
        if places:
            self._places += places
            self._right += int((self._readout.answers(stream) == targets)[counted].sum())
            self._loss += places * float(self._readout.loss(stream, targets, counted))

    @property
    def accuracy(self) -> float:
        """The share of positions whose output is right."""
        return self._right / max(self._places, 1)

    @property
    def loss(self) -> float:
        """The mean over positions."""
        return self._loss / max(self._places, 1)


def _portions(ids: np.ndarray) -> Iterator[np.ndarray]:
    yield from (ids[start : start + ROWS_AT_ONCE] for start in range(0, len(ids), ROWS_AT_ONCE))


def _cosine(found: Tensor, wanted: Tensor) -> Tensor:
    """Cosine similarities of rows [N, D], those left out where nothing is wanted."""
    some = wanted.norm(dim=-1) > TINY
    return functional.cosine_similarity(found[some], wanted[some], dim=-1)


def _mean(parts: list[Tensor]) -> float | None:
    values = torch.cat(parts)
    return float(values.mean()) if len(values) else None


def kept_variables(model: CompressedModel) -> tuple[KeptVariable, ...]:
    """What is left of each variable, and of the circuit's own dimensions."""
    gram = model.gram()
    norms = gram.diagonal()  # [D]
    shared = gram.square().sum(dim=1)  # [D]: ‖Wᵢ‖² Σⱼ (Ŵᵢ·Wⱼ)²
    own = torch.where(norms > TINY, norms.square() / shared.clamp(min=TINY**2), 0.0)
    return tuple(
        KeptVariable(
            group.label,
            group.size,
            tuple(norms[group.start : group.stop].tolist()),
            float(own[group.start : group.stop].sum()),
        )
        for group in dimensions(model.original)
        if group.label != BIAS
    )
