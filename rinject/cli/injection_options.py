"""The settings of an injection as command-line options, in groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from rinject.cli.setting_options import with_setting_options
from rinject.errors import InputError
from rinject.inject.settings import (
    CHOICES,
    OF_INTERVENTIONS,
    TINY,
    TINY_INTERCHANGE,
    TINY_PROGRAMS,
    InjectSettings,
    flag,
)

Command = TypeVar("Command", bound=Callable[..., object])

GROUPS: dict[str, tuple[str, ...]] = {
    "What is trained": (
        "method", "alpha", "beta", "gamma", "steps", "seed",
    ),
    "The map, and how it is aligned": (
        "alignment", "positions", "variable_weights", "maps", "codes", "code_rank", "whiten",
        "balance", "answer_share", "digital", "vocabulary", "clear_later", "stepwise", "layer_map",
        "last_layer",
    ),
    "Examples": (
        "data", "examples", "task_rows", "task_tokens", "similar_lengths", "rare",
        "rare_combinations", "seek", "shift", "end_answers", "answer_balance",
    ),
    "The roll": (
        "roll", "roll_share", "roll_from", "strict_share",
    ),
    "Interventions (--method interchange)": OF_INTERVENTIONS,
    "Text": (
        "text", "text_rows", "text_tokens", "kl_every",
    ),
    "Optimizer": (
        "optimizer", "matrix_rate", "student_rate", "map_rate", "warmup", "decay", "weight_decay",
        "anchor",
    ),
    "Speed and memory": (
        "device", "precision", "threads", "forward", "compile", "checkpoint_activations",
    ),
    "Watching and safety": (
        "log_every", "eval_every", "eval_examples", "suite_examples", "checkpoint_minutes",
    ),
}  # fmt: skip
"""The settings by what they are about, in the order of the help."""


def injection_options(without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Replaces a command's ``**settings`` by an option for each setting but those `without`."""
    return with_setting_options(InjectSettings, CHOICES, default_words, GROUPS, without)


def check_acting(given: Mapping[str, Any], chosen: InjectSettings) -> None:
    """Raises InputError where an option that is given, and not to leave something out, changes
    nothing under the method."""
    for name in chosen.without_effect:
        if given.get(name) not in (None, 0, "none"):
            of_interventions = name in OF_INTERVENTIONS
            raise InputError(
                f"{flag(name)} does nothing with --method {chosen.method}",
                hint="give --method interchange" if of_interventions else "leave it out",
            )


def default_words(name: str) -> str:
    """A setting's default, as the help says it."""
    default = getattr(InjectSettings, name)
    words = ["none" if default is None else str(default)]
    if name in TINY:
        words.append(f"for tiny {TINY[name]}")
    for table, method in ((TINY_PROGRAMS, ""), (TINY_INTERCHANGE, " and interchange")):
        words += [
            f"for tiny with {program}{method} {own[name]}"
            for program, own in table.items()
            if name in own
        ]
    return "; ".join(words)
