"""All tokens of a student: what the program makes of them, and where they go."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from inject import small_injection, small_run
from transformers import AutoModelForCausalLM, BloomConfig, OPTConfig

from rinject.compiler import compile_program
from rinject.errors import InputError
from rinject.inject.codes import CodedProjection
from rinject.inject.projection import Codes, variable_slices
from rinject.inject.randomness import torch_generator
from rinject.inject.settings import flag
from rinject.inject.targets import Targets
from rinject.inject.vocabulary import Vocabulary, check_embedding, clear_later, symbol_values
from rinject.lang import interpret, load_program
from rinject.student import Student
from rinject.tokens import reconcile

CODED = {"codes": "orthogonal"}
WIDE = 2 * small_injection.WIDTH  # where codes have more than one dimension
HEADER = """
program told {
    vocabulary "a", "b", "_";
    longest 8;
    attention causal;
    output answer;
    prompt "{input}";
    otherwise "_";
    answer True is " yes";
    answer False is " no";
}
"""
POSITIONAL = f"""{HEADER}
is_a = tokens == "a";
near = indices < 3;
both = is_a and near;
answer = selector_width(select(is_a, True, ==)) > 1 or both;
"""
WITHOUT_TOKENS = f"""{HEADER}
answer = indices > 2;
"""
VALUES = [one.name for one in small_injection.compiled().graph.variables]


def settled(share: float) -> tuple[torch.Tensor, torch.Tensor, Codes]:
    """A random embedding [tokens, D], the same settled, and the codes that are read in it."""
    maps = small_injection.projection(small_injection.settings(whiten=0.1, **CODED), 1).maps()
    drawn = torch.randn(400, small_injection.WIDTH, generator=torch.Generator().manual_seed(0))
    moved = drawn.clone()
    Vocabulary(small_injection.targets()).settle(moved, maps, share)
    assert maps.codes is not None
    return drawn, moved, maps.codes


def code_of(name: str, embedding: torch.Tensor, codes: Codes) -> torch.Tensor:
    """[tokens, r]: the code of a variable in an embedding [tokens, D]."""
    return embedding @ codes.read[0][:, slice(*codes.columns[VALUES.index(name)])]


def assert_written_by(write: torch.Tensor, change: torch.Tensor) -> None:
    """A change [tokens, D] lies in the span of what codes write with [D, r]."""
    within = write @ torch.linalg.lstsq(write, change.T).solution  # [D, tokens]
    torch.testing.assert_close(within.T, change, atol=1e-4, rtol=1e-3)


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


def test_tokens_with_the_same_symbol_have_the_same_code():
    before, after, codes = settled(share=1.0)
    reconciliation = small_injection.reconciliation()
    was, found = (code_of("tokens", one, codes) for one in (before, after))
    symbols = torch.from_numpy(reconciliation.symbol_of)
    for symbol, name in enumerate(reconciliation.vocabulary):
        own = torch.nonzero(symbols == symbol)[:, 0]
        mean = (
            was[own].mean(dim=0) if name != reconciliation.otherwise else torch.zeros(was.shape[1])
        )
        torch.testing.assert_close(found[own], mean.expand(len(own), -1), atol=1e-4, rtol=1e-4)
        assert len(own) > 1 or name != reconciliation.otherwise


def test_nothing_else_of_a_token_changes():
    before, after, codes = settled(share=1.0)
    for name in set(VALUES) - {"tokens"}:
        was, found = (code_of(name, one, codes) for one in (before, after))
        torch.testing.assert_close(found, was, atol=1e-4, rtol=1e-4)
    write = codes.write[0][:, slice(*codes.columns[VALUES.index("tokens")])]  # [D, r]
    assert_written_by(write, after - before)


def test_a_share_of_the_way():
    before, half, _ = settled(share=0.5)
    _, whole, _ = settled(share=1.0)
    torch.testing.assert_close(half, (before + whole) / 2, atol=1e-5, rtol=1e-4)
    assert not torch.equal(before, half)


def test_an_embedding_that_tells_no_symbols_apart():
    program = load_program(text=WITHOUT_TOKENS)
    compiled = compile_program(program)
    targets = Targets(compiled.graph, reconcile(small_injection.tokenizer(), program.header))
    with pytest.raises(InputError, match="tells no symbols apart"):
        Vocabulary(targets)


@pytest.mark.parametrize("kind", small_injection.CONFIGS)
def test_each_step_settles_the_embedding(tmp_path, kind):
    ran = small_run.run(tmp_path / "bundle", kind=kind, vocabulary=1.0, **CODED)
    bundle, reconciliation = ran.bundle, small_injection.reconciliation()
    embedding = bundle.model.get_input_embeddings().weight.detach()
    codes = bundle.projection.maps().codes
    found = code_of("tokens", embedding[: len(reconciliation.symbol_of)], codes)
    filled = reconciliation.symbol_of == reconciliation.filler
    scale = found.abs().max()
    assert found[filled].abs().max() < 1e-3 * scale
    assert found[~filled].abs().max() > 0.1 * scale


def test_a_step_goes_the_share_of_the_way_that_is_set():
    objective = small_injection.objective(vocabulary=0.5, **CODED)
    embedding = objective.student.get_input_embeddings().weight
    expected = embedding.detach().clone()
    Vocabulary(small_injection.targets()).settle(expected, objective.projection.maps(), 0.5)
    assert not torch.equal(embedding, expected)
    objective.settle_vocabulary()
    torch.testing.assert_close(embedding, expected)


def test_what_is_for_later_variables_is_taken_away():
    maps = small_injection.projection(
        small_injection.settings(whiten=0.1, **CODED), 1, width=WIDE
    ).maps()
    assert maps.codes is not None
    before = torch.randn(400, WIDE, generator=torch.Generator().manual_seed(0))
    layers = [one.layer for one in maps.slices]
    assert 0 in layers
    assert max(layers) > 1
    assert max(stop - start for start, stop in maps.codes.columns) > 1
    for share in (0.5, 1.0):
        after = before.clone()
        clear_later(after, maps, share)
        for name, layer in zip(VALUES, layers, strict=True):
            was, found = (code_of(name, one, maps.codes) for one in (before, after))
            kept = 1 - share if layer else 1
            torch.testing.assert_close(found, kept * was, atol=1e-4, rtol=1e-4)
    assert_written_by(maps.codes.write[0], after - before)


@pytest.mark.parametrize("kind", small_injection.CONFIGS)
def test_each_step_takes_away_what_is_for_later_variables(tmp_path, kind):
    student = small_injection.student(kind, width=WIDE)
    ran = small_run.run(tmp_path / "bundle", student=student, clear_later=1.0, **CODED)
    bundle = ran.bundle
    embedding = bundle.model.get_input_embeddings().weight.detach()
    codes = bundle.projection.maps().codes
    found = embedding @ codes.read[0]  # [tokens, R]
    for one, (start, stop) in zip(bundle.projection.slices, codes.columns, strict=True):
        assert (one.layer > 0) == bool(found[:, start:stop].abs().max() < 1e-4), one.name


def test_shares_of_the_way_to_symbols_and_of_what_is_taken_away():
    objective = small_injection.objective(vocabulary=0.25, clear_later=0.5, **CODED)
    embedding, maps = objective.student.get_input_embeddings().weight, objective.projection.maps()
    expected = embedding.detach().clone()
    Vocabulary(small_injection.targets()).settle(expected, maps, 0.25)
    clear_later(expected, maps, 0.5)
    objective.settle_vocabulary()
    torch.testing.assert_close(embedding, expected)


def test_values_of_several_variables():
    """What reads two symbols alike has one code for both; of these one is that of all others."""
    program = load_program(text=POSITIONAL)
    graph = compile_program(program).graph
    reconciliation = reconcile(small_injection.tokenizer(), program.header)
    maps = CodedProjection(
        variable_slices(graph), small_injection.WIDTH, generator=torch_generator(0, "map")
    ).maps()
    embedding = torch.randn(400, small_injection.WIDTH, generator=torch_generator(0, "tokens"))
    Vocabulary(Targets(graph, reconciliation)).settle(embedding, maps, 1.0)
    of_symbol = {
        symbol: torch.from_numpy(np.flatnonzero(reconciliation.symbol_of == index))
        for index, symbol in enumerate(reconciliation.vocabulary)
    }
    names = [one.name for one in graph.variables]
    for name, zero in (("tokens", {"_"}), ("is_a", {"b", "_"})):
        columns = slice(*maps.codes.columns[names.index(name)])
        codes = embedding @ maps.codes.read[0][:, columns]  # [tokens, r]
        for symbol, tokens in of_symbol.items():
            assert (codes[tokens].abs().max() < 1e-4) == (symbol in zero), (name, symbol)


@pytest.mark.parametrize("asked", [{"vocabulary": 1.0}, {"clear_later": 1.0}])
def test_the_baseline_keeps_its_embedding(asked):
    objective = small_injection.objective(method="finetune", **asked, **CODED)
    embedding = objective.student.get_input_embeddings().weight
    before = embedding.detach().clone()
    objective.settle_vocabulary()
    assert torch.equal(embedding, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", small_injection.CONFIGS)
def test_streams_that_begin_with_an_embedding_and_a_position(kind, dtype):
    check_embedding(small_injection.student(kind).model.to(dtype), "--vocabulary")


NORMALIZED = BloomConfig(
    vocab_size=320, hidden_size=16, n_layer=5, n_head=2, bos_token_id=0, eos_token_id=0
)
PROJECTED = OPTConfig(
    vocab_size=320, hidden_size=16, word_embed_proj_dim=8, num_hidden_layers=5, ffn_dim=32,
    num_attention_heads=2, max_position_embeddings=64, pad_token_id=1,
)  # fmt: skip


@pytest.mark.parametrize("asking", ["vocabulary", "clear_later"])
@pytest.mark.parametrize("config", [NORMALIZED, PROJECTED], ids=["normalized", "projected"])
def test_a_stream_that_begins_with_something_else(tmp_path, config, asking):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    student = Student("other", model, small_injection.tokenizer(), is_embedded=False)
    told = f"{flag(asking)}: this student's stream does not begin with the embedding"
    with pytest.raises(InputError, match=told):
        small_run.run(tmp_path / "bundle", student=student, **{asking: 0.5}, **CODED)
