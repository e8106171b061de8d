"""What is measured of a bundle, part by part, in the types that a report is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.evaluate.decode import DecodeTable, table_of
from rinject.evaluate.decode_reading import Reading, read_prompts
from rinject.evaluate.layers import LayerFidelity, fidelity_by_layer
from rinject.evaluate.layers_plot import draw_fidelity
from rinject.evaluate.probe.interchange import VariableInterchange, interchange
from rinject.evaluate.probe.noise import NoiseReport, noise
from rinject.evaluate.probe.plots import draw_interchange, draw_noise
from rinject.evaluate.progress import Progress
from rinject.evaluate.report import EvalReport, evaluate
from rinject.evaluate.results.effort import Effort
from rinject.evaluate.results.paper import FIGURE_INPUTS, task_of
from rinject.evaluate.results.record import (
    Decoded,
    DecodedRow,
    Evaluated,
    Evaluation,
    Interchanged,
    Noise,
    NoisePoint,
    Retention,
    Share,
)
from rinject.evaluate.results.store import Outcome
from rinject.evaluate.retention import NAMES, find_sets, retention
from rinject.evaluate.retention.files import set_file
from rinject.evaluate.suites import SuiteReport, bundle_suites, measure_suites
from rinject.inject.bundle import Bundle
from rinject.inject.rows import Rows
from rinject.tasks import Task, up_to

LOOKED_AT = 50
"""Test examples, the shortest of which is decoded."""


class NotMeasured(InputError):
    """A part cannot be measured here, for the reason that the message gives."""


@dataclass(frozen=True)
class Material:
    """What parts are measured on."""

    bundle: Bundle
    base: PreTrainedModel
    """The student before the injection."""
    task: Task
    texts: Sequence[str]
    """Held out from the training."""
    draw_decoded: Callable[[Bundle, Reading, int], Figure]
    """Draws a prompt at a compiled layer."""

    def rows(self, n: int, seed: int) -> Rows:
        """So many unseen examples, or as many as there are."""
        return self.bundle.rows(up_to(self.task, "test", n, seed))


@dataclass(frozen=True)
class Part:
    """Something that is measured by itself."""

    name: str
    measure: Callable[[Material, Effort, Progress], Outcome]
    """Raises NotMeasured."""
    kind: Any
    """The type of what it yields."""
    rests_on: tuple[str, ...]
    """The fields of Effort that change what it yields."""

    @property
    def stage(self) -> str:
        """Its name as a part of a file's."""
        return self.name.replace(" ", "-")

    def key(self, effort: Effort) -> dict[str, Any]:
        """What it rests on; the same key, the same figures."""
        chosen = {name: getattr(effort, name) for name in self.rests_on}
        if (folder := chosen.get("retention_data")) is not None:
            chosen["retention_data"] = _set_hashes(Path(folder))  # wherever they lie
        return chosen


def _set_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of the file of each retention set that is there and can be read."""
    found = {}
    for name in NAMES:
        with suppress(OSError, InputError):  # which is said where it is measured
            if (path := set_file(folder, name)) is not None:
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _evaluation(material: Material, effort: Effort, _report: Progress) -> Outcome:
    found = evaluate(
        material.bundle,
        material.base,
        material.task,
        material.texts,
        n=effort.examples,
        seed=effort.seed,
    )
    return Outcome(Evaluated(_own(found), _base(found), material.bundle.graph.output))


def _own(found: EvalReport) -> Evaluation:
    share = Share(found.accuracy, found.n)
    return Evaluation(share, found.perplexity, found.tokens, found.fidelity)


def _base(found: EvalReport) -> Evaluation:
    share = Share(found.base_accuracy, found.n)
    return Evaluation(share, found.base_perplexity, found.tokens, None)


# --- out of distribution --------------------------------------------------------------------------


def _suites(material: Material, effort: Effort, report: Progress) -> Outcome:
    return Outcome(_measured(material, effort, report, None))


def _base_suites(material: Material, effort: Effort, report: Progress) -> Outcome:
    return Outcome(_measured(material, effort, report, material.base))


def _measured(
    material: Material, effort: Effort, report: Progress, base: PreTrainedModel | None
) -> tuple[SuiteReport, ...]:
    try:
        suites = bundle_suites(material.bundle, material.task)
    except InputError as error:
        raise NotMeasured(error.message) from error
    n, seed = effort.suite_examples, effort.seed
    return tuple(measure_suites(material.bundle, suites, n=n, seed=seed, base=base, report=report))


# --- the mechanism --------------------------------------------------------------------------------


def _by_layer(material: Material, effort: Effort, _report: Progress) -> Outcome:
    found = fidelity_by_layer(material.bundle, material.rows(effort.examples, effort.seed))
    return Outcome(found, (lambda: draw_fidelity(found)) if found.variables else None)


def _noise(material: Material, effort: Effort, report: Progress) -> Outcome:
    rows = material.rows(effort.probe_examples, effort.seed)
    found = noise(material.bundle, rows, seed=effort.seed, report=report)
    return Outcome(_noise_of(found), lambda: draw_noise(found))


def _noise_of(found: NoiseReport) -> Noise:
    points = []
    for level in found.levels:
        value, ci = level.accuracy.value, level.accuracy.ci
        if value is not None and ci is not None:
            points.append(NoisePoint(level.norm, level.kind, value, *ci, level.loss))
    return Noise(found.student_layer, found.stream_norm, found.rank, tuple(points), found.gaps)


def _interchange(material: Material, effort: Effort, report: Progress) -> Outcome:
    rows = material.rows(effort.probe_examples, effort.seed)
    found = interchange(material.bundle, rows, seed=effort.seed, report=report)
    swapped = tuple(map(_interchanged, found.variables))
    return Outcome(swapped, lambda: draw_interchange(found))


def _interchanged(found: VariableInterchange) -> Interchanged:
    effect = found.effect
    value = effect.followed_changed.value
    return Interchanged(
        variable=found.name,
        layer=found.layer,
        rank=found.rank,
        accuracy=None if value is None else Share(value, effect.followed_changed.n),
        ci=effect.followed_changed.ci,
        random=effect.random_changed.value,
        everywhere=effect.followed.value,
    )


def _decoding(material: Material, effort: Effort, _report: Progress) -> Outcome:
    bundle = material.bundle
    text = FIGURE_INPUTS.get(task_of(bundle.record.program.name)) or _short_input(material, effort)
    last = bundle.last_layer
    (reading,) = read_prompts(bundle, [text], layers=[last])
    table = table_of(bundle, reading, last)
    draw = material.draw_decoded
    return Outcome(_decoded(table), lambda: draw(bundle, reading, last))


def _short_input(material: Material, effort: Effort) -> str:
    examples = up_to(material.task, "test", LOOKED_AT, effort.seed)
    return min((one.input for one in examples), key=len)


def _decoded(table: DecodeTable) -> Decoded:
    rows = tuple(
        DecodedRow(
            row.name,
            tuple(_word(cell.decoded) for cell in row.cells),
            tuple(None if cell.true is None else _word(cell.true) for cell in row.cells),
        )
        for row in table.rows
        if not row.is_constant
    )
    tokens = tuple(token.text for token in table.tokens)
    return Decoded(table.prompt, table.answer, table.true_answer, tokens, rows)


def _word(value: Any) -> str:
    """A value in few characters."""
    if isinstance(value, bool):
        return "T" if value else "F"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _retention(material: Material, effort: Effort, report: Progress) -> Outcome:
    try:
        found = find_sets(effort.retention_data, most=effort.retention_examples)
    except InputError as error:
        raise NotMeasured(error.message) from error
    tokenizer = material.bundle.reconciliation.tokenizer
    reports = retention(
        material.bundle.model, material.base, tokenizer, found.sets, seed=effort.seed, report=report
    )
    lasts = effort.retention_data is not None or not found.missing  # the hub may have it later
    return Outcome(Retention(tuple(reports), dict(found.missing)), lasts=lasts)


_Suites = tuple[SuiteReport, ...]
_Swapped = tuple[Interchanged, ...]
_DATA = ("retention_examples", "retention_data", "seed")
EVALUATION = Part("accuracy", _evaluation, Evaluated, ("examples", "seed"))
SUITES = Part("suites", _suites, _Suites, ("suite_examples", "seed"))
BASE_SUITES = Part("suites", _base_suites, _Suites, ("suite_examples", "seed"))
RETENTION = Part("retention", _retention, Retention, _DATA)
BY_LAYER = Part("fidelity by layer", _by_layer, LayerFidelity, ("examples", "seed"))
DECODING = Part("decoding", _decoding, Decoded, ("seed",))
NOISE = Part("noise", _noise, Noise, ("probe_examples", "seed"))
INTERCHANGE = Part("interchange", _interchange, _Swapped, ("probe_examples", "seed"))
PARTS = (EVALUATION, SUITES, RETENTION, BY_LAYER, INTERCHANGE, NOISE, DECODING)
"""What is measured of each bundle, in this order."""
