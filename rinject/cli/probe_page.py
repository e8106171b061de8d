"""The page of a probe: tables, pictures, and each variable in detail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from rinject.cli.decode_words import word
from rinject.cli.pages.page import picture, write_page
from rinject.cli.probe_tables import (
    Shown,
    interchange_cells,
    interchange_notes,
    noise_cells,
    noise_notes,
    percent,
    steering_cells,
    steering_notes,
)
from rinject.evaluate.probe import InterchangeReport, Share, SteeringReport
from rinject.evaluate.probe.effect import Effect
from rinject.inject.bundle import Bundle

if TYPE_CHECKING:
    from rinject.cli.probe import Reports

TITLES = {
    "noise": "Noise in the final result's subspace, and elsewhere",
    "interchange": "Interchange interventions",
    "steering": "Steering",
}
MEANINGS = {
    "noise": "Gaussian noise is added to the student's stream at every token. If the answer travels"
    " through the directions that the map reads of the final result, noise there must cost more"
    " than as much noise in random directions.",
    "interchange": "A variable's subspace takes over what it holds on another prompt, and in the"
    " program the variable takes over its value there. If the student uses the variable as the"
    " program does, both then answer alike.",
    "steering": "A variable's subspace is set to the mean of what it holds where the variable has"
    " a value, and in the program the variable is set to that value.",
}
PICTURES = {
    "noise": "Accuracy and loss by the norm of the noise, for noise in the final result's subspace,"
    " in random ones of equal rank and in the complement, with 95 % bands.",
    "interchange": "Interchange intervention accuracy of each variable beside that of random"
    " subspaces of equal rank, with 95 % intervals.",
    "steering": "Share of the answers that follow each variable, beside random subspaces of equal"
    " rank, with 95 % intervals.",
}


def write_probe(bundle: Bundle, reports: Reports, path: Path) -> None:
    """Writes the page."""
    from rinject.cli.probe import drawings

    draws = drawings(reports)
    shown = _shown(reports)
    sections = [
        {
            "name": name,
            "title": TITLES[name],
            "meaning": MEANINGS[name],
            "picture": picture(draws[name], PICTURES[name]) if name in draws else Markup(""),
            "caption": PICTURES[name],
            "columns": cells[0],
            "rows": cells[1],
            "notes": notes,
        }
        for name, (cells, notes) in shown.items()
    ]
    variables = variable_data(reports)
    write_page(
        path,
        "probe",
        title=f"{bundle.program.header.name} in {bundle.record.base.name}, probed",
        data={"variables": variables},
        sections=sections,
        has_variables=bool(variables),
    )


def _shown(reports: Reports) -> dict[str, tuple[Shown, list[str]]]:
    found: dict[str, tuple[Shown, list[str]]] = {}
    if reports.noise:
        found["noise"] = noise_cells(reports.noise, full=True), noise_notes(reports.noise)
    if reports.interchange:
        swapped = reports.interchange
        found["interchange"] = (
            interchange_cells(swapped, full=True),
            interchange_notes(swapped),
        )
    if reports.steering:
        steered = reports.steering
        found["steering"] = steering_cells(steered, full=True), steering_notes(steered)
    return found


def variable_data(reports: Reports) -> list[dict[str, Any]]:
    """What `probe.js` shows of each variable, in the order of the program's layers."""
    found: dict[str, dict[str, Any]] = {}
    for report in (reports.interchange, reports.steering):
        for one in report.variables if report else ():
            entry = found.setdefault(
                one.name,
                {
                    "name": one.name,
                    "layer": one.layer,
                    "studentLayer": one.student_layer,
                    "rank": one.rank,
                },
            )
            entry["interchange" if isinstance(report, InterchangeReport) else "steering"] = _effect(
                one.effect
            )
    for name, values in _values(reports.steering).items():
        found[name]["values"] = values
    return list(found.values())


def _values(report: SteeringReport | None) -> dict[str, list[dict[str, Any]]]:
    return {
        one.name: [
            {"value": word(value.value), "occurrences": value.occurrences} | _effect(value.effect)
            for value in one.values
        ]
        for one in (report.variables if report else ())
    }


def _effect(effect: Effect) -> dict[str, Any]:
    changed: Share = effect.followed_changed
    return {
        "n": changed.n,
        "share": changed.value,
        "own": percent(changed),
        "random": percent(effect.random_changed),
    }
