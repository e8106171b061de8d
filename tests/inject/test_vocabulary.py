"""Tokens that no example has: what the program makes of them, and where they go."""

from __future__ import annotations

import pytest
import torch
from inject import small_injection, small_run
from transformers import AutoModelForCausalLM, BloomConfig, PreTrainedModel

from rinject.compiler import compile_program
from rinject.errors import InputError
from rinject.inject.projection import Codes
from rinject.inject.targets import Targets
from rinject.inject.vocabulary import Vocabulary, check_embedding, symbol_values
from rinject.lang import interpret, load_program
from rinject.tokens import reconcile

CODED = {"codes": "orthogonal"}
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
    change = after - before
    write = codes.write[0][:, slice(*codes.columns[VALUES.index("tokens")])]  # [D, r]
    within = write @ torch.linalg.lstsq(write, change.T).solution  # [D, tokens]
    torch.testing.assert_close(within.T, change, atol=1e-4, rtol=1e-3)


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


def test_the_baseline_stays():
    assert not small_injection.settings(
        vocabulary=1.0, method="finetune", **CODED
    ).settles_vocabulary


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
