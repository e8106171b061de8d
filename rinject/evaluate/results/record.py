"""Everything that was measured, as one typed record: what `results.json` holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from rinject.errors import InputError
from rinject.evaluate.layers import LayerFidelity
from rinject.evaluate.probe.noise import Gap
from rinject.evaluate.results.effort import Effort
from rinject.evaluate.results.typed_json import from_json
from rinject.evaluate.retention import RetentionReport
from rinject.evaluate.suites import SuiteReport
from rinject.placing import placed_file

SCHEMA_VERSION = 2
OF_EVERY_SCHEMA = {"runs", "programs", "versions", "schema_version"}
"""Names that results of all versions have."""
T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """So many of `n`."""

    value: float
    n: int


@dataclass(frozen=True)
class Evaluation:
    """What a student answers, and what it makes of ordinary text."""

    accuracy: Share
    """Of unseen examples answered right (greedy, exact)."""
    perplexity: float
    """Token perplexity on held-out text."""
    tokens: int
    """Of that text."""
    fidelity: float | None
    """Mean fidelity of the changing variables at the last aligned layer; None where none changes,
    and for a student without a program."""


@dataclass(frozen=True)
class Evaluated:
    """A bundle, and the student before."""

    own: Evaluation
    base: Evaluation
    output: str
    """The variable that the program computes."""


@dataclass(frozen=True)
class Retention:
    """The unrelated data sets."""

    reports: tuple[RetentionReport, ...]
    missing: dict[str, str]
    """The names of the sets that were not there, and why."""


@dataclass(frozen=True)
class NoisePoint:
    """Accuracy under noise of one norm in one kind of direction."""

    norm: float
    where: str
    accuracy: float
    low: float
    """The lower end of its 95 % interval."""
    high: float
    loss: float
    """Mean cross-entropy of an answer, in nats."""


@dataclass(frozen=True)
class Noise:
    """What noise does to the answers, by its norm and by where it is."""

    student_layer: int
    """The stream that it is added to."""
    stream_norm: float
    """The mean norm of that stream where an answer is due."""
    rank: int
    """Dimensions of the final result's subspace, and of the random ones."""
    points: tuple[NoisePoint, ...]
    gaps: tuple[Gap, ...]
    """For every norm above 0, how much more it hurts there than in random directions."""


@dataclass(frozen=True)
class Interchanged:
    """One variable's subspace, swapped between two prompts in student and program."""

    variable: str
    layer: int
    """The first compiled stream that holds it, at which it was swapped."""
    rank: int
    """Dimensions of the subspace."""
    accuracy: Share | None
    """Interchange intervention accuracy: of the cases in which the program's answer changes, those
    in which the student gives the new one; None without any."""
    ci: tuple[float, float] | None
    """Its 95 % confidence interval."""
    random: float | None
    """The same for random subspaces of equal rank."""
    everywhere: float | None
    """How often both answer alike in all cases, changed or not."""


@dataclass(frozen=True)
class DecodedRow:
    """A variable along a prompt, its values as text."""

    variable: str
    decoded: tuple[str, ...]
    true: tuple[str | None, ...]
    """The program's; None where it has none."""


@dataclass(frozen=True)
class Decoded:
    """The variables of one prompt at the last aligned layer (the paper's figure 6)."""

    prompt: str
    answer: str
    true_answer: str | None
    tokens: tuple[str, ...]
    rows: tuple[DecodedRow, ...]


@dataclass(frozen=True)
class Compiled:
    """The program as a transformer."""

    layers: int
    width: int
    """Of the residual stream."""
    seconds: float
    inputs: int
    """On which it was compared with tracr's interpreter."""
    mismatches: int


@dataclass(frozen=True)
class Run:
    """One student: with a program in it, or unedited."""

    name: str
    task: str
    """The name of the program."""
    program_sha256: str
    """Of its text."""
    task_file: str | None
    """The file, and the name in it, that the inputs came from; None where the program says them."""
    task_sha256: str | None
    """Of that file's text."""
    method: str
    """How the program came into the student; `none`: not at all."""
    seed: int | None
    """None for the unedited student."""
    output: str
    """The variable that the program computes: its final result."""
    base: str
    """The name of the student."""
    base_weights: str
    """The hash of its weights."""
    steps: int | None
    seconds: float | None
    """The training took so long; None where that is not known."""
    settings: dict[str, Any]
    versions: dict[str, str]
    """At the time of the injection."""
    evaluation: Evaluation
    suites: tuple[SuiteReport, ...]
    retention: tuple[RetentionReport, ...]
    by_layer: LayerFidelity | None
    decoded: Decoded | None
    noise: Noise | None
    interchange: tuple[Interchanged, ...]
    missing: dict[str, str]
    """Parts that were not measured, and why."""
    pictures: dict[str, str]
    """File names of the pictures, by the parts that they show."""
    measured: dict[str, dict[str, str]]
    """The versions that each part was measured with, by the parts."""

    @property
    def carries_program(self) -> bool:
        """Whether its stream was trained to hold the program's variables."""
        return self.method not in ("none", "finetune")


@dataclass(frozen=True)
class Results:
    """All students of a report."""

    runs: tuple[Run, ...]
    programs: dict[str, Compiled]
    """By name; those that were compiled for the report."""
    effort: Effort
    """How much was measured."""
    versions: dict[str, str]
    """At the time of the report; parts that were measured before may have had others."""
    schema_version: int = SCHEMA_VERSION

    def to_record(self) -> dict[str, Any]:
        """Everything by name, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Results:
        """What :meth:`to_record` gave. Raises InputError for another schema, or where damaged."""
        schema = record.get("schema_version") if isinstance(record, Mapping) else None
        if schema != SCHEMA_VERSION:
            raise InputError(
                f"the results have schema version {schema}, this rinject knows {SCHEMA_VERSION}",
                hint="make them again with rinject report",
            )
        try:
            made: Results = from_json(cls, record)
        except ValueError as error:
            raise InputError(f"the results are damaged: {error}") from error
        return made


def save_results(results: Results, path: Path) -> None:
    """Writes them as JSON, whole or not at all."""
    with placed_file(path) as beside:
        text = json.dumps(results.to_record(), ensure_ascii=False, indent=1)
        beside.write_text(text + "\n", encoding="utf-8")


def load_results(path: Path) -> Results:
    """Reads them. Raises InputError where there are none, or they are damaged."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there are no results in {path}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"the results in {path} are damaged: {error}") from error
    return Results.from_record(record)


def is_results(path: Path) -> bool:
    """Whether a file is one that :func:`save_results` wrote, of whatever schema."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.keys() >= OF_EVERY_SCHEMA


def known_first(names: Iterable[T], order: Iterable[T]) -> list[T]:
    """Each name once: those in `order` first, as there, then the others as they come."""
    found = list(dict.fromkeys(names))
    known = [name for name in order if name in found]
    return known + [name for name in found if name not in known]
