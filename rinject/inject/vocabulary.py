"""The student's whole vocabulary as the program reads it, for an embedding that says no more.

A program knows a few symbols, a student thousands of tokens, most of which no example has. Where
the alignment shows only those of the examples, any other lies somewhere between their codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.graph import Graph
from rinject.graph.tables import NONE
from rinject.inject.targets import Targets
from rinject.inject.weighing import position_weights
from rinject.student import residual_streams
from rinject.tokens.reconciliation import UNMAPPED

MOST_TOKENS = 4096
"""Tokens of a step, besides those that write a symbol."""


@dataclass(frozen=True)
class PutTokens:
    """Tokens of the student, each put in the place of one at an aligned position."""

    ids: Tensor
    """int64 [K]"""
    at: Tensor
    """int64 [K]: the number of the aligned position, 0 to N - 1."""
    targets: Tensor
    """int64 [K, V]: value indices of the variables that tell a token; -1 of all others."""
    weights: Tensor
    """float32 [K, V]: what each counts, all values of a variable alike."""

    def each(self, change: Callable[[Tensor], Tensor]) -> PutTokens:
        """The same, with each tensor changed."""
        return PutTokens(*map(change, (self.ids, self.at, self.targets, self.weights)))

    def among(self, chosen: Tensor) -> PutTokens:
        """Those at some of the aligned positions, bool [N], where there are no others."""
        own = chosen[self.at]  # [K]
        numbers = chosen.cumsum(0) - 1  # [N]
        return replace(self, at=numbers[self.at]).each(lambda tensor: tensor[own])


class Vocabulary:
    """The tokens that the program has a symbol for."""

    def __init__(self, targets: Targets) -> None:
        """Raises InputError where no variable in the embedding tells one symbol from another."""
        reconciliation = targets.reconciliation
        values = symbol_values(targets.graph)[targets.places]  # [S, V]
        if (values == values[:1]).all():
            raise InputError(
                "--vocabulary: the program's embedding tells no symbols apart",
                hint="give --vocabulary 0",
            )
        symbols = reconciliation.symbol_of  # [student ids]
        own = {
            token
            for covered in reconciliation.coverage
            if covered.symbol != reconciliation.otherwise
            for token in covered.token_ids
        }
        self._own = np.array(sorted(own), dtype=np.int64)
        self._rest = np.setdiff1d(np.flatnonzero(symbols != UNMAPPED), self._own)
        self._values, self._symbols = values, symbols

    def drawn(self, aligned: int, chance: np.random.Generator) -> PutTokens:
        """Those that write a symbol, and others, no more than `MOST_TOKENS`, at any of so many
        aligned positions."""
        others = self._rest
        if len(others) > MOST_TOKENS:
            others = chance.choice(others, size=MOST_TOKENS, replace=False)
        ids = np.concatenate([self._own, others])  # [K]
        values = self._values[self._symbols[ids]]  # [K, V]
        return PutTokens(
            ids=torch.from_numpy(ids),
            at=torch.from_numpy(chance.integers(aligned, size=len(ids))),
            targets=torch.from_numpy(values),
            weights=torch.from_numpy(position_weights(values, balance=1.0)),
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
