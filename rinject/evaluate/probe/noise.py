"""Noise in the subspace of the final result, against noise elsewhere.

arXiv 2505.10719, appendix A and figure 3: Gaussian noise is added to the student's stream after the
last aligned layer, at every token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rinject.errors import InputError
from rinject.evaluate.intervals import NORMAL_95
from rinject.evaluate.probe.forward import predict, stream_after
from rinject.evaluate.probe.shares import Share
from rinject.evaluate.probe.subspaces import complement, probed_subspace, row_basis
from rinject.evaluate.progress import Progress, unseen
from rinject.inject.bundle import Bundle
from rinject.inject.randomness import torch_generator
from rinject.inject.rows import Rows
from rinject.inject.subspaces import random_subspace

NORMS = (5.0, 10.0, 20.0, 30.0)
"""The paper's."""
SHARES = (0.2, 0.4, 0.8)
"""Of the mean norm of the stream: what is much in one student is little in another."""
KINDS = ("final result", "random", "complement")


@dataclass(frozen=True)
class Level:
    """Noise of one norm in one kind of subspace."""

    kind: str
    """In the `final result`'s subspace, in a `random` one of the same rank, another for every two
    draws, or in the `complement` of the first."""
    norm: float
    accuracy: Share
    loss: float
    """Mean cross-entropy of an answer, the sum over its tokens, in nats."""

    def to_record(self) -> dict[str, Any]:
        """All figures, ready for JSON."""
        return {
            "kind": self.kind,
            "norm": self.norm,
            "accuracy": self.accuracy.to_record(),
            "loss": self.loss,
        }


@dataclass(frozen=True)
class Gap:
    """How much more noise of one norm hurts in the final result's subspace than in a random one."""

    norm: float
    accuracy: float
    """The accuracy lost, random less final result."""
    accuracy_ci: tuple[float, float]
    """Its 95 % interval, from the differences of each example, their draws averaged."""
    loss: float
    """The loss gained, final result less random, in nats."""
    loss_ci: tuple[float, float]

    def to_record(self) -> dict[str, Any]:
        """All figures, ready for JSON."""
        return {
            "norm": self.norm,
            "accuracy": self.accuracy,
            "accuracy_ci": list(self.accuracy_ci),
            "loss": self.loss,
            "loss_ci": list(self.loss_ci),
        }


@dataclass(frozen=True)
class NoiseReport:
    """Accuracy under noise, by kind of subspace and norm."""

    variable: str
    """The program's output."""
    student_layer: int
    """The stream that the noise is added to."""
    rank: int
    """Dimensions of the final result's subspace, and of the random ones."""
    width: int
    """Dimensions of the stream."""
    stream_norm: float
    """Mean norm of the stream where an answer token is due."""
    draws: int
    n: int
    levels: tuple[Level, ...]
    gaps: tuple[Gap, ...]
    """For every norm above 0."""
    seed: int

    def of(self, kind: str) -> list[Level]:
        """The levels of one kind, by norm."""
        return [level for level in self.levels if level.kind == kind]

    @property
    def hurts_accuracy_more(self) -> bool:
        """Whether at every norm above 0 more accuracy is lost than in random subspaces; not
        without such a norm."""
        return bool(self.gaps) and all(gap.accuracy > 0 for gap in self.gaps)

    @property
    def hurts_loss_more(self) -> bool:
        """Whether at every norm above 0 more loss is gained than in random subspaces; not
        without such a norm."""
        return bool(self.gaps) and all(gap.loss > 0 for gap in self.gaps)

    def to_record(self) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        return {
            "experiment": "noise",
            "variable": self.variable,
            "student_layer": self.student_layer,
            "rank": self.rank,
            "width": self.width,
            "stream_norm": self.stream_norm,
            "draws": self.draws,
            "n": self.n,
            "seed": self.seed,
            "levels": [level.to_record() for level in self.levels],
            "gaps": [gap.to_record() for gap in self.gaps],
            "hurts_accuracy_more": self.hurts_accuracy_more,
            "hurts_loss_more": self.hurts_loss_more,
        }


def noise(
    bundle: Bundle,
    rows: Rows,
    *,
    norms: Sequence[float] = NORMS,
    shares: Sequence[float] = SHARES,
    draws: int = 4,
    seed: int = 42,
    report: Progress = unseen,
) -> NoiseReport:
    """The accuracy on `rows` under noise of each norm, `draws` times in each kind of subspace.

    Norms are absolute, or `shares` of the stream's mean norm where an answer token is due.

    A draw has the same directions at all norms, and every second one those of the draw before it,
    reversed, so that what small noise does to first order does not hide the rest. Raises InputError
    where there is no example.
    """
    if not len(rows):
        raise InputError("there is no example to add noise to")
    layer = bundle.record.layers[-1]
    maps = bundle.projection.maps()
    (output,) = (one for one in maps.slices if one.name == bundle.graph.output)
    own = row_basis(probed_subspace(maps, output, -1))  # [D, r]
    width, rank = own.shape
    chances = (torch_generator(seed, f"noise, random subspace {d // 2}") for d in range(draws))
    bases = {
        "final result": [own] * draws,
        "random": [random_subspace(width, rank, chance).write.to(own) for chance in chances],
        "complement": [complement(own)] * draws,
    }
    stream = stream_after(bundle.model, rows, layer)  # [B, T, D]
    measured = _Measured(bundle, rows, stream, layer, seed)
    stream_norm = float(stream[torch.from_numpy(rows.before_answer())].norm(dim=-1).mean())
    chosen = sorted({0.0, *norms, *(share * stream_norm for share in shares)})
    cases = [(kind, norm) for norm in chosen for kind in KINDS]
    found = {}
    for done, (kind, norm) in enumerate(cases):
        report(done, len(cases))
        found[kind, norm] = measured.under(kind, norm, bases[kind])
    return NoiseReport(
        variable=output.name,
        student_layer=layer,
        rank=rank,
        width=width,
        stream_norm=stream_norm,
        draws=draws,
        n=len(rows),
        levels=tuple(_level(kind, norm, *found[kind, norm]) for kind, norm in cases),
        gaps=tuple(
            _gap(norm, *found["final result", norm], *found["random", norm])
            for norm in chosen
            if norm
        ),
        seed=seed,
    )


def noise_in(
    basis: Tensor, shape: Sequence[int], norm: float, generator: torch.Generator
) -> Tensor:
    """float32 [*shape, D]: Gaussian noise in the span of a basis [D, r], everywhere of one norm."""
    drawn = torch.randn(*shape, basis.shape[1], generator=generator).to(basis)
    return norm * torch.nn.functional.normalize(drawn, dim=-1) @ basis.mT


@dataclass
class _Measured:
    """What the student answers under noise; without any it is asked once."""

    bundle: Bundle
    rows: Rows
    stream: Tensor
    """[B, T, D]"""
    layer: int
    seed: int
    without: tuple[np.ndarray, np.ndarray] | None = None

    def under(
        self, kind: str, norm: float, bases: Sequence[Tensor]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Right answers, bool, and their losses, float, each [draws, B]."""
        if norm:
            return self._stacked([self._asked(kind, norm, *one) for one in enumerate(bases)])
        if self.without is None:
            self.without = self._stacked([self._answers(self.stream)] * len(bases))
        return self.without

    def _asked(
        self, kind: str, norm: float, draw: int, basis: Tensor
    ) -> tuple[np.ndarray, np.ndarray]:
        chance = torch_generator(self.seed, f"noise, {kind}, draw {draw // 2}")
        added = noise_in(basis, self.stream.shape[:2], norm, chance)  # [B, T, D]
        return self._answers(self.stream - added if draw % 2 else self.stream + added)

    def _answers(self, stream: Tensor) -> tuple[np.ndarray, np.ndarray]:
        said = predict(self.bundle.model, self.rows, self.layer, stream)
        due = np.roll(self.rows.ids, -1, axis=1)  # [B, T]: each place's next token
        wrong = self.rows.before_answer() & (said.likeliest != due)
        return np.logical_not(wrong.any(axis=1)), said.losses.sum(axis=1)

    @staticmethod
    def _stacked(
        answers: Sequence[tuple[np.ndarray, np.ndarray]],
    ) -> tuple[np.ndarray, np.ndarray]:
        right, losses = zip(*answers, strict=True)
        return np.stack(right), np.stack(losses)


def _level(kind: str, norm: float, right: np.ndarray, losses: np.ndarray) -> Level:
    counts = tuple(int(count) for count in right.sum(axis=1))
    return Level(kind, norm, Share(counts, right.shape[1]), float(losses.mean()))


def _gap(
    norm: float,
    right: np.ndarray,
    losses: np.ndarray,
    random_right: np.ndarray,
    random_losses: np.ndarray,
) -> Gap:
    accuracy, accuracy_ci = _mean(random_right.mean(axis=0) - right.mean(axis=0))
    loss, loss_ci = _mean(losses.mean(axis=0) - random_losses.mean(axis=0))
    return Gap(norm, accuracy, accuracy_ci, loss, loss_ci)


def _mean(differences: np.ndarray) -> tuple[float, tuple[float, float]]:
    """The mean of [B] figures and its 95 % interval."""
    mean, spread = float(differences.mean()), 0.0
    if len(differences) > 1:
        spread = NORMAL_95 * float(differences.std(ddof=1)) / len(differences) ** 0.5
    return mean, (mean - spread, mean + spread)
