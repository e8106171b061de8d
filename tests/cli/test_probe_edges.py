"""`rinject probe --edges`: its tables, its picture and mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_line import run
from matplotlib.colors import to_hex

from rinject.cli.console import stdout
from rinject.cli.diagram_figure import OUTLINE
from rinject.cli.probe_edges_figure import draw_edges
from rinject.cli.probe_edges_tables import broken, edge_notes, edge_tables, verdicts
from rinject.compiler import compile_program
from rinject.evaluate.edges import (
    EdgeFaithfulness,
    EdgeReport,
    Replacements,
    Source,
    SourceEdges,
)
from rinject.evaluate.probe import Share
from rinject.graph.edges import edges_of
from rinject.inject.rows import rows_of
from rinject.lang import load_program

QUICK = ("--edges", "--n", "10", "--task", "mine.py:Mine")
SUITE = ("--suite", "opened")
SHUFFLE_DYCK = Path(__file__).parents[2] / "programs" / "shuffle_dyck.rasp"
OWN = """
from rinject.tasks import Sampler, Suite

def texts(*ready):
    return lambda rng: iter(ready)

def truth(text):
    return text.count("(") < 3

class Mine(Sampler):
    kinds = ("any",)
    suites = (
        Suite("opened", "many of a kind", texts("((", "(((("), truth),
        Suite("wrong", "what the program has never heard of", texts("(", "((("), lambda _: False),
        Suite("endless", "more than there is room for", texts(50 * "["), truth),
    )

    def __init__(self, header):
        self.header = header

    def draw(self, kind, rng):
        return "".join(rng.choices("()[]{}", k=rng.randint(3, 9)))

    def output(self, text):
        return truth(text)
"""


@pytest.fixture(autouse=True)
def _own_task(injected: Path) -> Iterator[None]:
    """A task with suites, where the bundle is; it is gone afterwards."""
    (injected / "mine.py").write_text(OWN)
    yield
    (injected / "mine.py").unlink()


def test_edges_as_json(injected: Path) -> None:
    ran = run("probe", *QUICK, *SUITE, "--json", where=injected)
    assert ran.code == 0, ran.err
    edges = ran.json["edges"]
    assert edges["positions"] == "answer"
    plain, suite = edges["sources"]
    assert [plain["source"], suite["source"]] == ["in distribution", "opened"]
    assert (suite["supported"], suite["solved"]) == (True, 1)
    assert (plain["examples"], suite["examples"]) == (10, 2)
    for source in (plain, suite):
        by_name = {one["variable"]: one for one in source["edges"]}
        assert by_name["opened"]["inputs"] == ["tokens"]
        assert by_name["opened"]["kind"] == "width"
        assert by_name["opened"]["positions"] == source["read"]
        assert set(by_name["result"]["inputs"]) >= {"tokens", "opened"}
        assert list(source["replacements"]) == [
            *("as it is", "ignored", "attended", "same symbol", "shifted", "filler"),
        ]
    everywhere = ("--suite", "none", "--positions", "all", "--json")
    (found,) = run("probe", *QUICK, *everywhere, where=injected).json["edges"]["sources"]
    assert found["edges"][0]["positions"] > 5 * found["read"]
    assert run("probe", *QUICK, *SUITE, "--json", where=injected).out == ran.out


def test_tables_and_a_picture(injected: Path, tmp_path: Path) -> None:
    picture = tmp_path / "edges.svg"
    ran = run("probe", *QUICK, *SUITE, "--plot", picture, where=injected)
    assert ran.code == 0, ran.err
    assert "edge faithfulness, %" in ran.out
    assert "width: tokens" in ran.out
    assert "an attended token" in ran.out
    assert "in distribution: " in ran.out
    tables = [line for line in ran.out.splitlines() if not line.startswith(("in dis", "opened:"))]
    assert all(len(line) <= 80 for line in tables)
    assert "n = 10" in ran.err
    written = "".join(ElementTree.parse(picture).getroot().itertext())
    assert "shuffle_dyck, in distribution" in written
    assert "shuffle_dyck, opened" in written


def test_what_training_never_showed(injected: Path) -> None:
    ran = run("probe", *QUICK, *SUITE, "--coverage", "--json", where=injected)
    assert ran.code == 0, ran.err
    edges = ran.json["edges"]
    assert edges["training"]["examples"] > 0
    assert edges["training"]["combinations"]["opened"] > 1
    plain, suite = ({e["variable"]: e for e in one["edges"]} for one in edges["sources"])
    assert all(0 <= edge["new"] <= edge["n"] for edge in (*plain.values(), *suite.values()))
    without = run("probe", *QUICK, *SUITE, "--json", where=injected).json["edges"]
    assert without["training"] is None
    assert {edge["new"] for edge in without["sources"][0]["edges"]} == {None}
    shown = run("probe", *QUICK, *SUITE, "--coverage", where=injected)
    assert "came together in none of the" in shown.err


def test_suites_that_the_program_does_not_support(injected: Path) -> None:
    ran = run("probe", *QUICK, "--json", where=injected)
    assert ran.code == 0, ran.err
    sources = ran.json["edges"]["sources"]
    assert [one["source"] for one in sources] == ["in distribution", "opened"]
    assert "wrong: left out, the program itself answers 50 % right" in ran.err
    assert "endless: left out, the program can read none of its 1 examples" in ran.err
    ran = run("probe", *QUICK, "--suite", "wrong", "--json", where=injected)
    assert ran.code == 0, ran.err
    assert "wrong: the program itself answers 50 % right" in ran.err
    _, wrong = ran.json["edges"]["sources"]
    assert (wrong["supported"], wrong["solved"]) == (False, 0.5)


def test_a_program_without_suites(injected: Path) -> None:
    ran = run("probe", "--edges", "--n", "5", "--json", where=injected)
    assert ran.code == 0, ran.err
    assert "there are no out-of-distribution suites for" in ran.err
    assert [one["source"] for one in ran.json["edges"]["sources"]] == ["in distribution"]
    ran = run("probe", "--edges", *SUITE, where=injected)
    assert ran.code == 2
    assert "there are no out-of-distribution suites for" in ran.err


# --- a report that is made by hand ----------------------------------------------------------------


@pytest.fixture(scope="module")
def report() -> EdgeReport:
    """All edges right, but for two on the second kind of input."""
    graph = compile_program(load_program(SHUFFLE_DYCK)).graph
    rows, none = rows_of([[1]], [[2]]), Replacements({}, None)
    broken = {"aggregated_diffs": 8, "final_result": 2}
    new = {"final_result": 75}

    def edges(right: dict[str, int]) -> tuple[EdgeFaithfulness, ...]:
        return tuple(
            EdgeFaithfulness(
                one, Share((right.get(one.name, 100),), 100), 100, 2, new.get(one.name, 0)
            )
            for one in edges_of(graph)
        )

    few = tuple(EdgeFaithfulness(one, Share((0,), 3), 100, 1) for one in edges_of(graph))
    plain, beyond = Source("plain", "", rows, 1, 1.0), Source("beyond", "", rows, 1, 1.0)
    return EdgeReport(
        graph,
        "answer",
        (
            SourceEdges(plain, edges({}), none),
            SourceEdges(beyond, edges(broken), none),
            SourceEdges(Source("few", "", rows, 1, 1.0), few, none),
        ),
        seed=0,
    )


def test_the_first_to_break_is_marked_and_named(report: EdgeReport) -> None:
    sentences = [line.plain for line in verdicts(report)]
    assert sentences == [
        "plain: none of 16 edges breaks",
        "beyond: first to break: aggregated_diffs (layer 3), right at 8 % of 100 positions where"
        " ()_diffs, {}_diffs, []_diffs are right",
        "few: too few positions to judge any edge",
    ]
    with stdout.capture() as shown:
        for table in edge_tables(report, 120):
            stdout.print(table, width=120)
    text = shown.get()
    assert text.count("✗ first") == 1
    assert text.count("✗") == 2
    assert "0.0 (0-56)°" in text
    assert text.count("new 75 %") == 2  # on both kinds of input that were made so


def test_the_rule_of_the_training_inputs_is_named(report: EdgeReport) -> None:
    assert not any("--data" in line for line in edge_notes(report))
    assert report.to_record()["data"] == "paper"
    (line,) = (line for line in edge_notes(replace(report, data="spread")) if "--data" in line)
    assert line.startswith("trained with --data spread: ")


def test_what_is_new_is_said_of_an_edge_that_breaks(report: EdgeReport) -> None:
    (edge,) = (one for one in report.sources[1].edges if one.edge.name == "final_result")
    assert broken(edge, report.graph).endswith("are right; no training example has 75 % of these")


def test_tables_fit_any_width(report: EdgeReport) -> None:
    assert len(list(edge_tables(report, 40))) == 3
    assert len(list(edge_tables(report, 80))) == 1


def test_what_breaks_is_outlined(report: EdgeReport) -> None:
    figure = draw_edges(report, "shuffle_dyck")
    plain, beyond, few = figure.axes
    outlined = [
        sum(to_hex(patch.get_edgecolor()) == OUTLINE for patch in axes.patches)
        for axes in (plain, beyond, few)
    ]
    assert outlined == [0, 2, 0]
    texts = [text.get_text() for text in beyond.texts]
    assert "8 % of 100 ✗, first" in texts
    assert "2 % of 100 ✗" in texts
    assert "shuffle_dyck, beyond, mean 0.88" in texts


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--suite", "all"), "--suite goes with --edges"),
        (("--coverage",), "--coverage goes with --edges"),
        (("--edges", "--variable", "result"), "--edges does not go with --variable"),
        (("--edges", "--html", "a.html"), "--edges does not go with --html"),
        (("--edges", "((", "--set", "result=True"), "--edges does not go with a prompt"),
        (("--edges", "--plot", "a.txt"), "does not end like a picture"),
        ((*QUICK, "--suite", "openned"), "did you mean `opened`"),
    ],
)
def test_mistakes(injected: Path, options: tuple[str, ...], message: str) -> None:
    ran = run("probe", *options, where=injected)
    assert ran.code == 2
    assert message in ran.err
