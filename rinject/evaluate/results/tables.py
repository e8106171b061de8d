"""The results as the sections of a report, the paper's figures beside ours."""

from __future__ import annotations

from rinject.evaluate.results.groups import grouped
from rinject.evaluate.results.mechanism_tables import (
    decoding,
    fidelity,
    interchange,
    mechanism,
    noise,
)
from rinject.evaluate.results.method_tables import missing, programs, training
from rinject.evaluate.results.paper_tables import table_1, table_2, table_3
from rinject.evaluate.results.record import Results
from rinject.evaluate.results.sections import Section


def sections(results: Results) -> list[Section]:
    """Everything that was measured, in the order of the paper. What is missing is said at last."""
    groups = grouped(results)
    found = [
        mechanism(groups),
        table_1(groups),
        table_2(groups),
        table_3(groups),
        fidelity(groups),
        interchange(groups),
        noise(groups),
        decoding(groups),
        programs(results),
        training(results, groups),
        missing(groups),
    ]
    return [section for section in found if section.tables or section.pictures]
