"""The batch of each training step, a function of the step and of what was read wrong before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rinject.errors import InputError
from rinject.inject.combinations import Combinations
from rinject.inject.interchange import LayerSwaps
from rinject.inject.interventions import Intervened, Interventions
from rinject.inject.randomness import generator
from rinject.inject.rarity import ErrorHistory, Errors, Rarity, ValueWorth, worth_of_errors
from rinject.inject.rows import Rows, encode_all, end_tokens
from rinject.inject.settings import InjectSettings
from rinject.inject.swap_places import rest_of_others
from rinject.inject.targets import Targets
from rinject.inject.weighing import position_weights, token_weights
from rinject.tokens import Reconciliation

STEPS_AHEAD = 32  # the graph is evaluated for so many steps at once


@dataclass(frozen=True)
class Batch:
    """Task rows and text rows, or one process's part of them. Places are flat positions of the
    task rows. Counts are those of the whole batch, so that the parts' losses add up."""

    ids: Tensor
    """int64 [B, T]: the task rows."""
    answer_places: Tensor
    """int64 [M]: the positions that predict an answer token."""
    answers: Tensor
    """int64 [M]: those answer tokens."""
    answer_weights: Tensor
    """float32 [M]: what each counts."""
    aligned_places: Tensor
    """int64 [N]: the positions whose streams are aligned."""
    targets: Tensor
    """int64 [N, V]: value indices of the variables there, -1 where a variable has no value."""
    weights: Tensor
    """float32 [N, V]: what each position counts for each variable."""
    text_ids: Tensor
    """int64 [text rows, text tokens]; empty on a step without text."""
    aligned_count: int
    text_count: int
    tokens: int
    """Tokens of task and text, fillers not counted."""
    shifts: Tensor | None = None
    """int64 [B]: the position at which each task row begins; None where all begin at 0."""
    rolled: Tensor | None = None
    """bool [B]: the task rows whose last aligned stream is rolled, if not all."""
    strict: Tensor | None = None
    """bool [L - 1, B]: which task rows keep the variables' codes alone, at each aligned stream
    before the last; None where that is none of them."""
    rest: Tensor | None = None
    """int64 [2, R]: positions of the task rows and, for each, where what the roll does not keep
    comes from; None where it comes from the same position of the row before."""
    swaps: tuple[LayerSwaps, ...] = ()
    """The interventions on the task rows, if any, in the order of their streams; the answers are
    those that they lead to."""
    swapped_targets: Tensor | None = None
    """int64 [S, N, V]: the targets of the streams after each of them."""
    swapped_weights: Tensor | None = None
    """float32 [S, N, V]: the weights that belong to them."""

    def to(self, device: torch.device) -> Batch:
        """The batch on a device; copies run beside the computation where the memory is pinned."""
        return self._with(lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self) -> Batch:
        """The batch in memory from which a GPU copies by itself."""
        return self._with(Tensor.pin_memory)

    def _with(self, change: Callable[[Tensor], Tensor]) -> Batch:
        tensors = {name: one for name, one in vars(self).items() if isinstance(one, Tensor)}
        changed: dict[str, Any] = {name: change(one) for name, one in tensors.items()}
        return replace(self, **changed)

    def part(self, rank: int, processes: int) -> Batch:
        """The rows of one of several processes, which each take as many."""
        rows, width = self.ids.shape
        size = rows // processes
        answered = self.answer_places // width // size == rank  # [M]
        aligned = self.aligned_places // width // size == rank  # [N]
        start = rank * size * width
        return replace(
            self,
            ids=self.ids.view(processes, size, width)[rank],
            answer_places=self.answer_places[answered] - start,
            answers=self.answers[answered],
            answer_weights=self.answer_weights[answered],
            aligned_places=self.aligned_places[aligned] - start,
            targets=self.targets[aligned],
            weights=self.weights[aligned],
            text_ids=self.text_ids.chunk(processes)[rank] if self.text_count else self.text_ids,
            shifts=None if self.shifts is None else self.shifts.view(processes, size)[rank],
            rolled=None if self.rolled is None else self.rolled.view(processes, size)[rank],
            strict=None if self.strict is None else self.strict.view(-1, processes, size)[:, rank],
        )


class Batches:
    """All batches of a run."""

    def __init__(
        self,
        examples: Rows,
        text_ids: np.ndarray,
        targets: Targets,
        settings: InjectSettings,
        interventions: Interventions | None = None,
        combinations: Combinations | None = None,
    ) -> None:
        """Takes all examples as rows [E, T] and all text as one row of ids. The `errors`
        that are added on the way say which values are sought, where the settings say so, and a
        share of the rare examples is drawn for `combinations`.

        Raises InputError when there is too little text or no example.
        """
        if not len(examples):
            raise InputError("the task has no example to train on")
        if len(text_ids) < settings.text_tokens:
            raise InputError(
                f"the text has {len(text_ids)} tokens, fewer than --text-tokens"
                f" ({settings.text_tokens})"
            )
        self.examples, self.text_ids = examples, text_ids
        self.targets, self.settings, self.interventions = targets, settings, interventions
        self.errors = ErrorHistory()
        asks_rarity = settings.rare or settings.seeks_rare_swaps
        self._rarity = self._rarity_of_examples() if asks_rarity else None
        self._combined = None if combinations is None else combinations.worth(self._parts())  # [E]
        self._worth: tuple[Errors | None, np.ndarray] | None = None  # [E], and for which errors
        self._ahead = -1, (np.empty((0, 0), dtype=np.int64), [np.empty((0, 0), dtype=np.int64)])
        self._order: tuple[int, np.ndarray] = (-1, np.arange(0))

    def at(self, step: int) -> Batch:
        """The batch of one step, steps counted from 0."""
        rows, values = self.task_rows(step), self._values(step)  # [positions read, V]
        intervened = self._intervened(step, rows, values)
        answered, answers = intervened.rows, intervened.answers
        windows = self.text_windows(step)  # [text rows, text tokens]
        read = answered.are_read()  # [B, T]
        taken = read & self._are_aligned(answered)
        values, due = values[taken[read]], answered.before_answer()[taken]
        answer_weights = token_weights(answers, self.settings.answer_balance)
        batch = Batch(
            ids=torch.from_numpy(answered.ids),
            answer_places=torch.from_numpy(np.flatnonzero(intervened.asked)),
            answers=torch.from_numpy(answers),
            answer_weights=torch.from_numpy(answer_weights),
            aligned_places=torch.from_numpy(np.flatnonzero(taken)),
            targets=torch.from_numpy(values),
            weights=torch.from_numpy(self._weights(values, due)),
            text_ids=torch.from_numpy(windows),
            aligned_count=len(values),
            text_count=windows.size,
            tokens=int(answered.lengths.sum()) + windows.size,
            shifts=self._shifts(step, len(answered)),
            rolled=self._rolled(step, len(answered)),
            strict=self._strict(step, len(answered)),
            rest=self._rest(answered),
        )
        return self._swapped(batch, intervened, taken[read], due) if intervened.swaps else batch

    def _intervened(self, step: int, rows: Rows, values: np.ndarray) -> Intervened:
        """The rows of a step under its interventions, if it has any."""
        if self.interventions is None or not self.interventions.is_due(step):
            return Intervened(rows, rows.before_answer(), rows.answers(), (), ())
        return self.interventions.at(step, rows, values, self._swap_worth(step))

    def _swap_worth(self, step: int) -> ValueWorth | None:
        """What the values count that interventions of a step bring about; None for all alike."""
        if self.settings.seeks_rare_swaps and self._rarity is not None:
            return self._rarity.of_values
        errors = self.errors.before(self.block_of(step))
        if self.settings.seeks_errors_by_swaps and errors is not None:
            return partial(worth_of_errors, errors)
        return None

    def _swapped(
        self, batch: Batch, intervened: Intervened, taken: np.ndarray, due: np.ndarray
    ) -> Batch:
        """The batch with the targets that follow from interventions; `taken`, bool, of all tokens
        read, and of those taken the ones where an answer is `due`, bool [N]."""
        after = [values[taken] for values in intervened.values]  # S of [N, V]
        weights = [self._weights(values, due) for values in after]
        return replace(
            batch,
            swaps=intervened.swaps,
            swapped_targets=torch.from_numpy(np.stack(after)),
            swapped_weights=torch.from_numpy(np.stack(weights)),
        )

    def _weights(self, values: np.ndarray, due: np.ndarray) -> np.ndarray:
        """float32 [N, V]: what positions count, of which some are `due` [N] for an answer."""
        return position_weights(values, self.settings.balance, due, self.settings.answer_share)

    def _shifts(self, step: int, rows: int) -> Tensor | None:
        """int64 [rows]: where each row of a step begins; all alike where parts of a stream move
        from row to row, for they say where a token stands. (Those from text say where it stands
        there, which begins at 0; not every step has text.)"""
        most = self.settings.shift
        if not most:
            return None
        chance = generator(self.settings.seed, "shifts", step)
        drawn = chance.integers(most + 1, size=1 if self.settings.strict_share else rows)
        return torch.from_numpy(np.broadcast_to(drawn, rows).copy())

    def _rolled(self, step: int, rows: int) -> Tensor | None:
        """bool [rows]: the rows of a step whose last aligned stream is rolled."""
        share = self.settings.roll_share
        if share == 1:
            return None
        chance = generator(self.settings.seed, "rolled rows", step)
        return torch.from_numpy(chance.random(rows) < share)

    def _strict(self, step: int, rows: int) -> Tensor | None:
        """bool [L - 1, rows]: which rows of a step keep codes alone, at each stream."""
        share = self.settings.strict_share
        if not share:
            return None
        streams = self.targets.graph.num_layers  # without the last one, which has the output
        chance = generator(self.settings.seed, "strict streams", step)
        return torch.from_numpy(chance.random((streams, rows)) < share)

    def _rest(self, rows: Rows) -> Tensor | None:
        """Where what the roll does not keep comes from, if the settings align it by answers."""
        if self.settings.roll_from != "answers":
            return None
        return torch.from_numpy(np.stack(rest_of_others(rows)))

    def _are_aligned(self, rows: Rows) -> np.ndarray:
        """bool [B, T]: where streams are aligned, among the tokens read."""
        if self.settings.positions == "answer":
            return rows.before_answer()
        return np.ones(rows.ids.shape, dtype=bool)

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

    @staticmethod
    def block_of(step: int) -> int:
        """Which block of steps that are drawn together a step belongs to."""
        return step // STEPS_AHEAD

    def sampled_values(self, most: int) -> np.ndarray:
        """int64 [N, V]: the values at all tokens read of the first so many examples."""
        return np.concatenate([self.targets.values(part) for part in self._parts(most)])

    def _parts(self, most: int | None = None) -> Iterator[Rows]:
        """All examples, or the first so many, as many at a time as the graph is evaluated for."""
        size, count = STEPS_AHEAD * self.settings.task_rows, len(self.examples)
        end = count if most is None else min(most, count)
        for start in range(0, end, size):
            yield self.examples.take(slice(start, min(start + size, end)))

    def _rarity_of_examples(self) -> Rarity:
        values = self.sampled_values(len(self.examples))  # [N, V]
        return Rarity(values, self.examples.read_lengths)

    def _worth_in(self, rarity: Rarity, block: int) -> np.ndarray:
        """float64 [E]: what the examples are worth in a block of steps."""
        errors = self.errors.before(block) if self.settings.seeks_errors else None
        if self._worth is None or self._worth[0] is not errors:
            self._worth = errors, self._with_combinations(rarity.worth(errors))
        return self._worth[1]

    @property
    def seeks_combinations(self) -> bool:
        """Whether examples are drawn for the combinations that they show."""
        return self._combined is not None

    def _with_combinations(self, worth: np.ndarray) -> np.ndarray:
        """float64 [E]: what the examples are worth, for their combinations in that share."""
        if self._combined is None:
            return worth
        share = self.settings.rare_combinations
        return (1 - share) * worth + share * self._combined

    def _chosen(self, step: int) -> np.ndarray:
        """int64 [task rows]: the examples of one step."""
        return self._block(step)[0][step % STEPS_AHEAD]

    def _values(self, step: int) -> np.ndarray:
        """int64 [N, V]: the values at all tokens read of one step."""
        return self._block(step)[1][step % STEPS_AHEAD]

    def _block(self, step: int) -> tuple[np.ndarray, list[np.ndarray]]:
        """Examples [steps, task rows] and values of the block of steps that a step belongs to."""
        number = self.block_of(step)
        if self._ahead[0] != number:
            chosen = self._drawn(number)
            rows = self.examples.take(chosen.reshape(-1))
            ends = rows.read_lengths.reshape(chosen.shape).sum(axis=1).cumsum()
            self._ahead = number, (chosen, np.split(self.targets.values(rows), ends[:-1]))
        return self._ahead[1]

    def _drawn(self, block: int) -> np.ndarray:
        """int64 [steps, task rows]: the examples of one block of steps."""
        count = STEPS_AHEAD * self.settings.task_rows
        chosen = self._in_turn(block * count, count)
        chance = generator(self.settings.seed, "examples of a block", block)
        if self._rarity is not None and self.settings.rare:
            for_rare = chance.random(count) < self.settings.rare
            worth = self._worth_in(self._rarity, block)
            drawn = chance.choice(len(self.examples), size=count, p=worth)
            chosen = np.where(for_rare, drawn, chosen)
        if self.settings.similar_lengths:
            chosen = chosen[np.argsort(self.examples.lengths[chosen], kind="stable")]
            return chance.permutation(chosen.reshape(STEPS_AHEAD, -1))
        return chosen.reshape(STEPS_AHEAD, -1)

    def _in_turn(self, first: int, count: int) -> np.ndarray:
        """int64 [count]: which examples have the running numbers from `first` on."""
        rounds, places = np.divmod(np.arange(first, first + count), len(self.examples))
        return np.array([self._round(int(r))[p] for r, p in zip(rounds, places, strict=True)])

    def _round(self, number: int) -> np.ndarray:
        if self._order[0] != number:
            chance = generator(self.settings.seed, "order of examples", number)
            self._order = number, chance.permutation(len(self.examples))
        return self._order[1]


def text_ids(texts: Sequence[str], reconciliation: Reconciliation) -> np.ndarray:
    """All texts as one row of student ids [K], an end-of-text token after each."""
    tail = end_tokens(reconciliation)
    pages = ([*ids, *tail] for ids in encode_all(reconciliation.tokenizer, list(texts)))
    return np.fromiter(chain.from_iterable(pages), dtype=np.int64)
