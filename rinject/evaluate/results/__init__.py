"""Everything about a few bundles as one typed record, and as the sections of a report."""

from rinject.evaluate.results.collect import Collector, Subject
from rinject.evaluate.results.effort import QUICK, Effort
from rinject.evaluate.results.markdown import markdown
from rinject.evaluate.results.parts import Material
from rinject.evaluate.results.record import (
    Compiled,
    Results,
    Run,
    is_results,
    load_results,
    save_results,
)
from rinject.evaluate.results.sections import Picture, Section, Table
from rinject.evaluate.results.store import Outcome, Store
from rinject.evaluate.results.tables import sections

__all__ = [
    "QUICK",
    "Collector",
    "Compiled",
    "Effort",
    "Material",
    "Outcome",
    "Picture",
    "Results",
    "Run",
    "Section",
    "Store",
    "Subject",
    "Table",
    "is_results",
    "load_results",
    "markdown",
    "save_results",
    "sections",
]
