"""What is minimized: the losses of a batch, as a module of the student and its maps.

One module and one call for each step, so that whatever wraps modules (data parallelism, sharding)
sees a single forward pass.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rinject.inject.batches import Batch
from rinject.inject.codes import TrainedMaps
from rinject.inject.forward import flat, logits_at
from rinject.inject.interchange import LayerSwaps, SwappedPart, swapped_part, swapped_stream
from rinject.inject.losses import (
    SliceError,
    answer_loss,
    cosine_alignment,
    cosine_within,
    cross_entropy_within,
    held_to_points,
    kl_to_teacher,
    slice_alignment,
)
from rinject.inject.projection import Maps
from rinject.inject.roll import (
    Roll,
    kept_subspace,
    roll_around,
    roll_rows,
    set_in_others,
    set_in_text,
)
from rinject.inject.rows import FILLER
from rinject.inject.settings import InjectSettings
from rinject.inject.subspaces import Subspace
from rinject.inject.vocabulary import Vocabulary, clear_later
from rinject.student import capture_streams, rewrite_stream

SLICE_ERRORS: dict[str, SliceError] = {
    "slice": cross_entropy_within,
    "slice-cosine": cosine_within,
}
MOST_FILLERS = {"cpu": 1.05, "cuda": 1.5}
"""Task and text rows share a forward pass where that makes at most so many times the positions of
two passes. A CPU pays for every position, a GPU as much for starting each of a pass's kernels."""


@dataclass(frozen=True)
class Seen:
    """What a forward pass yields where a loss needs it."""

    answered: Tensor
    """[M, vocabulary]: logits at the positions that predict an answer token."""
    streams: Tensor
    """[L, N, D]: the aligned streams at the aligned positions."""
    written: Tensor | None
    """[K, vocabulary]: logits on the text; None without text."""


class Objective(nn.Module):
    """L_CE, L_ALG and L_KL of a batch (arXiv 2505.10719, section 3).

    For the baseline the maps are a probe: they learn to read the streams, which get no gradient
    from them, so that fidelity and decoding work there too.
    """

    def __init__(
        self,
        student: PreTrainedModel,
        projection: TrainedMaps,
        teacher: nn.Module,
        *,
        layers: Sequence[int],
        output: str,
        shares: Tensor,
        settings: InjectSettings,
        roll: Roll = roll_rows,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        """`layers` are the student's layers aligned with each compiled stream, `output` the
        variable that the program computes, `shares` [V, L] what a variable counts at each,
        `vocabulary` what the embedding should hold of each token; None leaves it."""
        super().__init__()
        self.student = student
        self.projection = projection
        self.shares: Tensor
        self.register_buffer("shares", shares, persistent=False)
        self.layers, self.output, self.settings = tuple(layers), output, settings
        self._teacher = (teacher,)  # in a tuple: it is no part of what is trained
        self._roll, self._vocabulary = roll, vocabulary
        self._captured: dict[int, Tensor] = {}
        self._text_streams: dict[int, Tensor] = {}  # by layer, where the text went before
        self._kept: dict[int, Subspace] = {}  # of each aligned stream that is rolled around it
        self._task_rows = 0
        self._are_rolled: dict[int, Tensor] = {}  # bool [task rows], of streams where not all are
        self._rest: Tensor | None = None  # as of a batch, in rows as wide as the forward pass's
        self._swaps: dict[int, LayerSwaps] = {}  # in rows as wide as those of the forward pass
        self._swapped_parts: dict[int, list[SwappedPart]] = {}  # of each of them

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Within the block the student's streams are reached."""
        with ExitStack() as hooks:
            self._captured = hooks.enter_context(capture_streams(self.student, self.layers))
            for stream in range(len(self.layers)) if self.settings.is_interchange else ():
                swap = partial(self._swapped, stream)
                hooks.enter_context(rewrite_stream(self.student, self.layers[stream], swap))
            for stream in self._rolled_streams:
                roll = partial(self._rolled, stream)
                hooks.enter_context(rewrite_stream(self.student, self.layers[stream], roll))
            yield

    def forward(self, batch: Batch | Callable[[], Any]) -> Any:
        """`answer`, `alignment` and, on a step with text, `text`: unweighted; see `hooked`.

        Given a function, what that yields, for reading weights that are whole only in here.
        """
        return self._losses(batch) if isinstance(batch, Batch) else batch()

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        maps = self.projection.maps()
        variable = self.output if self.settings.roll == "final-result" else None
        last = len(self.layers) - 1
        self._kept = {
            at: kept_subspace(maps, variable if at == last else None, at)
            for at in self._rolled_streams
        }
        self._are_rolled = dict(enumerate(batch.strict)) if batch.strict is not None else {}
        if batch.rolled is not None:
            self._are_rolled[last] = batch.rolled
        self._swapped_parts = {
            one.layer: [swapped_part(maps, swap) for swap in one.swaps] for one in batch.swaps
        }
        seen = self._jointly(batch) if self._is_joint(batch) else self._apart(batch)
        losses = {
            "answer": answer_loss(seen.answered, batch.answers, batch.answer_weights),
            "alignment": self._alignment(maps, seen.streams, batch),
        }
        if seen.written is not None:
            losses["text"] = kl_to_teacher(seen.written, self._taught(batch), batch.text_count)
        return losses

    def weights(self) -> dict[str, float]:
        """The weight of each loss in the sum."""
        settings = self.settings
        return {
            "answer": settings.alpha,
            "alignment": 1.0 if settings.is_baseline else settings.beta,
            "text": settings.gamma * settings.kl_every,
        }

    @torch.no_grad()
    def pull_back(self, shares: Mapping[Tensor, float]) -> None:
        """Moves each of these parameters of the student by a share of its way to the teacher's.

        The L2-SP penalty of Li et al., "Explicit inductive bias for transfer learning with
        convolutional networks" (2018), decoupled from the gradient as in AdamW.
        """
        (teacher,) = self._teacher
        for own, former in zip(self.student.parameters(), teacher.parameters(), strict=True):
            if own in shares:
                own.lerp_(former.to(own.dtype), shares[own])

    @torch.no_grad()
    def settle_vocabulary(self) -> None:
        """Moves the tokens of the embedding to the codes of their symbols, and away from those of
        later variables, if the settings do."""
        settings = self.settings
        if self._vocabulary is None and not settings.clears_later:
            return
        embedding = cast(nn.Embedding, self.student.get_input_embeddings()).weight
        maps = self.projection.maps()
        if self._vocabulary is not None:
            self._vocabulary.settle(embedding, maps, settings.vocabulary)
        if settings.clears_later:
            clear_later(embedding, maps, settings.clear_later)

    # --- the forward pass -------------------------------------------------------------------------

    def _is_joint(self, batch: Batch) -> bool:
        if not batch.text_ids.numel():
            return False
        if self.settings.forward == "auto":
            (rows, width), (texts, length) = batch.ids.shape, batch.text_ids.shape
            most = MOST_FILLERS.get(batch.ids.device.type, 1.0)
            return (rows + texts) * max(width, length) <= most * (rows * width + texts * length)
        return self.settings.forward != "apart"

    def _jointly(self, batch: Batch) -> Seen:
        (rows, width), (texts, length) = batch.ids.shape, batch.text_ids.shape
        wide = max(width, length)
        ids = batch.ids.new_full((rows + texts, wide), FILLER)
        ids[:rows, :width], ids[rows:, :length] = batch.ids, batch.text_ids
        places = torch.arange(texts * length, device=ids.device)
        texts_at = rows * wide + _widened(places, length, wide)  # [K]
        answers_at = _widened(batch.answer_places, width, wide)  # [M]
        self._swaps = {one.layer: one.moved(width, wide) for one in batch.swaps}
        self._rest = None if batch.rest is None else _widened(batch.rest, width, wide)
        logits = self._logits(ids, rows, torch.cat([answers_at, texts_at]), batch.shifts)
        return Seen(
            answered=logits[: len(answers_at)],
            streams=self._streams(_widened(batch.aligned_places, width, wide)),
            written=logits[len(answers_at) :],
        )

    def _apart(self, batch: Batch) -> Seen:
        written = None
        if batch.text_ids.numel():
            self._task_rows = 0
            written = flat(self.student(input_ids=batch.text_ids, use_cache=False).logits)
            self._text_streams = dict(self._captured)
        self._swaps = {one.layer: one for one in batch.swaps}
        self._rest = batch.rest
        rows = len(batch.ids)
        answered = self._logits(batch.ids, rows, batch.answer_places, batch.shifts)
        self._text_streams = {}
        return Seen(answered, self._streams(batch.aligned_places), written)

    def _logits(self, ids: Tensor, task_rows: int, places: Tensor, shifts: Tensor | None) -> Tensor:
        """Logits [M, vocabulary] at flat places [M] of rows [B, T] that begin with task rows.

        Rows are filled up on the right: under causal attention that needs no mask. Task rows begin
        at the positions `shifts`, text at 0.
        """
        self._task_rows = task_rows
        moved = {} if shifts is None else {"position_ids": _positions(ids, shifts)}
        with logits_at(self.student, places):
            logits: Tensor = self.student(input_ids=ids, use_cache=False, **moved).logits
        return logits[0]

    def _streams(self, places: Tensor) -> Tensor:
        """The aligned streams [L, N, D] of the last forward pass at flat places [N]."""
        found = [flat(self._captured[layer]).index_select(0, places) for layer in self.layers]
        return torch.stack(found)

    @property
    def _rolled_streams(self) -> range:
        """The aligned streams around whose symbolic subspace the rest is rolled."""
        settings, last = self.settings, len(self.layers) - 1
        if settings.is_baseline:
            return range(0)
        first = 0 if settings.strict_share else last
        return range(first, last if settings.roll == "none" else last + 1)

    def _rolled(self, place: int, stream: Tensor) -> Tensor:
        """The aligned stream [B, T, D] of that place with its task rows rolled."""
        rows = self._task_rows
        if not rows:
            return stream
        task, beside = stream[:rows], stream[rows:]
        rolled = self._kept_alone(place, task, beside)
        if place in self._are_rolled:
            rolled = torch.where(self._are_rolled[place][:, None, None], rolled, task)
        return torch.cat([rolled, beside])

    def _kept_alone(self, place: int, task: Tensor, beside: Tensor) -> Tensor:
        """The task rows [B, T, D] with all that is not kept from other rows, or from text: that
        which went before, or lies beside them [K, T, D]."""
        if self.settings.roll_from == "text":
            text = self._text_streams.get(self.layers[place], beside)
            if len(text):
                text = text[:, : self.settings.text_tokens]  # fillers follow
                return set_in_text(task, text, self._kept[place])
        if self._rest is not None:
            return set_in_others(task, self._rest, self._kept[place])
        return roll_around(task, self._kept[place], self._roll)

    def _swapped(self, place: int, stream: Tensor) -> Tensor:
        """The aligned stream [B, T, D] of that place with the interventions on it, if any."""
        rows, own = self._task_rows, self._swaps.get(place)
        if not rows or own is None:
            return stream
        parts = zip(own.swaps, self._swapped_parts[place], strict=True)
        return torch.cat([swapped_stream(stream[:rows], parts), stream[rows:]])

    # --- the losses -------------------------------------------------------------------------------

    def _alignment(self, maps: Maps, streams: Tensor, batch: Batch) -> Tensor:
        if self.settings.is_baseline:
            streams = streams.detach()
        targets = self._by_stream(batch.swaps, batch.targets, batch.swapped_targets)
        if self.settings.alignment == "cosine":
            return cosine_alignment(maps, streams, targets, batch.aligned_count)
        weights = self._by_stream(batch.swaps, batch.weights, batch.swapped_weights)
        digital = 0.0 if self.settings.is_baseline else self.settings.digital  # a probe: any code
        error = held_to_points(SLICE_ERRORS[self.settings.alignment], digital)
        return slice_alignment(maps, streams, targets, weights, self.shares, error)

    def _by_stream(
        self, swaps: Sequence[LayerSwaps], before: Tensor, after: Tensor | None
    ) -> Tensor:
        """[L, N, V]: for each stream what holds under the swaps on earlier ones, of `after`
        [S, N, V]; up to the first of them `before` [N, V]. That alone where there are none."""
        if after is None:
            return before
        layers = [one.layer for one in swaps]
        passed = [bisect_left(layers, place) for place in range(len(self.layers))]
        return torch.cat([before[None], after])[passed]

    @torch.no_grad()
    def _taught(self, batch: Batch) -> Tensor:
        """The teacher's logits [K, vocabulary] on the text rows."""
        (teacher,) = self._teacher
        return flat(teacher(input_ids=batch.text_ids, use_cache=False).logits)


def _positions(ids: Tensor, shifts: Tensor) -> Tensor:
    """int64 [B, T]: the positions of rows of which the first begin at `shifts`, the others at 0."""
    rows, width = ids.shape
    starts = nn.functional.pad(shifts, (0, rows - len(shifts)))  # [B]
    return starts[:, None] + torch.arange(width, device=ids.device)


def _widened(places: Tensor, width: int, wide: int) -> Tensor:
    """Flat places in rows of one width as those in wider rows."""
    return places if width == wide else places + places // width * (wide - width)
