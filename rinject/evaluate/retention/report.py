"""A student with a program in it beside its base: what it still knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from rinject.evaluate.progress import Progress, unseen
from rinject.evaluate.retention.bootstrap import paired_difference
from rinject.evaluate.retention.scores import Scores
from rinject.evaluate.retention.sets import SHARES, RetentionSet


@dataclass(frozen=True)
class RetentionReport:
    """One figure on one set. Shares are of one; perplexities are perplexities."""

    set: str
    measure: str
    """`line perplexity`, `token perplexity`, `last word`, `last token` or `accuracy`."""
    base: float | None
    """Of the student before the injection; None where no example fits the student."""
    value: float | None
    """Of the student with the program, on the same tokens."""
    difference: float | None
    """`value` less `base`."""
    ci: tuple[float, float] | None
    """Its 95 % confidence interval: paired bootstrap over examples, lines or windows of text."""
    n: int
    """Examples or lines; of the token perplexity, tokens predicted."""
    skipped: int
    """Examples or lines left out: they exceed the student's positions, or are too short."""

    @property
    def is_share(self) -> bool:
        """Whether it is a share of one, and not a perplexity."""
        return self.measure in SHARES

    def to_record(self) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        return asdict(self) | {"ci": None if self.ci is None else list(self.ci)}


def retention(
    model: PreTrainedModel,
    base: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    sets: Sequence[RetentionSet],
    *,
    seed: int = 42,
    report: Progress = unseen,
) -> list[RetentionReport]:
    """Each figure of each set, for the student with the program and for its base.

    Both see the tokens of one tokenizer: the bundle's, which splits what the program needs split.
    `seed` is that of the bootstrap.
    """
    found: list[RetentionReport] = []
    for done, one in enumerate(sets):
        report(2 * done, 2 * len(sets))
        before = one.scores(base, tokenizer)
        report(2 * done + 1, 2 * len(sets))
        after = one.scores(model, tokenizer)
        found += [_compared(one.name, a, b, seed) for a, b in zip(after, before, strict=True)]
    return found


def _compared(name: str, after: Scores, before: Scores, seed: int) -> RetentionReport:
    value, base = after.value, before.value
    is_there = value is not None and base is not None
    return RetentionReport(
        set=name,
        measure=after.measure,
        base=base,
        value=value,
        difference=None if value is None or base is None else value - base,
        ci=paired_difference(after, before, seed=seed) if is_there else None,
        n=int(after.counts.sum()),
        skipped=after.skipped,
    )
