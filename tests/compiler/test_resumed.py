"""What follows from a stream whose values were changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rinject.circuit.model import read_slot
from rinject.circuit.transformer import attend, transform
from rinject.compiler import compile_program
from rinject.graph.tables import NONE
from rinject.lang import load_program

SOURCE = """
program counts {
    vocabulary "a", "b", "c";
    longest    9;
    attention  causal;
    output     answer;
}

some = selector_width(select(tokens, "a", ==));
others = selector_width(select(tokens, "b", ==));
gap = some - others;
lows = selector_width(select(gap, 0, <));
answer = lows > 1 and gap == 0;
"""
MODEL = compile_program(load_program(text=SOURCE), table_limit=40)
GRAPH = MODEL.graph
NAMES = [one.name for one in GRAPH.variables]
LAST = max(one.layer for one in GRAPH.variables)
INPUTS = st.lists(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=9), min_size=1, max_size=4
).map(GRAPH.encode)


def changed(ids: np.ndarray, layer: int, seed: int) -> np.ndarray:
    """The values with any others, of all variables up to that layer, at half the positions."""
    chance = np.random.default_rng(seed)
    values = GRAPH.variable_values(ids)
    for place, one in enumerate(GRAPH.variables):
        drawn = chance.integers(0, one.size, ids.shape)
        taken = (one.layer <= layer) & (chance.random(ids.shape) < 0.5) & (ids != NONE)
        values[..., place] = np.where(taken, drawn, values[..., place])
    return values


@given(INPUTS, st.integers(0, LAST))
def test_an_unchanged_stream_changes_nothing(ids, layer):
    values = GRAPH.variable_values(ids)
    assert np.array_equal(GRAPH.resumed(ids, layer, values), values)


@given(INPUTS, st.integers(0, LAST), st.integers(0, 99))
def test_what_is_given_stays_and_what_follows_is_computed_from_it_alone(ids, layer, seed):
    given_values = changed(ids, layer, seed)
    noise = np.where([one.layer > layer for one in GRAPH.variables], 0, given_values)
    found = GRAPH.resumed(ids, layer, given_values)
    assert np.array_equal(GRAPH.resumed(ids, layer, noise), found)
    for place, one in enumerate(GRAPH.variables):
        if one.layer <= layer:
            assert np.array_equal(found[..., place], given_values[..., place])


@given(INPUTS, st.integers(0, 99))
def test_the_gap_follows_the_counts(ids, seed):
    counts = GRAPH.variable("some").layer
    assert counts < GRAPH.variable("gap").layer
    found = GRAPH.resumed(ids, counts, changed(ids, counts, seed))
    value = {
        name: np.array([*one.values, NONE], dtype=int)[found[..., NAMES.index(name)]]
        for name, one in zip(NAMES, GRAPH.variables, strict=True)
        if name in ("some", "others", "gap", "lows")
    }
    here = ids != NONE
    assert np.array_equal(value["gap"][here], (value["some"] - value["others"])[here])
    lows = np.cumsum((value["gap"] < 0) & here, axis=1)
    assert np.array_equal(value["lows"][here], lows[here])


@pytest.mark.parametrize("layer", range(LAST + 1))
def test_the_compiled_model_agrees(layer):
    """Its own stream is changed, and its later layers run on it."""
    ids = GRAPH.encode([list("abacab"), list("bbaacbacb")])
    values = changed(ids, layer, 1)
    rows, transformer = torch.from_numpy(ids), MODEL.transformer
    stream = transformer.residuals(rows)[layer]
    for place, one in enumerate(GRAPH.variables):
        if one.layer <= layer:
            slot = MODEL.layout.slot(one.name)
            assert slot.reading == "one-hot"
            assert slot.values == one.values
            hot = np.eye(one.size + 1)[values[..., place]][..., :-1]  # none: the last, left out
            stream[:, 1:, slot.start : slot.stop] = torch.from_numpy(hot)
    mask = transformer.mask(transformer.with_bos(rows))
    for later in transformer.layers[layer:]:
        stream = stream + attend(later, stream, mask)
        stream = stream + transform(later, stream)
    found, expected = stream[:, 1:], GRAPH.resumed(ids, layer, values)
    for place, one in enumerate(GRAPH.variables):
        known = np.array([*one.values, None], dtype=object)
        read = np.array(read_slot(MODEL.layout.slot(one.name), found), dtype=object)
        assert np.array_equal(read[ids != NONE], known[expected[ids != NONE, place]])
