"""`rinject draw`, and the drawings it makes."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_line import run
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text
from rich.console import Console

from rinject.cli.console import stdout
from rinject.cli.diagram_figure import figure_of
from rinject.cli.diagram_layout import lay_out
from rinject.cli.diagram_page import elided
from rinject.cli.drawing import diagram_text, save_drawing
from rinject.compiler import compile_program
from rinject.compiler.diagram import Diagram, DiagramNode, Kind, Read, Role, diagram_of
from rinject.errors import InputError
from rinject.lang import load_program

SHUFFLE_DYCK = Path(__file__).parents[2] / "programs" / "shuffle_dyck.rasp"
KINDS: tuple[Kind, ...] = ("width", "aggregate", "mlp")
ROLES: dict[Kind, tuple[Role, ...]] = {
    "width": ("keys", "queries"),
    "aggregate": ("keys", "queries", "values"),
    "mlp": ("argument", "argument", "argument"),
}
MIXED = """
first = indices == 0;
the_token_before_this_one_or_else_a = aggregate(select(indices, indices - 1, ==), tokens, "a");
same = select(tokens, tokens, ==) or select(indices, indices, <);
seen = named(selector_width(same), "cost $x^2$ of [bold]it[/bold]");
share = aggregate(full_s, indicator(tokens == "a"));
out = seen > 1 and the_token_before_this_one_or_else_a != tokens and not first and share > 0.2;
"""
WIDTH = 94
SMALL_TEXT = """\
shuffle_dyck

embedding   layer 1               layer 2
            attention, 1 head     MLP
──────────────────────────────────────────────────
tokens 8    opened 41             result 2
              width: keys tokens    tokens, opened
indices 40

missing 1
  indices

Each variable with its number of values, and below it what it is made of.
2 layers, residual width 94, 5 variables
"""
DYCK_START = """\
shuffle_dyck

embedding
             variable              values  reads
             tokens                     8

layer 1: 6 heads, MLP decodes 6 numbers
  width      (_start_counts            49  keys tokens
"""
DYCK_END = """\
layer 3: 3 heads, MLP decodes 3 numbers and computes 1 variable
  width      ()_negative_counters      49  keys ()_diffs
  width      {}_negative_counters      49  keys {}_diffs
  width      []_negative_counters      49  keys []_diffs
  MLP        aggregated_diffs           2  ()_diffs, {}_diffs, []_diffs

layer 4: MLP computes 3 variables
  MLP        aggregated_negatives       2  ()_negative_counters,
                                           {}_negative_counters,
                                           []_negative_counters
  MLP        unfiltered_result          2  ()_negative_counters,
                                           {}_negative_counters,
                                           []_negative_counters,
                                           aggregated_diffs
  MLP        final_result               2  tokens, ()_negative_counters,
                                           {}_negative_counters,
                                           []_negative_counters,
                                           aggregated_diffs

4 layers, residual width 755, 17 variables
"""


def mixed() -> Diagram:
    """Every kind of node, and names that are long or have marks in them."""
    program = load_program(text=MIXED)
    model = compile_program(program, vocab="abc", max_seq_len=4, causal=True)
    return diagram_of(model.graph, name="mixed")


def dyck() -> Diagram:
    program = load_program(SHUFFLE_DYCK)
    return diagram_of(compile_program(program).graph, name=program.name)


def text_of(diagram: Diagram, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), highlight=False)
    console.print(diagram_text(diagram, width))
    assert isinstance(console.file, io.StringIO)
    return trimmed(console.file.getvalue())


def trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


@st.composite
def diagrams(draw: st.DrawFn) -> Diagram:
    """Up to five layers of nodes that read any of those before them."""
    layers = draw(st.integers(0, 5))
    nodes = [DiagramNode("tokens", "embedding", 0, 4, 4, (), False, False)]
    for layer in range(1, layers + 1):
        before = [node.name for node in nodes]
        for number in range(draw(st.integers(1, 4))):
            kind = draw(st.sampled_from(KINDS))
            read = tuple(Read(draw(st.sampled_from(before)), role) for role in ROLES[kind])
            name = f"{kind}_{layer}_{number}" + "x" * draw(st.integers(0, 40))
            nodes.append(DiagramNode(name, kind, layer, 9, 9, read, kind == "width", False))
    return Diagram("random", nodes[-1].name, layers, 99, tuple(nodes))


# --- text ---------------------------------------------------------------------------------------


def test_columns_side_by_side(here: Path) -> None:
    ran = run("draw", "dyck.rasp", where=here)
    assert ran.code == 0, ran.err
    assert trimmed(ran.out) == SMALL_TEXT
    assert "warning: the program never tells" in ran.err


def test_layers_below_each_other(here: Path) -> None:
    ran = run("draw", SHUFFLE_DYCK, where=here)
    assert ran.code == 0, ran.err
    assert trimmed(ran.out).startswith(DYCK_START)
    assert trimmed(ran.out).endswith(DYCK_END)


def test_a_wide_terminal(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdout, "width", 120)
    ran = run("draw", SHUFFLE_DYCK, where=here)
    heads = ["embedding", *(f"layer {layer}" for layer in (1, 2, 3, 3, 4))]
    assert re.split(r" {2,}", ran.out.splitlines()[2].strip()) == heads


@given(diagrams(), st.integers(40, 130))
def test_text_fits_the_terminal_and_names_everything(diagram: Diagram, width: int) -> None:
    shown = text_of(diagram, width)
    assert max(map(len, shown.splitlines())) <= width
    assert all(node.name[:10] in shown for node in diagram.nodes)


def test_pairs_and_constants_are_named_in_the_text() -> None:
    constant = DiagramNode("three", "constant", 0, 1, 1, (), False, False)
    found = mixed()
    nodes = (*found.nodes, constant)
    shown = text_of(Diagram("mixed", "out", 2, found.residual_width, nodes), 80)
    assert "  pair       pair_1" in shown
    assert "constants, not drawn: three\n" in shown
    assert "[bold]it[/bold]" in shown


# --- pictures -----------------------------------------------------------------------------------


@given(diagrams())
def test_nothing_overlaps_in_a_layout(diagram: Diagram) -> None:
    layout = lay_out(diagram, 30.0)
    assert sorted(i.source for c in layout.columns for i in c if i.is_node) == sorted(
        node.name for node in diagram.drawn
    )
    assert all(edge.stop.column == edge.start.column + 1 for edge in layout.edges)
    for column in layout.columns:
        for upper, lower in pairwise(column):
            space = layout.y[lower] - layout.y[upper]
            assert space > layout.reach(upper) + layout.reach(lower) + 8.9
    assert all(layout.y[i] > layout.reach(i) - 1e-6 for c in layout.columns for i in c)
    assert all(layout.y[i] <= layout.height for c in layout.columns for i in c)


@given(diagrams())
def test_every_read_is_a_way_in_the_layout(diagram: Diagram) -> None:
    layout = lay_out(diagram, 30.0)
    before = {
        edge.stop: [e.start for e in layout.edges if e.stop == edge.stop] for edge in layout.edges
    }
    for node in diagram.drawn:
        (item,) = (i for c in layout.columns for i in c if i.is_node and i.source == node.name)
        assert {start.source for start in before.get(item, [])} == {r.name for r in node.reads}
    for waypoint in layout.waypoints:
        assert [start.source for start in before[waypoint]] == [waypoint.source]


@pytest.mark.parametrize("make", [dyck, mixed])
def test_no_text_overlaps_another_or_leaves_the_picture(make: Callable[[], Diagram]) -> None:
    figure = figure_of(make())
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text()]
    assert len(boxes) > 30
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    page = figure.bbox
    assert all(page.x0 < box.x0 < box.x1 < page.x1 for box in boxes)
    assert all(page.y0 < box.y0 < box.y1 < page.y1 for box in boxes)


def test_the_texts_of_a_picture(tmp_path: Path) -> None:
    save_drawing(mixed(), tmp_path / "mixed.svg")
    root = ElementTree.parse(tmp_path / "mixed.svg").getroot()
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("pair") == 1
    wanted = [
        "mixed",
        "layer 1",
        "attention, 2 heads",
        "width, 4 values",
        "cost $x^2$ of…ld]it[/bold]",
    ]
    assert set(wanted) <= set(texts)
    assert {"the_token_bef…ne_or_else_a", "keys and queries", "values", "arguments"} <= set(texts)


def test_a_picture_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        save_drawing(dyck(), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.svg", b"<?xml"), ("made/a.png", b"\x89PNG"), ("a.PDF", b"%PDF")],
)
def test_formats(here: Path, name: str, start: bytes) -> None:
    ran = run("draw", "dyck.rasp", "-o", name, where=here)
    assert ran.code == 0, ran.err
    assert ran.out == ""
    assert f"saved in {name}" in ran.err
    assert (here / name).read_bytes().startswith(start)
    assert len(list((here / name).parent.iterdir())) == (1 if "/" in name else 2)


def test_a_name_in_letters_that_the_font_lacks(tmp_path: Path) -> None:
    node = DiagramNode("符号", "embedding", 0, 2, 2, (), False, False)
    save_drawing(Diagram("符号", "符号", 0, 3, (node,)), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0


def test_long_names_lose_their_middle() -> None:
    assert elided("abcdefgh", 8) == "abcdefgh"
    assert elided("abcdefghi", 8) == "abcd…ghi"


# --- options and errors -------------------------------------------------------------------------


def test_json(here: Path) -> None:
    ran = run("draw", "dyck.rasp", "--json", "-o", "a.svg", where=here)
    assert ran.code == 0, ran.err
    assert "warning: the program never tells" in ran.err
    assert ran.json["layers"] == 2
    assert ran.json["residual_width"] == WIDTH
    assert [node["name"] for node in ran.json["nodes"]] == [
        *("tokens", "opened", "indices", "missing", "result")
    ]
    assert ran.json["nodes"][1]["reads"] == [{"name": "tokens", "role": "keys"}]
    assert (here / "a.svg").is_file()


def test_options_reach_the_compiler(here: Path) -> None:
    (here / "own.rasp").write_text(
        'program own { vocabulary "a"; longest 9; attention causal; output out; }\nout = length;\n'
    )
    assert "`length` looks ahead" in run("draw", "own.rasp", where=here).err
    ran = run("draw", "own.rasp", "--full", "--max-seq-len", "5", "--json", where=here)
    assert ran.code == 0, ran.err
    assert ran.json["nodes"][0]["values"] == 5


@pytest.mark.parametrize("name", ["a.bmp", "a"])
def test_an_unknown_format(here: Path, name: str) -> None:
    ran = run("draw", "dyck.rasp", "-o", name, where=here)
    assert ran.code == 2
    assert "hint: the formats are .svg, .png, .pdf" in ran.err
    assert not (here / name).exists()


def test_places_that_cannot_be_written_to(here: Path) -> None:
    ran = run("draw", "dyck.rasp", "-o", "dyck.rasp/a.svg", where=here)
    assert ran.code == 2
    assert "cannot write to" in ran.err
    (here / "taken.svg").mkdir()
    ran = run("draw", "dyck.rasp", "-o", "taken.svg", where=here)
    assert ran.code == 2
    assert "taken.svg is a directory" in ran.err


def test_a_program_with_mistakes(here: Path) -> None:
    (here / "bad.rasp").write_text("x = tokns;")
    ran = run("draw", "bad.rasp", "-o", "a.svg", where=here)
    assert ran.code == 2
    assert "bad.rasp:1:5: error: unknown name `tokns`" in ran.err
    assert not (here / "a.svg").exists()


def test_a_program_without_a_header(here: Path) -> None:
    (here / "plain.rasp").write_text("out = indices + 1;")
    ran = run("draw", "plain.rasp", where=here)
    assert ran.code == 2
    assert "the vocabulary and the longest input are not known" in ran.err


def test_a_picture_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not end like a picture"):
        save_drawing(mixed(), tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_starts_without_matplotlib() -> None:
    program = "import sys, rinject.cli.main; print('matplotlib' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False\n"
