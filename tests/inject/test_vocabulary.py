"""Tokens that no example has: what the program makes of them, and where they are put."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from inject import small_injection
from inject.small_steps import losses_of
from transformers import AutoModelForCausalLM, BloomConfig, PreTrainedModel

from rinject.compiler import compile_program
from rinject.errors import InputError
from rinject.inject import vocabulary
from rinject.inject.batches import Batch
from rinject.inject.losses import distance_from_points
from rinject.inject.targets import Targets
from rinject.inject.vocabulary import PutTokens, Vocabulary, check_embedding, symbol_values
from rinject.lang import interpret, load_program
from rinject.student import residual_streams
from rinject.tokens import reconcile

POSITIONAL = """
program positional {
    vocabulary "a", "b", "_";
    longest 8;
    attention causal;
    output answer;
    prompt "{input}";
    otherwise "_";
    answer True is " yes";
    answer False is " no";
}
is_a = tokens == "a";
near = indices < 3;
both = is_a and near;
answer = selector_width(select(is_a, True, ==)) > 1 or both;
"""
WITHOUT_TOKENS = """
program without_tokens {
    vocabulary "a", "_";
    longest 8;
    attention causal;
    output answer;
    prompt "{input}";
    otherwise "_";
    answer True is " yes";
    answer False is " no";
}
answer = indices > 2;
"""


def tokens_in(vocabulary: Vocabulary, aligned: int = 5) -> PutTokens:
    return vocabulary.drawn(aligned, np.random.default_rng(0))


@pytest.fixture
def targets() -> Targets:
    return Targets(small_injection.compiled().graph, small_injection.reconciliation())


@pytest.fixture
def batch() -> Batch:
    return small_injection.batches(vocabulary=1.0).at(0)


def test_symbols_have_the_values_that_the_program_gives_them():
    program = load_program(text=POSITIONAL)
    graph = compile_program(program).graph
    values = symbol_values(graph)  # [symbols, V]
    told = {
        one.name for one, column in zip(graph.variables, values.T, strict=True) if column[0] >= 0
    }
    assert {"tokens", "is_a"} >= told > set()  # not what depends on the position, or comes later
    for variable, column in zip(graph.variables, values.T, strict=True):
        if variable.name in told:
            for symbol, value in zip(graph.vocab, column, strict=True):
                assert [variable.values[value]] == interpret(
                    program.find(variable.name), [symbol], causal=True
                )


def test_all_tokens_with_a_symbol_are_drawn(targets):
    put = tokens_in(Vocabulary(targets))
    symbols = targets.reconciliation.symbol_of
    assert sorted(put.ids.tolist()) == np.flatnonzero(symbols >= 0).tolist()
    assert set(put.at.tolist()) == set(range(5))
    (place,) = (i for i, one in enumerate(targets.graph.variables) if one.name == "tokens")
    names = targets.graph.variables[place].values
    read = [names[value] for value in put.targets[:, place]]
    assert read == targets.reconciliation.symbols(put.ids.tolist())
    for value in set(put.targets[:, place].tolist()):  # each symbol counts the same
        share = put.weights[put.targets[:, place] == value, place].sum()
        assert share.item() == pytest.approx(1 / len(names), rel=1e-5)


def test_of_many_tokens_some_are_drawn_and_always_those_of_symbols(targets, monkeypatch):
    monkeypatch.setattr(vocabulary, "MOST_TOKENS", 10)
    own = {token for one in targets.reconciliation.coverage for token in one.token_ids}
    put = tokens_in(Vocabulary(targets))
    assert own < set(put.ids.tolist())
    assert len(set(put.ids.tolist())) == len(own) + 10


def test_an_embedding_that_tells_no_symbols_apart():
    program = load_program(text=WITHOUT_TOKENS)
    compiled = compile_program(program)
    targets = Targets(compiled.graph, reconcile(small_injection.tokenizer(), program.header))
    with pytest.raises(InputError, match="tells no symbols apart"):
        Vocabulary(targets)


@pytest.mark.parametrize("kind", small_injection.CONFIGS)
@pytest.mark.parametrize("forward", ["joint", "apart"])
def test_tokens_are_aligned_where_they_are_put(kind, forward, batch):
    chosen = {"vocabulary": 2.0, "forward": forward, "roll": "none"}
    objective = small_injection.objective(kind, **chosen)
    put = batch.vocabulary
    without = losses_of(objective, replace(batch, vocabulary=None))["alignment"]
    expected = torch.zeros(())
    (place,) = (i for i, one in enumerate(objective.projection.slices) if one.name == "tokens")
    variable = objective.projection.slices[place]
    maps = objective.projection.maps()
    for token, at, target, weight in zip(*vars(put).values(), strict=True):
        row, column = divmod(batch.aligned_places[at].item(), batch.ids.shape[1])
        ids = batch.ids[row : row + 1, : column + 1].clone()
        ids[0, column] = token
        stream = residual_streams(objective.student, ids, layers=[0])[0][:, column]  # [1, D]
        own = maps.of(variable, stream[None])  # [1, 1, size]
        expected = expected + distance_from_points(own, target[None, None, place]) * weight[place]
    found = losses_of(objective, batch)["alignment"] - without
    torch.testing.assert_close(found, 2 * expected.sum(), rtol=1e-3, atol=1e-5)


def test_tokens_of_parts_are_put_in_their_own_rows(batch):
    parts = [batch.part(rank, 2) for rank in range(2)]
    assert sum(len(part.vocabulary.ids) for part in parts) == len(batch.vocabulary.ids)
    width, size = batch.ids.shape[1], len(batch.ids) // 2
    for rank, part in enumerate(parts):
        kept = batch.aligned_places[batch.vocabulary.at] // width // size == rank
        places = part.aligned_places[part.vocabulary.at] + rank * size * width
        assert torch.equal(places, batch.aligned_places[batch.vocabulary.at][kept])
        assert torch.equal(part.vocabulary.ids, batch.vocabulary.ids[kept])


def test_the_baseline_has_none():
    assert small_injection.batches(vocabulary=1.0, method="finetune").at(0).vocabulary is None


def test_descending_brings_unseen_tokens_to_their_symbols(batch):
    objective = small_injection.objective(vocabulary=5.0, roll="none", forward="joint")
    descent = torch.optim.Adam(objective.parameters(), lr=0.02)
    seen = set(batch.ids.flatten().tolist())
    unseen = torch.tensor([token not in seen for token in batch.vocabulary.ids.tolist()])
    (place,) = (i for i, one in enumerate(objective.projection.slices) if one.name == "tokens")

    def read_right() -> float:
        embedded = objective.student.get_input_embeddings()(batch.vocabulary.ids)  # [K, D]
        found = objective.projection.maps().read(0, embedded)[:, place]  # [K]
        right = found == batch.vocabulary.targets[:, place]
        return right[unseen].float().mean().item()

    before = read_right()
    for _ in range(40):
        descent.zero_grad()
        losses_of(objective, batch)["alignment"].backward()
        descent.step()
    assert read_right() == 1 > before


@pytest.mark.parametrize("kind", small_injection.CONFIGS)
def test_streams_that_begin_with_an_embedding_and_a_position(kind):
    check_embedding(small_injection.student(kind).model)


def test_a_stream_that_begins_with_something_else():
    with pytest.raises(InputError, match="does not begin with the embedding"):
        check_embedding(normalized_embedding())


def normalized_embedding() -> PreTrainedModel:
    """A student whose embedding is normalized before the first block."""
    torch.manual_seed(0)
    config = BloomConfig(vocab_size=32, hidden_size=16, n_layer=2, n_head=2)
    return AutoModelForCausalLM.from_config(config).eval()
