"""All tokens of a student as the program reads them, for an embedding that says no more.

A program knows a few symbols, a student thousands of tokens, most of which no example has. Where
the alignment shows only those of the examples, any other lies somewhere between their codes, and a
student that adds codes up takes it for a part of one symbol and a part of another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.graph import Graph
from rinject.graph.tables import NONE
from rinject.inject.projection import Maps
from rinject.inject.subspaces import variable_subspace
from rinject.inject.targets import Targets
from rinject.student import residual_streams
from rinject.tokens import Reconciliation


@dataclass(frozen=True)
class Reading:
    """What one variable in the embedding makes of the student's tokens."""

    variable: int
    """Its place among the graph's variables."""
    tokens: Tensor
    """int64 [K]: those of which it has a value."""
    values: Tensor
    """int64 [K]: value indices."""
    means: Tensor
    """float32 [values, K]: how to average the tokens that write a symbol of each value; 0 for the
    value of all tokens that write none."""


class Vocabulary:
    """What the embedding should hold of every token."""

    def __init__(self, targets: Targets) -> None:
        """Raises InputError where no variable in the embedding tells one symbol from another."""
        reconciliation = targets.reconciliation
        by_symbol = symbol_values(targets.graph)[targets.places]  # [S, V]
        told = np.flatnonzero((by_symbol != by_symbol[:1]).any(axis=0))
        if not len(told):
            raise InputError(
                "--vocabulary: the program's embedding tells no symbols apart",
                hint="give --vocabulary 0",
            )
        self.readings = [_reading(reconciliation, by_symbol[:, one], int(one)) for one in told]

    @torch.no_grad()
    def settle(self, embedding: Tensor, maps: Maps, share: float) -> None:
        """Moves the code of every token in an embedding [tokens, D] by a share of its way.

        Where it goes is the mean of the tokens that write symbols of its value; for the value of
        those that write none it is 0, which stays what it is however wide the stream is.
        """
        for reading in self.readings:
            code = variable_subspace(maps, maps.slices[reading.variable], 0)
            tokens, values = (one.to(embedding.device) for one in (reading.tokens, reading.values))
            codes = embedding[tokens] @ code.read  # [K, r]
            points = reading.means.to(embedding.device) @ codes  # [values, r]
            change = points[values] - codes  # [K, r]
            embedding.index_add_(0, tokens, share * change @ code.write.mT)


def _reading(reconciliation: Reconciliation, by_symbol: np.ndarray, variable: int) -> Reading:
    """From what a variable makes of each symbol [S]."""
    values = by_symbol[reconciliation.symbol_of]  # [student ids]; none is without a symbol
    tokens = np.flatnonzero(values != NONE)  # [K]
    values = values[tokens]
    writes = values != by_symbol[reconciliation.filler]  # [K]
    means = np.equal.outer(np.arange(values.max() + 1), values) & writes  # [values, K]
    counts = np.maximum(1, means.sum(axis=1, keepdims=True))
    return Reading(
        variable,
        torch.from_numpy(tokens),
        torch.from_numpy(values),
        torch.from_numpy((means / counts).astype(np.float32)),
    )


def symbol_values(graph: Graph) -> np.ndarray:
    """int64 [symbols, V]: what each variable in the embedding makes of each symbol of the graph's
    vocabulary; -1 of variables that depend on the position, and of those of later layers."""
    symbols = np.arange(len(graph.vocab))
    ids = np.repeat(symbols[:, None], graph.max_seq_len, axis=1)  # [symbols, T]
    values = graph.variable_values(ids).astype(np.int64)  # [symbols, T, V]
    at_once = np.array([one.layer == 0 for one in graph.variables])  # [V]
    tells = at_once & (values == values[:, :1]).all(axis=(0, 1))  # [V]
    return np.where(tells, values[:, 0], NONE)


@torch.no_grad()
def check_embedding(model: PreTrainedModel) -> None:
    """Raises InputError where the stream that enters the first block is not a token's embedding and
    what its position adds."""
    ids = torch.tensor([[0], [1]], device=model.device)
    streams = residual_streams(model, ids, layers=[0])[0]  # [2, 1, D]
    embedded = model.get_input_embeddings()(ids)  # [2, 1, D]
    added = streams - embedded
    if not torch.allclose(added[0], added[1], atol=1e-3 * float(streams.abs().max())):
        raise InputError(
            "--vocabulary: this student's stream does not begin with the embedding of a token",
            hint="give --vocabulary 0",
        )
