"""What the program answers under an intervention, and whether the student does.

Where answers are one output, a case is a whole prompt: the answer that the program gives there is
put behind it, and the student agrees where greedy decoding would write all of its tokens. Where
they are spelled, a case is one answer position of a row: the tokens before it are those of the
right answer, and the student agrees where its likeliest token is the symbol that the program gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from rinject.evaluate.probe.forward import predict, stream_after
from rinject.graph.tables import NONE
from rinject.inject.bundle import Bundle
from rinject.inject.rows import Rows, rows_of, written_outputs


@dataclass(frozen=True)
class Asked:
    """Rows to put before the student, and what it should answer."""

    rows: Rows
    kept: np.ndarray
    """int64 [b]: which of the original rows they are."""
    due: np.ndarray
    """int64 [b, T]: the token that should come next; -1 where none is asked for."""
    values: np.ndarray
    """int64 [b, T]: the index of the output that it writes; -1 where none is asked for."""


class Streams:
    """The student's streams on rows, kept for the layer that was asked for last."""

    def __init__(self, model: PreTrainedModel, rows: Rows) -> None:
        self.model, self.rows = model, rows
        self._kept: tuple[int, Tensor] | None = None

    def after(self, layer: int) -> Tensor:
        """float32 [B, T, D]"""
        if self._kept is None or self._kept[0] != layer:
            self._kept = layer, stream_after(self.model, self.rows, layer)
        return self._kept[1]


class Answers:
    """A bundle's program and student, asked about the same rows."""

    def __init__(self, bundle: Bundle, rows: Rows) -> None:
        """Raises InputError for rows that do not fit the program."""
        self.bundle, self.rows = bundle, rows
        self.header = bundle.program.header
        self.ids = bundle.targets.program_ids(rows)  # [B, t]
        self.values = bundle.graph.variable_values(self.ids)  # [B, t, V]
        self.output = bundle.graph.output_index
        self.streams = Streams(bundle.model, rows)

    @property
    def places(self) -> np.ndarray:
        """bool [B, T]: the answer positions, where the program's output is the answer."""
        if self.header.spelled:
            return self.rows.before_answer()
        return np.arange(self.rows.ids.shape[1]) == self.rows.prompt_lengths[:, None] - 1

    def asked(self, values: np.ndarray) -> Asked:
        """What should be answered where the program's variables [B, t, V] are these.

        Rows without an answer that can be written are left out.
        """
        outputs = values[..., self.output]  # [B, t]
        return self._spelled(outputs) if self.header.spelled else self._whole(outputs)

    def _whole(self, outputs: np.ndarray) -> Asked:
        ends = self.rows.prompt_lengths - 1  # [B]
        given = outputs[np.arange(len(outputs)), ends]  # [B]
        kept = np.flatnonzero([self._tokens[value] is not None for value in given])
        prompts = [self.rows.ids[row, : ends[row] + 1].tolist() for row in kept]
        rows = rows_of(prompts, [self._tokens[given[row]] or [] for row in kept])
        asked = rows.before_answer()  # [b, T]
        due, shown = np.full(rows.ids.shape, NONE), np.full(rows.ids.shape, NONE)
        due[asked] = rows.answers()
        shown[np.arange(len(kept)), ends[kept]] = given[kept]
        return Asked(rows, kept, due, shown)

    def _spelled(self, outputs: np.ndarray) -> Asked:
        asked = self.rows.before_answer()  # [B, T]
        due, shown = np.full(asked.shape, NONE), np.full(asked.shape, NONE)
        for row, at in zip(*np.nonzero(asked), strict=True):
            tokens = self._tokens[outputs[row, at]]
            if tokens is not None and len(tokens) == 1:
                due[row, at], shown[row, at] = tokens[0], outputs[row, at]
        return Asked(self.rows, np.arange(len(self.rows)), due, shown)

    def stream(self, asked: Asked, layer: int) -> Tensor:
        """float32 [b, T, D]: the student's stream after a layer where this is asked.

        Computed for those rows only that are not among the original ones.
        """
        known, rows = self.streams.after(layer), asked.rows
        if rows is self.rows:
            return known
        before = self.rows.take(asked.kept)
        width = min(rows.ids.shape[1], before.ids.shape[1])
        same = (rows.ids[:, :width] == before.ids[:, :width]).all(axis=1)
        same &= rows.lengths == before.lengths
        stream = known.new_zeros(*rows.ids.shape, known.shape[-1])  # [b, T, D]
        for own, found in (
            (np.flatnonzero(same), known[torch.from_numpy(asked.kept[same])]),
            (np.flatnonzero(~same), self._fresh(rows.take(~same), layer)),
        ):
            until = min(rows.ids.shape[1], found.shape[1])
            stream[torch.from_numpy(own), :until] = found[:, :until]
        return stream

    def _fresh(self, rows: Rows, layer: int) -> Tensor:
        if not len(rows):
            return self.streams.after(layer)[:0]
        return stream_after(self.bundle.model, rows, layer)

    def agrees(self, asked: Asked, layer: int, stream: Tensor) -> np.ndarray:
        """bool [cases]: whether the student answers as asked, its `stream` [b, T, D] there given.

        `layer` is the student's. Cases are in the order of :meth:`changed`.
        """
        said = predict(self.bundle.model, asked.rows, layer, stream).likeliest  # [b, T]
        wrong = (asked.due != NONE) & (said != asked.due)
        if self.header.spelled:
            return np.logical_not(wrong[asked.due != NONE])
        return np.logical_not(wrong.any(axis=1))

    def changed(self, asked: Asked) -> np.ndarray:
        """bool [cases]: whether the program answers there otherwise than without intervention."""
        is_case = asked.values != NONE
        row, at = np.nonzero(is_case)
        before = self.values[asked.kept[row], at, self.output]
        changed: np.ndarray = asked.values[is_case] != before
        return changed

    def prompts(self, asked: Asked) -> np.ndarray:
        """int64 [cases]: which of the rows each case belongs to."""
        row, _ = np.nonzero(asked.values != NONE)
        return asked.kept[row]

    @cached_property
    def _tokens(self) -> list[list[int] | None]:
        """For each value of the output, and last for none, the tokens that write it, if any do."""
        bundle = self.bundle
        values, ended = bundle.graph.output_node.values, bundle.record.settings.end_answers
        return [*written_outputs(self.header, values, bundle.reconciliation, ended=ended), None]
