"""The sets of text that retention is measured on, and how each is scored."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from rinject.evaluate.perplexity import window_losses
from rinject.evaluate.retention.answers import continued_rows, score_answers
from rinject.evaluate.retention.scores import Scores, means, shares
from rinject.inject.positions import which_fit
from rinject.inject.rows import Rows, encode_all, rows_of

TINY_SHAKESPEARE, LAMBADA, SST2, MRPC = NAMES = ("tiny-shakespeare", "lambada", "sst2", "mrpc")
LINE_PERPLEXITY, TOKEN_PERPLEXITY = "line perplexity", "token perplexity"
LAST_WORD, LAST_TOKEN, ACCURACY = "last word", "last token", "accuracy"
SHARES = (LAST_WORD, LAST_TOKEN, ACCURACY)
"""The measures that are shares; the others are perplexities."""
_LAST_WORD = re.compile(r"\s+\S+$")


class RetentionSet(Protocol):
    """Something that a model knew before."""

    @property
    def name(self) -> str:
        """One of `NAMES`, or one's own."""

    def scores(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> list[Scores]:
        """The figures of a model. Which examples count depends on the tokenizer and on the most
        positions of the model alone, so two models of one kind are asked the same."""


@dataclass(frozen=True)
class Lines:
    """Lines of text, for two perplexities.

    *Line perplexity* is the mean over lines of each line's own: exp of the mean loss of its tokens
    but the first, which nothing precedes. Lines of fewer than two tokens have none and are left
    out; they are skipped unless they are blank. *Token perplexity* is the ordinary one of the
    running text, blank lines and line breaks with it, in windows side by side.
    """

    name: str
    lines: tuple[str, ...]

    def scores(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> list[Scores]:
        return [self._by_line(model, tokenizer), self._running(model, tokenizer)]

    def _by_line(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> Scores:
        written = [line for line in self.lines if line.strip()]
        ids = [one for one in encode_all(tokenizer, written) if len(one) > 1]
        rows = _fitting(model, rows_of([one[:1] for one in ids], [one[1:] for one in ids]))
        losses = score_answers(model, rows).losses / (rows.lengths - 1)
        return means(LINE_PERPLEXITY, np.exp(losses), len(written) - len(rows))

    def _running(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> Scores:
        (ids,) = encode_all(tokenizer, ["\n".join(self.lines)])
        if len(ids) < 2:
            return Scores(TOKEN_PERPLEXITY, np.empty(0), np.empty(0), is_loss=True)
        found = window_losses(model, np.array(ids, dtype=np.int64))
        counts = found.tokens.astype(np.float64)
        return Scores(TOKEN_PERPLEXITY, found.losses, counts, is_loss=True)


@dataclass(frozen=True)
class LastWords:
    """Passages whose last word is to be written, letter for letter, by greedy decoding.

    *Last token* is the figure of the method's paper: its last token alone, after the true ones
    before it. Passages of a single word, and those that exceed the student's positions, are
    skipped.
    """

    name: str
    passages: tuple[str, ...]

    def scores(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> list[Scores]:
        texts = [passage.rstrip() for passage in self.passages]
        ends = [(text, _LAST_WORD.search(text)) for text in texts]
        cuts = [(text, found.start()) for text, found in ends if found and found.start() > 0]
        prompts, words = [text[:at] for text, at in cuts], [text[at:] for text, at in cuts]
        rows = _fitting(model, continued_rows(tokenizer, prompts, words))
        found, skipped = score_answers(model, rows), len(self.passages) - len(rows)
        return [
            shares(LAST_WORD, found.right, skipped),
            shares(LAST_TOKEN, found.last_right, skipped),
        ]


@dataclass(frozen=True)
class Classified:
    """Prompts that one of a few words answers: right is where the right one is the likeliest.

    Words of one token are compared by their logits, as in the method's paper; longer ones by the
    likelihood of all their tokens. Examples that exceed the student's positions are skipped.
    """

    name: str
    prompts: tuple[str, ...]
    labels: tuple[int, ...]
    """For each prompt, the number of the right word."""
    words: tuple[str, ...]

    def scores(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> list[Scores]:
        choices, n = len(self.words), len(self.prompts)
        prompts = [prompt for prompt in self.prompts for _ in self.words]
        rows = continued_rows(tokenizer, prompts, [*self.words] * n)  # example after example
        fits = which_fit(model, rows).reshape(n, choices).all(axis=1)  # [n]
        losses = score_answers(model, rows.take(np.repeat(fits, choices))).losses
        chosen = losses.reshape(-1, choices).argmin(axis=1)  # [fitting]
        right = chosen == np.array(self.labels, dtype=np.int64)[fits]
        return [shares(ACCURACY, right, n - len(right))]


def _fitting(model: PreTrainedModel, rows: Rows) -> Rows:
    return rows.take(which_fit(model, rows))
