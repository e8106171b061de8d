"""How many tokens a student takes."""

from __future__ import annotations

from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.inject.rows import Rows


def most_positions(model: PreTrainedModel) -> int | None:
    """The most tokens of a row; None where nothing limits them."""
    config = model.config.get_text_config(decoder=True)
    found: int | None = getattr(config, "max_position_embeddings", None)
    return found


def check_positions(model: PreTrainedModel, rows: Rows) -> None:
    """Raises InputError where a prompt and its answer have more tokens than the student takes."""
    most, longest = most_positions(model), int(rows.lengths.max(initial=0))
    if most is not None and longest > most:
        raise InputError(f"a prompt has {longest} tokens, the student has {most} positions")
