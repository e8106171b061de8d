"""A compiled model whose residual stream is narrower: every layer reads and writes through W.

Where the compiled model has a stream x of D dimensions, this one has z = x W of d, with one matrix
W [D, d] for all layers: embeddings are e W, a layer f reads z Wᵀ and adds f(z Wᵀ) W, and outputs
are read from z Wᵀ. W is learned (:mod:`rinject.circuit.compression`); no other weight changes.

Source of the construction: Lindner et al., "Tracr" (arXiv 2301.05062), section 5.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rinject.circuit.model import CompiledModel, read_slot
from rinject.circuit.saving import RECORD
from rinject.circuit.transformer import Layer, Transformer
from rinject.errors import InputError
from rinject.placing import placed

FILE = "compressed.safetensors"
ORIGINAL = "original"  # the directory of the compiled model
SCHEMA = 1
EMBEDDING = "embedding"


@dataclass(frozen=True, eq=False)
class CompressedModel:
    """A compiled model, and the matrix that embeds its residual stream in fewer dimensions."""

    original: CompiledModel
    embedding: Tensor
    """W, float32 [D, d]."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """How W was made, as JSON values; empty where that is not known."""

    @property
    def width(self) -> int:
        """d, of the compressed residual stream."""
        return self.embedding.shape[1]

    @cached_property
    def transformer(self) -> Transformer:
        """An ordinary transformer of width d: W is multiplied into all weights."""
        return folded(self.original.transformer, self.embedding)

    def run(self, tokens: Sequence[Any]) -> list[Any]:
        """What the compressed model outputs at each token; see :meth:`CompiledModel.run`."""
        return self.run_batch([tokens])[0]

    def run_batch(self, inputs: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """As :meth:`run` for inputs of any lengths together."""
        graph = self.original.graph
        ids = torch.from_numpy(graph.encode(inputs))  # [B, T]
        if not ids.numel():
            return [[] for _ in inputs]
        slot = self.original.layout.slot(graph.output)
        outputs: list[list[Any]] = []
        for rows in self.transformer.batches(ids):
            final = self.transformer.final(rows)[:, 1:]  # [rows, T, d]
            outputs += read_slot(slot, self.expanded(final))
        return [row[: len(tokens)] for row, tokens in zip(outputs, inputs, strict=True)]

    def residuals(self, ids: np.ndarray) -> list[Tensor]:
        """The residual streams [B, T, d] of encoded inputs [B, T], BOS left out.

        Entry 0 is the embedding, entry i the stream after layer i.
        """
        return [stream[:, 1:] for stream in self.transformer.residuals(torch.from_numpy(ids))]

    def expanded(self, stream: Tensor) -> Tensor:
        """z Wᵀ [..., D] of a compressed stream [..., d]: what layers read."""
        return stream @ self.embedding.T

    def gram(self) -> Tensor:
        """W Wᵀ [D, D]: how far each dimension is kept (diagonal), and mixed with others."""
        return self.embedding @ self.embedding.T

    def save(self, directory: str | Path) -> None:
        """Write the model and the one it was made of; an older one is replaced when all is written.

        Raises InputError where the directory holds anything else.
        """
        header = {"schema": SCHEMA, "about": dict(self.about)}
        with placed(directory, FILE) as new:
            self.original.save(new / ORIGINAL)
            tensors = {EMBEDDING: self.embedding.contiguous()}
            save_file(tensors, new / FILE, metadata={"rinject": json.dumps(header)})
            shutil.copymode(new / ORIGINAL / RECORD, new / FILE)  # else the owner's alone

    @classmethod
    def load(cls, directory: str | Path) -> CompressedModel:
        """Read what :meth:`save` wrote. Raises InputError when it is missing or damaged."""
        path = Path(directory) / FILE
        if not path.is_file():
            raise InputError(
                f"there is no compressed model in {directory}", hint="make one: rinject compress"
            )
        original = CompiledModel.load(Path(directory) / ORIGINAL)
        try:
            with safe_open(path, "pt") as file:
                header = json.loads(file.metadata()["rinject"])
                embedding = file.get_tensor(EMBEDDING)
            schema, about = int(header["schema"]), dict(header["about"])
            _check_shape(embedding, original)
        except (SafetensorError, OSError, LookupError, TypeError, ValueError) as error:
            raise InputError(
                f"{path} is damaged ({type(error).__name__}: {error})", hint="compress it again"
            ) from error
        if schema > SCHEMA:
            raise InputError(
                f"this model was saved in a newer format ({schema}, known is {SCHEMA})",
                hint="update rinject",
            )
        return cls(original, embedding, about)


def _check_shape(embedding: Tensor, original: CompiledModel) -> None:
    shape = tuple(embedding.shape)
    if len(shape) != 2 or shape[0] != original.residual_width:
        raise ValueError(f"W is {shape}, the residual stream has {original.residual_width}")


def folded(transformer: Transformer, embedding: Tensor) -> Transformer:
    """The transformer of width d that reads and writes through W [D, d]."""
    return replace(
        transformer,
        token_embedding=transformer.token_embedding @ embedding,
        position_embedding=transformer.position_embedding @ embedding,
        layers=tuple(_folded_layer(layer, embedding) for layer in transformer.layers),
    )


def _folded_layer(layer: Layer, embedding: Tensor) -> Layer:
    return replace(
        layer,
        query=embedding.T @ layer.query,  # [H, d, E]
        key=embedding.T @ layer.key,
        value=embedding.T @ layer.value,
        output=layer.output @ embedding,  # [H, V, d]
        output_bias=layer.output_bias @ embedding,
        hidden=embedding.T @ layer.hidden,  # [d, F]
        mlp_output=layer.mlp_output @ embedding,  # [F, d]
        mlp_output_bias=layer.mlp_output_bias @ embedding,
    )
