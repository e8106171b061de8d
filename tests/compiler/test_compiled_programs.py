"""Every program in `programs/` compiles into what it means, and docs/programs.md says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from program_examples import PAGES, Page

from rinject.circuit import CompiledModel
from rinject.compiler import compile_program, verify

DOCS = Path(__file__).parents[2] / "docs" / "programs.md"
RANDOM_INPUTS = 20


@dataclass(frozen=True)
class Compiled:
    """A program and what it compiles into."""

    page: Page
    model: CompiledModel

    @property
    def row(self) -> str:
        """Its line of the table in docs/programs.md."""
        page, header = self.page, self.page.load().header
        cells = (
            f"[`{page.name}`](../programs/{page.name}.rasp)",
            page.summary.replace("|", "\\|"),
            "causal" if header.causal else "full",
            str(self.model.num_layers),
            f"{self.model.residual_width:,}",
            "yes" if header.is_injectable else "no",
            page.labels["Source"],
        )
        return f"| {' | '.join(cells)} |"


@pytest.fixture(scope="module", params=PAGES, ids=str)
def compiled(request: pytest.FixtureRequest) -> Compiled:
    page: Page = request.param
    program = page.load()
    return Compiled(page, compile_program(program, causal=program.header.causal))


def test_it_verifies(compiled: Compiled) -> None:
    result = verify(compiled.model, random_inputs=RANDOM_INPUTS)
    assert (result.mismatches, result.undefined) == (0, 0), result.first
    assert result.inputs > RANDOM_INPUTS


def test_layers_and_width_are_as_said(compiled: Compiled, request: pytest.FixtureRequest) -> None:
    page = compiled.page
    if request.config.getoption("--update-golden"):
        _replace_line(page.path, "# Layers: ", f"# Layers:     {compiled.model.num_layers}")
        _replace_line(DOCS, compiled.row[: compiled.row.index(" | ")], compiled.row)
    else:
        assert page.layers == compiled.model.num_layers == compiled.model.graph.num_layers
        assert compiled.row in DOCS.read_text(encoding="utf-8").splitlines()


def _replace_line(path: Path, start: str, line: str) -> None:
    old = path.read_text(encoding="utf-8")
    pattern = re.compile(rf"^{re.escape(start)}.*$", re.MULTILINE)
    path.write_text(pattern.sub(lambda _: line, old), encoding="utf-8")


def test_the_table_lists_every_program() -> None:
    listed = re.findall(r"^\| \[`(\w+)`\]", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == [page.name for page in PAGES]
