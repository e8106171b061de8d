"""How many tokens a student takes, and where they may begin."""

from __future__ import annotations

from inspect import signature

import numpy as np
from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.inject.rows import Rows


def most_positions(model: PreTrainedModel) -> int | None:
    """The most tokens of a row; None where nothing limits them."""
    config = model.config.get_text_config(decoder=True)
    found: int | None = getattr(config, "max_position_embeddings", None)
    return found


def which_fit(model: PreTrainedModel, rows: Rows) -> np.ndarray:
    """bool [B]: the rows that have no more tokens than the student takes."""
    return np.asarray(rows.lengths <= (most_positions(model) or np.inf))


def check_positions(model: PreTrainedModel, rows: Rows) -> None:
    """Raises InputError where a prompt and its answer have more tokens than the student takes."""
    most, longest = most_positions(model), int(rows.lengths.max(initial=0))
    if most is not None and longest > most:
        raise InputError(
            f"a prompt and its answer have {longest} tokens, the student has {most} positions",
            hint="use a student with more, or shorter inputs",
        )


def check_swapped(model: PreTrainedModel, longest: int) -> None:
    """Raises InputError where the student does not take rows of so many tokens, with the answers
    that interventions bring about."""
    most = most_positions(model)
    if most is not None and longest > most:
        raise InputError(
            f"a prompt and an answer of another have {longest} tokens, the student has {most}"
            " positions",
            hint="use a student with more, or shorter inputs",
        )


def check_shift(model: PreTrainedModel, longest: int, shift: int) -> None:
    """Raises InputError where rows of up to so many tokens, fillers counted in, cannot be moved."""
    if not shift:
        return
    if "position_ids" not in signature(model.forward).parameters:
        raise InputError(
            "--shift: this student does not let its positions be chosen", hint="give --shift 0"
        )
    most = most_positions(model)
    if most is not None and longest + shift > most:
        room = most - longest
        raise InputError(
            f"--shift {shift}: rows have up to {longest} tokens, the student has {most} positions",
            hint=f"--shift {room} at most" if room > 0 else "give --shift 0",
        )
