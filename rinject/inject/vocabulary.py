"""All tokens of a student as the program reads them, for an embedding that says no more.

A program knows a few symbols, a student thousands of tokens, most of which no example has. Where
the alignment shows only those of the examples, any other lies somewhere between their codes, and a
student that adds codes up takes it for a part of one symbol and a part of another. So it does where
a token's embedding has something in the coordinates of variables that the program computes later.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.graph import Graph
from rinject.graph.tables import NONE
from rinject.inject.projection import Maps
from rinject.inject.subspaces import group_subspace, variable_subspace
from rinject.inject.targets import Targets
from rinject.student import residual_streams
from rinject.tokens import Reconciliation


class Vocabulary(nn.Module):
    """What the embedding should hold of every token."""

    def __init__(self, targets: Targets) -> None:
        """Raises InputError where no variable in the embedding tells one symbol from another."""
        super().__init__()
        reconciliation = targets.reconciliation
        by_symbol = symbol_values(targets.graph)[targets.places]  # [S, V]
        told = np.flatnonzero((by_symbol != by_symbol[:1]).any(axis=0))
        if not len(told):
            raise InputError(
                "--vocabulary: the program's embedding tells no symbols apart",
                hint="give --vocabulary 0",
            )
        self.readings = nn.ModuleList(
            Reading(reconciliation, by_symbol[:, one], int(one)) for one in told
        )

    @torch.no_grad()
    def settle(self, embedding: Tensor, maps: Maps, share: float) -> None:
        """Moves the code of every token in an embedding [tokens, D] by a share of its way."""
        for reading in self.readings:
            reading(embedding, maps, share)


class Reading(nn.Module):
    """What one variable in the embedding makes of the student's tokens."""

    tokens: Tensor
    """int64 [K]: those of which it has a value."""
    values: Tensor
    """int64 [K]: value indices."""
    scale: Tensor
    """float32 [values]: what makes a mean of the sum over the tokens of each value; 0 for the value
    of all tokens that write no symbol."""

    def __init__(
        self, reconciliation: Reconciliation, by_symbol: np.ndarray, variable: int
    ) -> None:
        """From what a variable, given by its place among the graph's, makes of each symbol [S]."""
        super().__init__()
        # every id has a symbol: a program that is injected says what all others become
        values = by_symbol[reconciliation.symbol_of]  # [student ids]
        tokens = np.flatnonzero(values != NONE)  # [K]
        scale = 1 / np.maximum(1, np.bincount(values[tokens]))  # [values]
        others = by_symbol[reconciliation.filler]
        if others != NONE:
            scale[others] = 0
        self.variable = variable
        self.register_buffer("tokens", torch.from_numpy(tokens), persistent=False)
        self.register_buffer("values", torch.from_numpy(values[tokens]), persistent=False)
        self.register_buffer("scale", torch.from_numpy(scale).float(), persistent=False)

    def forward(self, embedding: Tensor, maps: Maps, share: float) -> None:
        """Moves the code of this variable in an embedding [tokens, D].

        Where it goes is the mean of the tokens that write symbols of its value; for the value of
        those that write none it is 0, which stays what it is however wide the stream is.
        """
        code = variable_subspace(maps, maps.slices[self.variable], 0)
        codes = (embedding @ code.read)[self.tokens]  # [K, r]
        sums = codes.new_zeros(len(self.scale), code.rank).index_add_(0, self.values, codes)
        points = sums * self.scale[:, None]  # [values, r]
        change = points[self.values] - codes  # [K, r]
        embedding.index_add_(0, self.tokens, share * change @ code.write.mT)


def symbol_values(graph: Graph) -> np.ndarray:
    """int64 [symbols, V]: what each variable in the embedding makes of each symbol of the graph's
    vocabulary; -1 where it has no value, and of variables of later layers and such as depend on the
    position."""
    symbols = np.arange(len(graph.vocab))
    ids = np.repeat(symbols[:, None], graph.max_seq_len, axis=1)  # [symbols, T]
    values = graph.variable_values(ids).astype(np.int64)  # [symbols, T, V]
    at_once = np.array([one.layer == 0 for one in graph.variables])  # [V]
    tells = at_once & (values == values[:, :1]).all(axis=(0, 1))  # [V]
    return np.where(tells, values[:, 0], NONE)


@torch.no_grad()
def clear_later(embedding: Tensor, maps: Maps, share: float) -> None:
    """Takes from every token of an embedding [tokens, D] a share of what it has in the codes of
    variables of later layers.

    The compiled model has nothing there. What a student has there can be added up by whatever reads
    such a variable, whether the program does or not. Without such variables nothing changes.
    """
    later = group_subspace(maps, [one for one in maps.slices if one.layer], 0)
    embedding -= share * later.part(embedding)  # [tokens, D]


@torch.no_grad()
def check_embedding(model: PreTrainedModel, flag: str) -> None:
    """Raises InputError, naming the flag that needs it, where the stream that enters the first
    block is not a token's embedding and what its position adds."""
    ids = torch.tensor([[0], [1]], device=model.device)
    streams = residual_streams(model, ids, layers=[0])[0]  # [2, 1, D]
    embedded = model.get_input_embeddings()(ids)  # [2, 1, D]
    if embedded.shape == streams.shape:
        added = (streams - embedded).float()
        rounding = 4 * torch.finfo(streams.dtype).eps * float(streams.abs().max())
        if torch.allclose(added[0], added[1], rtol=0, atol=max(1e-6, rounding)):
            return
    raise InputError(
        f"{flag}: this student's stream does not begin with the embedding of a token",
        hint=f"give {flag} 0",
    )
