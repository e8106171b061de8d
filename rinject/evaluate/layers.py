"""Fidelity at every aligned layer: where in the student each variable comes to be."""

from __future__ import annotations

from dataclasses import dataclass

from rinject.inject import fidelity as reading
from rinject.inject.bundle import Bundle
from rinject.inject.rows import Rows


@dataclass(frozen=True)
class LayerFidelity:
    """Fidelity at each aligned layer of the student."""

    layers: tuple[int, ...]
    """The student's, aligned with the compiled streams 0 to k."""
    variables: tuple[str, ...]
    """Those that change."""
    shares: tuple[tuple[float | None, ...], ...]
    """For each variable, at each layer; None before the program has computed it."""


def fidelity_by_layer(bundle: Bundle, rows: Rows) -> LayerFidelity:
    """The fidelity of the changing variables, see :func:`rinject.evaluate.fidelity`.

    Raises InputError for a prompt that does not fit the program.
    """
    targets = bundle.targets
    maps, layers = bundle.projection.maps(), bundle.record.layers
    streams = range(len(layers))
    reports = reading.fidelity_at(bundle.model, maps, layers, targets, rows, streams)
    since = {variable.name: variable.layer for variable in maps.slices}
    changing = reports[-1].changing
    return LayerFidelity(
        layers=layers,
        variables=changing,
        shares=tuple(
            tuple(
                report.variables[name] if layer >= since[name] else None
                for layer, report in enumerate(reports)
            )
            for name in changing
        ),
    )
