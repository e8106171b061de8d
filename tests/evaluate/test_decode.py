"""Decode tables of small untrained students, and of a map fitted to one prompt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from inject import small_injection

from rinject.errors import InputError
from rinject.evaluate import decode, decode_all
from rinject.inject.projection import Projection, variable_slices
from rinject.inject.rows import rows_of
from rinject.inject.targets import Targets
from rinject.student import residual_streams

PROMPT = "Is it balanced? (())\nAnswer:"


def test_prompt_and_bare_input_are_the_same(bundle):
    bare, full = decode(bundle, "(())"), decode(bundle, PROMPT + "\n")
    assert bare == full
    assert bare.prompt == PROMPT
    assert "".join(token.text for token in bare.tokens) == PROMPT
    assert [t.symbol for t in bare.tokens if t.symbol != "_"] == [*"(())", "compute"]


def test_true_values_are_the_programs(bundle):
    table = decode(bundle, "())")
    program, symbols = small_injection.program(), [token.symbol for token in table.tokens]
    names = [row.name for row in table.rows]
    assert {"opened", "depth", "lows", "before", "answer"} <= set(names)
    for row in table.rows:
        assert [cell.true for cell in row.cells] == program.evaluate(symbols, row.name)
    assert table.true_answer == " no"
    assert decode(bundle, "()()").true_answer == " yes"


def test_cells_without_a_value_are_neither_right_nor_wrong(bundle):
    table = decode(bundle, "()")
    before = next(row for row in table.rows if row.name == "before")
    assert before.cells[0].true is None
    assert before.cells[0].is_right is None
    assert before.cells[1].is_right in (True, False)


def test_a_layer_shows_what_it_holds(bundle):
    names = [[row.name for row in decode(bundle, "()", layer=i).rows] for i in range(5)]
    assert names[0] == ["tokens", "indices"]
    assert "opened" in names[1]
    assert "answer" not in names[3]
    assert len(names[4]) == len(bundle.graph.variables)
    table = decode(bundle, "()", layer=2)
    assert (table.layer, table.student_layer) == (2, 2)


def test_the_stretched_layer_is_the_one_read(bundle):
    record = replace(bundle.record, layers=(0, 0, 0, 0, 4))
    other = decode(replace(bundle, record=record), "()", layer=1)
    assert (other.layer, other.student_layer) == (1, 0)
    assert other.rows[0] == decode(bundle, "()", layer=0).rows[0]


def test_what_the_stream_holds_is_decoded(bundle):
    """A map that is fitted to one prompt, which has fewer tokens than the stream dimensions."""
    ids = bundle.reconciliation.student_ids(PROMPT)
    assert len(ids) <= small_injection.WIDTH
    values = Targets(bundle.graph, bundle.reconciliation).values(rows_of([ids], [[]]))  # [N, V]
    stream = residual_streams(bundle.model, torch.tensor([ids]), layers=[3])[3][0]  # [N, D]
    projection = Projection(variable_slices(bundle.graph), small_injection.WIDTH)
    with torch.no_grad():
        inverse = torch.linalg.pinv(stream.double())  # [D, N]
        for index, one in enumerate(projection.slices):
            hot = torch.zeros(len(ids), one.size, dtype=torch.float64)
            places = np.flatnonzero(values[:, index] >= 0)
            hot[places, values[places, index]] = 1
            projection.weight[0, one.start : one.stop] = (inverse @ hot).T
        projection.bias.zero_()
    table = decode(replace(bundle, projection=projection), PROMPT, layer=3)
    assert all(cell.is_right is not False for row in table.rows for cell in row.cells)
    constant = {row.name: row.is_constant for row in table.rows}
    assert constant["lows"]
    assert not constant["depth"]


def test_the_answer_is_one_of_the_programs_or_what_is_written(bundle):
    yes = bundle.reconciliation.student_ids(" yes")
    other = bundle.reconciliation.student_ids(" words")
    for tokens, answer in ((yes, " yes"), (other, bundle.reconciliation.text_of(other[0]))):
        always = torch.nn.Linear(small_injection.WIDTH, 320)
        with torch.no_grad():
            always.weight.zero_()
            always.bias.zero_()
            always.bias[tokens[0]] = 1
        bundle.model.set_output_embeddings(always)
        assert decode(bundle, "()").answer.startswith(answer)


def test_a_prompt_longer_than_the_program(bundle):
    message = "the prompt has 38 tokens, the program has 22 positions"
    with pytest.raises(InputError, match=message):
        decode(bundle, "(" * 30)


@pytest.mark.parametrize("layer", [-1, 5])
def test_a_layer_that_does_not_exist(bundle, layer):
    with pytest.raises(InputError, match=f"--layer {layer}") as caught:
        decode(bundle, "()", layer=layer)
    assert caught.value.hint == "its layers are 0 (the embedding) to 4"


def test_many_prompts_are_read_as_each_alone(bundle):
    texts = ["(())", ")", "()()()", PROMPT]
    together = decode_all(bundle, texts, layer=3, generate=True)
    alone = [decode(bundle, text, layer=3, generate=True) for text in texts]
    assert together == alone


def test_of_many_prompts_the_one_that_is_too_long_is_named(bundle):
    with pytest.raises(InputError, match=r"^'Is it balanced\? \({30}.*: the prompt has 38 tokens"):
        decode_all(bundle, ["()", "(" * 30])


def test_an_answer_that_the_program_does_not_read(bundle):
    plain, followed = decode(bundle, "()"), decode(bundle, "()", generate=True)
    count = len(plain.tokens)
    assert not plain.is_followed
    assert followed.is_followed
    assert (followed.answer, followed.prompt_tokens) == (plain.answer, count)
    assert "".join(token.text for token in followed.tokens[count:]) == plain.answer
    assert followed.tokens[count - 1].writes == followed.tokens[count].text
    for row, longer in zip(plain.rows, followed.rows, strict=True):
        assert longer.cells[:count] == row.cells
        assert all(cell.true is None for cell in longer.cells[count:])
        assert all(cell.decoded is not None for cell in longer.cells[count:])
    assert [token.is_read for token in followed.tokens].count(True) == count
