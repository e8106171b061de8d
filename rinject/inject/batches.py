"""The batch of each training step, a pure function of the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from rinject.errors import InputError
from rinject.inject.randomness import generator
from rinject.inject.rarity import rarity
from rinject.inject.rows import Rows, encode_all
from rinject.inject.settings import InjectSettings
from rinject.inject.targets import Targets
from rinject.tokens import Reconciliation

STEPS_AHEAD = 32  # the graph is evaluated for so many steps at once


@dataclass(frozen=True)
class Batch:
    """Task rows and text rows, each in a rectangle of their own: prompts are short, and the text
    should reach as far as the contexts on which perplexity is measured. Places are flat positions
    of the task rows."""

    ids: Tensor
    """int64 [B, T]: the task rows."""
    answer_places: Tensor
    """int64 [M]: the positions that predict an answer token."""
    answers: Tensor
    """int64 [M]: those answer tokens."""
    prompt_places: Tensor
    """int64 [N]: the positions of the prompts."""
    targets: Tensor
    """int64 [N, V]: value indices of the variables there, -1 where a variable has no value."""
    text_ids: Tensor
    """int64 [text rows, text tokens]; empty on a step without text."""
    tokens: int
    """Tokens of task and text, fillers not counted."""

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        moved = {name: value.to(device) for name, value in vars(self).items() if _is_tensor(value)}
        return Batch(**(vars(self) | moved))


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


class Batches:
    """All batches of a run."""

    def __init__(
        self, examples: Rows, text_ids: np.ndarray, targets: Targets, settings: InjectSettings
    ) -> None:
        """Takes all examples as rows [E, T] and all text as one row of ids.

        Raises InputError when there is too little text or no example.
        """
        if not len(examples):
            raise InputError("the task has no example to train on")
        if len(text_ids) <= settings.text_tokens:
            raise InputError(
                f"the text has {len(text_ids)} tokens, fewer than --text-tokens"
                f" ({settings.text_tokens})"
            )
        self.examples, self.text_ids = examples, text_ids
        self.targets, self.settings = targets, settings
        self._worth = self._rarity() if settings.rare else None  # [E]
        self._ahead: tuple[int, list[np.ndarray]] = (-1, [])
        self._order: tuple[int, np.ndarray] = (-1, np.arange(0))

    def at(self, step: int) -> Batch:
        """The batch of one step, steps counted from 0."""
        rows = self.task_rows(step)
        windows = self.text_windows(step)  # [text rows, text tokens]
        width = rows.ids.shape[1]
        return Batch(
            ids=torch.from_numpy(rows.ids),
            answer_places=_flat(np.nonzero(rows.before_answer()), width),
            answers=torch.from_numpy(rows.answers()),
            prompt_places=_flat(np.nonzero(rows.in_prompt()), width),
            targets=torch.from_numpy(self._values(step)),
            text_ids=torch.from_numpy(windows),
            tokens=int(rows.lengths.sum()) + windows.size,
        )

    def has_text(self, step: int) -> bool:
        """Whether the step computes L_KL."""
        return step % self.settings.kl_every == 0

    def task_rows(self, step: int) -> Rows:
        """The examples of one step; once all were seen, they come again in another order."""
        return self.examples.take(self._chosen(step))

    def text_windows(self, step: int) -> np.ndarray:
        """int64 [text rows, text tokens]: windows at random places of the text."""
        rows, length = self.settings.text_rows, self.settings.text_tokens
        if not self.has_text(step):
            return np.empty((0, 0), dtype=np.int64)
        chance = generator(self.settings.seed, "text windows", step)
        starts = chance.integers(len(self.text_ids) - length + 1, size=rows)
        return self.text_ids[starts[:, None] + np.arange(length)]

    def _chosen(self, step: int) -> np.ndarray:
        """int64 [task rows]: the examples of one step."""
        count = self.settings.task_rows
        chosen = self._examples(step * count, count)
        if self._worth is not None:
            chance = generator(self.settings.seed, "rare examples", step)
            for_rare = chance.random(count) < self.settings.rare
            drawn = chance.choice(len(self.examples), size=count, p=self._worth)
            chosen = np.where(for_rare, drawn, chosen)
        return chosen

    def _rarity(self) -> np.ndarray:
        size = STEPS_AHEAD * self.settings.task_rows
        starts = range(0, len(self.examples), size)
        parts = [self.examples.take(slice(start, start + size)) for start in starts]
        values = np.concatenate([self.targets.values(part) for part in parts])  # [N, V]
        return rarity(values, self.examples.prompt_lengths)

    def _examples(self, first: int, count: int) -> np.ndarray:
        """int64 [count]: which examples have the running numbers from `first` on."""
        rounds, places = np.divmod(np.arange(first, first + count), len(self.examples))
        return np.array([self._round(int(r))[p] for r, p in zip(rounds, places, strict=True)])

    def _round(self, number: int) -> np.ndarray:
        if self._order[0] != number:
            chance = generator(self.settings.seed, "order of examples", number)
            self._order = number, chance.permutation(len(self.examples))
        return self._order[1]

    def _values(self, step: int) -> np.ndarray:
        """int64 [N, V]: the targets of one step."""
        block, place = divmod(step, STEPS_AHEAD)
        if self._ahead[0] != block:
            self._ahead = block, self._block(block)
        return self._ahead[1][place]

    def _block(self, block: int) -> list[np.ndarray]:
        size = self.settings.task_rows
        steps = range(block * STEPS_AHEAD, (block + 1) * STEPS_AHEAD)
        rows = self.examples.take(np.concatenate([self._chosen(step) for step in steps]))
        ends = rows.prompt_lengths.reshape(STEPS_AHEAD, size).sum(axis=1).cumsum()
        return np.split(self.targets.values(rows), ends[:-1])


def text_ids(texts: Sequence[str], reconciliation: Reconciliation) -> np.ndarray:
    """All texts as one row of student ids [K], an end-of-text token after each."""
    end = reconciliation.tokenizer.eos_token_id
    tail = [] if end is None else [end]
    pages = ([*ids, *tail] for ids in encode_all(reconciliation, list(texts)))
    return np.fromiter(chain.from_iterable(pages), dtype=np.int64)


def _flat(places: tuple[np.ndarray, ...], width: int) -> Tensor:
    rows, columns = places
    return torch.from_numpy((rows * width + columns).reshape(-1))
