"""All figures about one bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from transformers import PreTrainedModel

from rinject.evaluate.accuracy import accuracy
from rinject.evaluate.fidelity import fidelity
from rinject.evaluate.perplexity import perplexity_of_ids
from rinject.inject.batches import text_ids
from rinject.inject.bundle import Bundle
from rinject.inject.positions import check_positions
from rinject.tasks import Task, up_to

SEED = 42
"""Of the examples that are asked, whatever the training's seed."""


@dataclass(frozen=True)
class EvalReport:
    """A student with a program in it, measured on unseen examples and held-out text."""

    accuracy: float
    """Share of examples answered right (greedy, exact)."""
    base_accuracy: float
    """The same for the student before the injection."""
    perplexity: float
    """Token perplexity on held-out text."""
    base_perplexity: float
    """The same for the student before the injection, on the same tokens."""
    fidelity: float | None
    """Mean fidelity of the changing variables; None where none changes."""
    variables: dict[str, float]
    """Fidelity of each variable."""
    changing: tuple[str, ...]
    """The variables that change."""
    n: int
    """Examples."""
    tokens: int
    """Tokens of held-out text."""

    def to_record(self) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        return asdict(self) | {"changing": list(self.changing)}


def evaluate(
    bundle: Bundle,
    base: PreTrainedModel,
    task: Task,
    texts: Sequence[str],
    *,
    n: int = 1000,
    seed: int = SEED,
) -> EvalReport:
    """Measures a bundle beside its base student on `n` test examples and held-out texts.

    The bundle may be in memory only. Raises InputError without examples or text.
    """
    drawn = up_to(task, "test", n, seed)
    ids = text_ids(texts, bundle.reconciliation)
    rows = bundle.rows(drawn)
    check_positions(bundle.model, rows)
    read = fidelity(bundle, rows)
    text = perplexity_of_ids(bundle.model, ids)
    return EvalReport(
        accuracy=accuracy(bundle.model, rows).accuracy,
        base_accuracy=accuracy(base, rows).accuracy,
        perplexity=text.perplexity,
        base_perplexity=perplexity_of_ids(base, ids).perplexity,
        fidelity=read.mean,
        variables=read.variables,
        changing=read.changing,
        n=len(drawn),
        tokens=text.tokens,
    )
