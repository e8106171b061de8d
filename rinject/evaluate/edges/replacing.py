"""Does the student's answer depend on the tokens that the program's does, and on no others?

Prompts are changed token by token, on the student's ids: one token that stands for an input symbol
becomes one of another input symbol, or one token becomes another that is the same symbol to the
program, or all tokens move by one place. The program answers the new prompt by evaluation; the
student agrees where greedy decoding would write that answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rinject.evaluate.probe.shares import Share
from rinject.inject.answering import right_answers
from rinject.inject.bundle import Bundle
from rinject.inject.positions import which_fit
from rinject.inject.randomness import generator
from rinject.inject.rows import Rows, encode_all, end_tokens, rows_of
from rinject.lang.header import INPUT_SLOT
from rinject.tasks.oracle import Oracle
from rinject.tasks.reading import Reader
from rinject.tokens import Reconciliation

Kind = Literal["as it is", "ignored", "attended", "same symbol", "shifted"]
KINDS: dict[Kind, str] = {
    "as it is": "as it is",
    "ignored": "an ignored token replaced",
    "attended": "an attended token replaced",
    "same symbol": "a token replaced by one of its symbol",
    "shifted": "shifted by a filler token",
}
TRIES = 8
"""How many replacements of a prompt are tried for one that the program ignores, and one that it
attends to."""


@dataclass(frozen=True)
class Replacements:
    """How often the student answers as the program does."""

    agreed: Mapping[Kind, Share]
    """Of the prompts that could be changed so: ignored where the program's answer stays, attended
    where it changes, at most one of either a prompt; the same symbol, which changes nothing for the
    program; shifted whatever it does."""
    filler: str | None
    """The token that shifts; None where the program knows no token to pass over."""

    def to_record(self) -> dict[str, Any]:
        """All figures by name, ready for JSON."""
        shares = {kind: share.to_record() for kind, share in self.agreed.items()}
        return shares | {"filler": self.filler}


def replacements(bundle: Bundle, rows: Rows, *, seed: int = 42) -> Replacements:
    """Each prompt as it is, with one token replaced (in three ways, if there are such), shifted."""
    lengths = rows.prompt_lengths.tolist()
    prompts = [ids[:length].tolist() for ids, length in zip(rows.ids, lengths, strict=True)]
    oracle = Oracle(bundle.program)
    before = _answers(bundle, oracle, prompts)
    ignored, attended = replaced_prompts(bundle, oracle, prompts, before, seed)
    filler = _filler(bundle.reconciliation)
    shifted = [] if filler is None else [[filler, *prompt] for prompt in prompts]
    asked: dict[Kind, list[Case]] = {
        "as it is": list(zip(prompts, before, strict=True)),
        "ignored": ignored,
        "attended": attended,
        "same symbol": same_symbol(bundle.reconciliation, prompts, before, seed),
        "shifted": list(zip(shifted, _answers(bundle, oracle, shifted), strict=True)),
    }
    return Replacements(
        agreed={kind: agreement(bundle, cases) for kind, cases in asked.items()},
        filler=None if filler is None else bundle.reconciliation.text_of(filler),
    )


Case = tuple[list[int], str | None]
"""The student's ids of a prompt, and what the program answers; None is nothing that is written."""


def _answers(bundle: Bundle, oracle: Oracle, prompts: Sequence[list[int]]) -> list[str | None]:
    return oracle.answers([bundle.reconciliation.symbols(prompt) for prompt in prompts])


def agreement(bundle: Bundle, cases: Sequence[Case]) -> Share:
    """Of the cases with an answer that fit the student, those that it answers so."""
    known = [(prompt, answer) for prompt, answer in cases if answer is not None]
    tail = end_tokens(bundle.reconciliation, ended=bundle.record.settings.end_answers)
    answers = encode_all(bundle.reconciliation.tokenizer, [answer for _, answer in known])
    rows = rows_of([prompt for prompt, _ in known], [[*answer, *tail] for answer in answers])
    rows = rows.take(which_fit(bundle.model, rows))
    return Share((int(right_answers(bundle.model, rows).sum()),), len(rows))


# --- one token replaced ---------------------------------------------------------------------------


def replaced_prompts(
    bundle: Bundle,
    oracle: Oracle,
    prompts: Sequence[list[int]],
    before: Sequence[str | None],
    seed: int,
) -> tuple[list[Case], list[Case]]:
    """Prompts with one token replaced: where the program's answer stays, and where it changes.

    At most one of either for each prompt; `before` is what the program answers to the prompts.
    """
    others = other_tokens(bundle)
    chance = generator(seed, "replaced tokens")
    tried = [
        (place, changed)
        for place, prompt in enumerate(prompts)
        for changed in _tries(prompt, others, chance)
    ]
    answers = _answers(bundle, oracle, [changed for _, changed in tried])
    ignored: dict[int, Case] = {}
    attended: dict[int, Case] = {}
    for (place, changed), answer in zip(tried, answers, strict=True):
        if answer is not None and before[place] is not None:
            kept = ignored if answer == before[place] else attended
            kept.setdefault(place, (changed, answer))
    return list(ignored.values()), list(attended.values())


def _tries(
    prompt: Sequence[int], others: Mapping[int, Sequence[int]], chance: np.random.Generator
) -> list[list[int]]:
    """The prompt with one token replaced, in so many ways at random; some may be alike."""
    places = [place for place, token in enumerate(prompt) if others.get(token)]
    found = []
    for place in chance.choice(places, TRIES).tolist() if places else ():
        changed = list(prompt)
        changed[place] = int(chance.choice(others[prompt[place]]))
        found.append(changed)
    return found


def same_symbol(
    reconciliation: Reconciliation,
    prompts: Sequence[list[int]],
    before: Sequence[str | None],
    seed: int,
) -> list[Case]:
    """Prompts with one token replaced by another of its symbol, where there are such; with what
    the program answers `before` and after that. All words that it passes over are one symbol."""
    alike = reconciliation.tokens_alike
    chance = generator(seed, "tokens of one symbol")
    found = []
    for prompt, answer in zip(prompts, before, strict=True):
        places = [place for place, token in enumerate(prompt) if len(alike.get(token, ())) > 1]
        if places:
            changed, place = list(prompt), int(chance.choice(places))
            others = [token for token in alike[prompt[place]] if token != prompt[place]]
            changed[place] = int(chance.choice(others))
            found.append((changed, answer))
    return found


def other_tokens(bundle: Bundle) -> dict[int, list[int]]:
    """For each token of an input symbol, the tokens of all others; spaced as it is, if there are.

    Input symbols are those that have tokens and that the prompt around an input does not hold.
    """
    header, reconciliation = bundle.program.header, bundle.reconciliation
    around = (header.prompt or "").replace(INPUT_SLOT, "")
    fixed = set(Reader(header).symbols(around)) - {header.otherwise}
    tokens = [
        (covered.symbol, token, text.startswith(" "))
        for covered in reconciliation.coverage
        if covered.symbol not in fixed
        for token, text in zip(covered.token_ids, covered.texts, strict=True)
    ]
    found = {}
    for symbol, token, is_spaced in tokens:
        other = [(one, spaced) for name, one, spaced in tokens if name != symbol]
        alike = [one for one, spaced in other if spaced is is_spaced]
        found[token] = alike or [one for one, _ in other]
    return found


def _filler(reconciliation: Reconciliation) -> int | None:
    """A token that the program passes over: a line break, or else the first that there is."""
    is_filler = reconciliation.symbol_of == reconciliation.filler  # [ids]
    if reconciliation.otherwise is None or not is_filler.any():
        return None
    line = reconciliation.student_ids("\n")
    return line[0] if len(line) == 1 and is_filler[line[0]] else int(is_filler.argmax())
