"""What the paper reports: arXiv 2505.10719, GPT-2-large, seed 42, one run each.

Its Table 1 is the part of Table 3 with accuracy and perplexity. The perplexity is the mean over
the first 2,000 lines of Tiny Shakespeare of each line's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

METHODS: Mapping[str, str] = {
    "none": "No editing",
    "finetune": "Finetuning + KL",
    "tracr-injection": "Tracr-Injection",
}
"""The methods in the paper's order, by our names, as the paper calls them."""
TASKS: Mapping[str, str] = {
    "shuffle_dyck": "Shuffle-Dyck",
    "int_sum": "Integer Addition",
    "count": "Count",
}
"""The tasks in the paper's order, by the names of their programs."""

REWRITTEN: Mapping[str, str] = {
    "shuffle_dyck_bits": "shuffle_dyck",
    "int_sum_shared": "int_sum",
}
"""Programs of ours that do a task of the paper's in another way, and that task."""

FIGURE_INPUTS: Mapping[str, str] = {"shuffle_dyck": "[(]"}
"""The inputs of Figures 4 to 6, by the names of their programs."""


@dataclass(frozen=True)
class PaperRun:
    """A row of Table 3. Shares in percent."""

    accuracy: float
    perplexity: float
    """On Tiny Shakespeare, the mean over lines."""
    sst2: float
    mrpc: float
    lambada: float


@dataclass(frozen=True)
class PaperSuite:
    """A row of Table 2: accuracies in percent."""

    tracr_injection: float
    finetune: float

    def of(self, method: str) -> float | None:
        """That of a method; None for the unedited model, which the paper leaves out."""
        return {"tracr-injection": self.tracr_injection, "finetune": self.finetune}.get(method)


RUNS: Mapping[tuple[str, str], PaperRun] = {
    ("shuffle_dyck", "none"): PaperRun(0.0, 569.7, 67.4, 63.7, 58.8),
    ("shuffle_dyck", "finetune"): PaperRun(100.0, 569.3, 65.1, 58.8, 58.8),
    ("shuffle_dyck", "tracr-injection"): PaperRun(99.9, 569.9, 75.2, 66.7, 58.8),
    ("int_sum", "none"): PaperRun(0.1, 569.7, 67.4, 63.7, 58.8),
    ("int_sum", "finetune"): PaperRun(99.7, 570.1, 67.2, 66.2, 58.7),
    ("int_sum", "tracr-injection"): PaperRun(95.0, 572.4, 65.0, 65.9, 58.9),
    ("count", "none"): PaperRun(0.0, 569.7, 67.4, 63.7, 58.8),
    ("count", "finetune"): PaperRun(99.8, 571.2, 71.0, 61.8, 58.7),
    ("count", "tracr-injection"): PaperRun(99.2, 571.4, 64.0, 65.7, 58.8),
}
"""Table 3, by program and method; its first two figures are Table 1."""

SUITES: Mapping[tuple[str, str], PaperSuite] = {
    ("int_sum", "cascading overflow"): PaperSuite(47.8, 49.1),
    ("int_sum", "4 digits"): PaperSuite(0.9, 6.6),
    ("int_sum", "decimals"): PaperSuite(0.0, 0.0),
    ("shuffle_dyck", "almost balanced"): PaperSuite(96.6, 75.28),
    ("shuffle_dyck", "3x length"): PaperSuite(98.5, 88.6),
    ("shuffle_dyck", "extra family"): PaperSuite(99.1, 84.3),
    ("count", "x only"): PaperSuite(21.9, 33.3),
    ("count", "3x length"): PaperSuite(2.8, 3.5),
    ("count", "y to z"): PaperSuite(4.6, 3.0),
}
"""Table 2, by program and suite."""


def task_of(program: str) -> str:
    """The paper's task that a program does; its own name where the paper has none."""
    return REWRITTEN.get(program, program)
