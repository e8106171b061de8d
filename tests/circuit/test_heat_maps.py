"""Heat maps: what is in them, and the files that hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rinject.circuit import CompiledModel
from rinject.circuit.heat_map_panels import (
    BIAS,
    BOS_MARK,
    SCRATCH,
    Axis,
    Card,
    Group,
    dimensions,
    example_input,
    panel,
    pooled,
    pooled_product,
    stream_panels,
    weight_sections,
)
from rinject.circuit.heat_maps import save_heat_maps
from rinject.compiler import compile_program
from rinject.errors import InputError

PROGRAMS = Path(__file__).parents[2] / "programs"


@pytest.fixture(scope="module")
def sort() -> CompiledModel:
    return compile_program(PROGRAMS / "sort.rasp", causal=False)


@pytest.fixture(scope="module")
def dyck() -> CompiledModel:
    return compile_program(PROGRAMS / "shuffle_dyck.rasp")


# --- pooling ------------------------------------------------------------------------------------


def axis(sizes: list[int], gaps: list[int]) -> Axis:
    groups, start = [], 0
    for size, gap in zip(sizes, gaps, strict=True):
        groups.append(Group("g", start + gap, start + gap + size))
        start += gap + size
    return Axis(tuple(groups))


AXES = st.integers(1, 4).flatmap(
    lambda n: st.builds(
        axis,
        st.lists(st.integers(1, 70), min_size=n, max_size=n),
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
    )
)


@given(AXES, AXES, st.integers(0, 2**32 - 1))
def test_a_cell_shows_what_is_furthest_from_zero(rows: Axis, columns: Axis, seed: int) -> None:
    shape = rows.groups[-1].stop, columns.groups[-1].stop
    matrix = np.random.default_rng(seed).integers(-9, 10, size=shape).astype(float)
    cells = pooled(matrix, rows, columns)
    assert cells.shape == (len(rows.edges) - 1, len(columns.edges) - 1)
    assert cells.shape == (sum(rows.bins), sum(columns.bins))
    shown = [axis.of_cells(range(len(axis.groups))) for axis in (rows, columns)]
    for i, row in enumerate(rows.groups):
        for j, column in enumerate(columns.groups):
            part = matrix[row.start : row.stop, column.start : column.stop]
            drawn = cells[np.ix_(shown[0] == i, shown[1] == j)]
            assert np.abs(drawn).max() == np.abs(part).max()
            if drawn.shape == part.shape:
                assert (drawn == part).all()


@given(AXES, AXES, st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_a_product_is_pooled_as_a_matrix(rows: Axis, columns: Axis, inner: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    left = draw.integers(-3, 4, size=(rows.groups[-1].stop, inner)).astype(float)
    right = draw.integers(-3, 4, size=(columns.groups[-1].stop, inner)).astype(float)
    expected = pooled(left @ right.T, rows, columns)
    assert (pooled_product(left, right, rows, columns) == expected).all()


def test_a_panel_leaves_out_what_is_zero() -> None:
    both = Axis((Group("a", 0, 2), Group("b", 2, 4), Group("c", 4, 5, (), False)))
    matrix = np.zeros((5, 5))
    assert panel("", both, both, pooled(matrix, both, both)) is None
    matrix[2, 0], matrix[2, 4] = -3.0, 50.0
    shown = panel("", both, both, pooled(matrix, both, both))
    assert shown is not None
    assert [group.label for group in shown.rows.groups] == ["b"]
    assert [group.label for group in shown.columns.groups] == ["a", "c"]
    assert shown.cells.tolist() == [[-3.0, 0.0, 50.0], [0.0, 0.0, 0.0]]
    assert shown.scale == 3.0  # of the variables


# --- what is shown ------------------------------------------------------------------------------


def test_every_dimension_has_a_label(dyck: CompiledModel) -> None:
    groups = dimensions(dyck)
    assert [group.label for group in groups] == [*dyck.variables, BOS_MARK, SCRATCH, BIAS]
    ends = [(group.start, group.stop) for group in groups]
    assert [start for start, _ in ends] == [0, *(stop for _, stop in ends[:-1])]
    assert ends[-2][1] == dyck.residual_width


def test_the_stream_shows_each_value_where_it_is(sort: CompiledModel) -> None:
    stream = stream_panels(sort, "cab")
    assert stream.tokens == ("BOS", "c", "a", "b")
    assert [p.title for p in stream.panels] == [
        "embedding",
        *(f"after layer {i + 1}" for i in range(sort.num_layers)),
    ]
    rows = stream.panels[0].rows
    output = [group.label for group in rows.groups].index(sort.graph.output)
    member = rows.of_cells(range(len(rows.groups))) == output
    before, after = (stream.panels[at].cells[member] for at in (0, -1))
    assert not before.any()
    values = rows.groups[output].values
    shown = [values[int(column.argmax())] for column in after.T[1:]]
    assert shown == ["a", "b", "c"]
    assert not after[:, 0].any()


def test_an_input_of_other_symbols(sort: CompiledModel) -> None:
    with pytest.raises(InputError, match="is not in the vocabulary"):
        stream_panels(sort, "xyz")


def test_the_example_is_always_the_same_and_shows_much(dyck: CompiledModel) -> None:
    tokens = example_input(dyck)
    assert tokens == example_input(dyck)
    assert dyck.run(tokens) != [False] * len(tokens)


def test_weights_are_shown_by_variable(sort: CompiledModel) -> None:
    sections = weight_sections(sort)
    assert len(sections) == 1 + sort.num_layers
    wired = [head for layer in sort.wiring for head in layer.heads]
    cards = [card for section in sections for card in section.cards if "head" in card.title]
    assert len(cards) == len(wired)
    for card, head in zip(cards, wired, strict=True):
        assert card.title.endswith(head.variable)
        assert head.selector in card.subtitle
        pattern, moved = card.panels
        assert set(head.queries) <= labels(pattern.rows)
        assert set(head.keys) <= labels(pattern.columns)
        assert {head.operand} - {None} <= labels(moved.rows)
        if head.kind == "copy":
            assert head.variable in labels(moved.columns)
    for layer, section in zip(sort.wiring, sections[1:], strict=True):
        for card in filter(is_mlp, section.cards):
            reads, writes = card.panels
            assert {block.variable for block in layer.blocks if block.kind != "clear"} <= labels(
                reads.columns
            )
            assert labels(reads.columns) <= labels(writes.columns)


def labels(axis: Axis) -> set[str]:
    return {group.label for group in axis.groups}


def is_mlp(card: Card) -> bool:
    return card.title == "MLP"


def test_units_without_wiring_go_by_what_they_write(dyck: CompiledModel) -> None:
    plain = CompiledModel(dyck.transformer, dyck.layout, dyck.graph, dyck.backend)
    (mlp,) = filter(is_mlp, weight_sections(plain)[2].cards)
    assert {"()_diffs", "{}_diffs", "[]_diffs"} <= labels(mlp.panels[0].columns)


# --- files --------------------------------------------------------------------------------------

STARTS = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


@pytest.mark.parametrize("ending", STARTS)
def test_the_same_model_gives_the_same_picture(
    sort: CompiledModel, tmp_path: Path, ending: str
) -> None:
    files = [tmp_path / folder / f"sort{ending}" for folder in ("one", "two")]
    for path in files:
        save_heat_maps(sort, path)
    first, second = (path.read_bytes() for path in files)
    assert first == second
    assert first.startswith(STARTS[ending])
    assert [path.name for path in (tmp_path / "one").iterdir()] == [f"sort{ending}"]


def test_every_variable_is_named_in_the_picture(dyck: CompiledModel, tmp_path: Path) -> None:
    save_heat_maps(dyck, tmp_path / "dyck.svg", "([)]")
    picture = (tmp_path / "dyck.svg").read_text(encoding="utf-8")
    for name in dyck.variables:
        assert f">{name}<" in picture
    assert picture.count(">residual stream<") == 1


def test_names_with_odd_letters(tmp_path: Path) -> None:
    (tmp_path / "odd.rasp").write_text(
        'x = named(indices + 1, "a$b$ 漢\\n<c> " + "long" * 20);', encoding="utf-8"
    )
    model = compile_program(tmp_path / "odd.rasp", vocab=["\t", "漢", "$"], max_seq_len=3)
    for ending in STARTS:
        save_heat_maps(model, tmp_path / f"odd{ending}")
        assert (tmp_path / f"odd{ending}").stat().st_size > 1000


def test_a_failure_leaves_no_file(sort: CompiledModel, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        save_heat_maps(sort, tmp_path / "sort.png", "xyz")
    assert not any(tmp_path.iterdir())
