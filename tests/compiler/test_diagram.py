"""The description of a scheduled graph that drawings are made from."""

from __future__ import annotations

import json
from operator import eq
from pathlib import Path

import pytest
from programs_table import CASES, Case
from tracr.rasp import rasp

from rinject.compiler import compile_program
from rinject.compiler.diagram import Diagram, DiagramNode, Read, diagram_of
from rinject.lang import load_program

SHUFFLE_DYCK = Path(__file__).parents[2] / "programs" / "shuffle_dyck.rasp"


def diagram(source: str | rasp.SOp, *, causal: bool = False) -> Diagram:
    """Of a program on four tokens of "abc"."""
    program = load_program(text=source) if isinstance(source, str) else source
    model = compile_program(program, vocab="abc", max_seq_len=4, causal=causal)
    return diagram_of(model.graph)


def node(found: Diagram, name: str) -> DiagramNode:
    return {node.name: node for node in found.nodes}[name]


def test_the_columns_of_shuffle_dyck() -> None:
    program = load_program(SHUFFLE_DYCK)
    model = compile_program(program)
    found = diagram_of(model.graph, name=program.name)
    assert found.name == "shuffle_dyck"
    assert found.layers == model.num_layers
    assert found.residual_width == model.residual_width
    assert [(c.layer, c.place, [n.name for n in c.nodes]) for c in found.columns] == [
        (0, "embedding", ["tokens"]),
        (1, "attention", [f"{b}_{'end' if b in ')}]' else 'start'}_counts" for b in "(){}[]"]),
        (2, "mlp", ["()_diffs", "{}_diffs", "[]_diffs"]),
        (3, "attention", [f"{pair}_negative_counters" for pair in ("()", "{}", "[]")]),
        (3, "mlp", ["aggregated_diffs"]),
        (4, "mlp", ["aggregated_negatives", "unfiltered_result", "final_result"]),
    ]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nodes_read_what_is_computed_before(case: Case) -> None:
    program = load_program(text=case.source)
    model = compile_program(
        program, vocab=case.vocab, max_seq_len=case.max_seq_len, causal=case.causal
    )
    found = diagram_of(model.graph)
    assert [n.name for n in found.nodes] == list(model.variables)
    assert found.layers == model.num_layers
    assert found.residual_width == model.residual_width
    done: set[str] = set()
    for column in found.columns:
        inside = {n.name for n in column.nodes if column.place == "embedding"}
        for each in column.nodes:
            assert {read.name for read in each.reads} <= done | inside
        done |= {n.name for n in column.nodes}
    assert found.output in done


def test_what_a_head_reads() -> None:
    found = diagram("out = aggregate(select(indices, indices - 1, ==), tokens);")
    out = node(found, "out")
    assert (out.kind, out.place, out.layer) == ("aggregate", "attention", 1)
    assert out.width == out.values == 3
    assert out.reads == (
        Read("indices", "keys"),
        Read("indices", "queries"),
        Read("tokens", "values"),
    )
    assert not out.is_number


def test_constants_without_a_name_are_not_read() -> None:
    out = node(diagram('out = selector_width(select(tokens, "a", ==));'), "out")
    assert out.kind == "width"
    assert out.reads == (Read("tokens", "keys"),)
    assert out.is_number


def test_functions_of_tokens_are_in_the_embedding() -> None:
    found = diagram('vowel = tokens == "a"; out = vowel and indices > 1;')
    assert node(found, "vowel").kind == "embedding"
    assert node(found, "vowel").reads == (Read("tokens", "argument"),)
    assert node(found, "out").kind == "mlp"


def test_pairs_are_the_compiler_s() -> None:
    found = diagram(
        """
        earlier = select(indices, indices, <);
        pair_x = selector_width(earlier or select(tokens, tokens, ==));
        """
    )
    assert [n.name for n in found.nodes if n.is_pair] == ["pair_1"]
    assert node(found, "pair_1").kind == "mlp"


def test_named_constants_are_left_out_of_the_columns() -> None:
    letter = rasp.Full("a").named("letter")
    found = diagram(rasp.SelectorWidth(rasp.Select(rasp.tokens, letter, eq)).named("out"))
    assert [n.name for n in found.constants] == ["letter"]
    assert node(found, "out").reads == (Read("tokens", "keys"), Read("letter", "queries"))
    assert {n.name for c in found.columns for n in c.nodes} == {"tokens", "out"}
    assert found.drawn == tuple(n for n in found.nodes if n.name != "letter")


def test_a_constant_output_is_drawn() -> None:
    found = diagram(rasp.Full(3).named("three"))
    assert found.constants == ()
    assert [n.name for n in found.drawn] == ["three"]
    assert node(found, "three").kind == "constant"
    assert found.layers == 0


def test_the_record_is_json() -> None:
    found = diagram("seen = selector_width(select(tokens, tokens, ==));")
    record = json.loads(json.dumps(found.to_record()))
    assert record == {
        "program": "seen",
        "output": "seen",
        "layers": 1,
        "residual_width": 3 + 4 + 1 + 1,  # the variables, the BOS mark, one number
        "nodes": [
            {
                "name": "tokens",
                "kind": "embedding",
                "layer": 0,
                "width": 3,
                "values": 3,
                "reads": [],
                "is_number": False,
                "is_pair": False,
            },
            {
                "name": "seen",
                "kind": "width",
                "layer": 1,
                "width": 4,
                "values": 4,
                "reads": [
                    {"name": "tokens", "role": "keys"},
                    {"name": "tokens", "role": "queries"},
                ],
                "is_number": True,
                "is_pair": False,
            },
        ],
    }
