"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """What the figures rest on: how many examples, their seed, and the data of others."""

    examples: int = 1000
    """Unseen ones, for accuracy and fidelity."""
    suite_examples: int = 500
    """At most, of each suite."""
    probe_examples: int = 200
    """For noise and interchange."""
    retention_examples: int | None = None
    """At most, of each retention set; None takes them whole."""
    retention_data: str | None = None
    """The folder of the retention sets; None is the Hugging Face hub."""
    seed: int = 42


QUICK = {
    "examples": 200, "suite_examples": 100, "probe_examples": 60, "retention_examples": 200,
}  # fmt: skip
"""What is less where it is to be quick."""
