"""Compression: narrower residual streams, learned."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor
from tracr.rasp import rasp

from rinject.circuit import CompiledModel, Layer, ResidualLayout, Slot, Transformer
from rinject.circuit.compressed import FILE, ORIGINAL, CompressedModel
from rinject.circuit.compression import CompressionSettings, compress, first_embedding
from rinject.circuit.compression_measures import Readout, drawn_ids, forward, measure, test_ids
from rinject.circuit.compression_plot import gram_figure, save_gram, save_sweep, sweep_figure
from rinject.compiler import compile_program
from rinject.errors import InputError

test_ids.__test__ = False  # type: ignore[attr-defined]

SHORT = CompressionSettings(width=6, steps=150, batch=32)


@pytest.fixture(scope="module")
def copier() -> CompiledModel:
    """Two symbols as two classes, which needs neither positions nor BOS."""
    kind = rasp.Map(lambda token: "vowel" if token in "ae" else "other", rasp.tokens)
    return compile_program(kind.named("kind"), vocab=[*"abcde"], max_seq_len=3)


@pytest.fixture(scope="module")
def counter() -> CompiledModel:
    """How often each token has occurred: one layer."""
    same = rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ)
    return compile_program(
        rasp.SelectorWidth(same).named("count"), vocab=["a", "b"], max_seq_len=4, causal=False
    )


@pytest.fixture(scope="module")
def fractions() -> CompiledModel:
    """What part of the tokens so far is an "x"; no layer reads the tokens but as `is_x`."""
    is_x = rasp.numerical(rasp.tokens == "x").named("is_x")
    before = rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.LEQ)
    fraction = rasp.numerical(rasp.Aggregate(before, is_x)).named("fraction")
    return compile_program(fraction, vocab=[*"wxy"], max_seq_len=3)


def random_embedding(model: CompiledModel, width: int, seed: int) -> Tensor:
    chance = np.random.default_rng(seed)
    return torch.from_numpy(chance.standard_normal((model.residual_width, width))).float()


# --- the compressed model -----------------------------------------------------------------------


def test_the_identity_keeps_everything_exactly(counter: CompiledModel) -> None:
    same = CompressedModel(counter, torch.eye(counter.residual_width))
    ids, is_exhaustive = test_ids(counter.graph, np.random.default_rng(0))
    assert is_exhaustive
    assert len(ids) == 2 + 4 + 8 + 16
    for ours, theirs in zip(same.residuals(ids), counter.residuals(ids), strict=True):
        assert torch.equal(ours, theirs)
    inputs = [["a", "b", "a"], ["b"], [], [*"abab"]]
    assert same.run_batch(inputs) == counter.run_batch(inputs) == counter.graph.run(inputs)
    assert same.run([]) == []
    measures = measure(same)
    assert measures.accuracy == 1
    assert measures.is_exhaustive
    assert measures.embedding == pytest.approx(1)
    assert [layer.stream for layer in measures.layers] == [pytest.approx(1)]
    assert sum(kept.dimensionality for kept in measures.variables) == counter.residual_width
    assert all(norm == 1 for kept in measures.variables for norm in kept.norms)


@settings(max_examples=20)
@given(width=st.integers(1, 9), seed=st.integers(0, 1000))
def test_folded_weights_do_what_w_does(width: int, seed: int) -> None:
    model = compile_program(rasp.length, vocab=["a", "b"], max_seq_len=3, causal=False)
    compressed = CompressedModel(model, random_embedding(model, width, seed))
    ids, _ = test_ids(model.graph, np.random.default_rng(0))
    expected = forward(model.transformer, torch.from_numpy(ids), compressed.embedding).streams
    found = compressed.residuals(ids)
    assert {stream.shape[-1] for stream in found} == {width}
    for ours, theirs in zip(found, expected, strict=True):
        scale = float(theirs.abs().max()) + 1
        assert torch.allclose(compressed.expanded(ours) / scale, theirs[:, 1:] / scale, atol=1e-3)


def test_the_pass_without_w_is_the_compiled_model(counter: CompiledModel) -> None:
    ids, _ = test_ids(counter.graph, np.random.default_rng(0))
    passed = forward(counter.transformer, torch.from_numpy(ids))
    for ours, theirs in zip(passed.streams, counter.residuals(ids), strict=True):
        assert torch.equal(ours[:, 1:], theirs)
    added = passed.attention[0] + passed.mlp[0]
    before, after = passed.streams
    assert torch.allclose(before + added, after, atol=1e-6)


def test_shares_of_dimensions(copier: CompiledModel) -> None:
    """Two dimensions that share one have half of it each; what is dropped has none."""
    embedding = torch.zeros(copier.residual_width, 2)
    first, second = copier.layout.slots[0], copier.layout.slots[1]
    embedding[first.start, 0] = embedding[first.start + 1, 0] = 1.0
    embedding[second.start, 1] = 2.0
    kept = {v.name: v for v in measure(CompressedModel(copier, embedding)).variables}
    assert kept[first.variable].dimensionality == pytest.approx(1)
    assert kept[first.variable].norms[:3] == (1, 1, 0)
    assert kept[second.variable].norms[0] == 4
    assert kept[second.variable].dimensionality == pytest.approx(1)


# --- learning -----------------------------------------------------------------------------------


def test_it_learns(fractions: CompiledModel) -> None:
    half = replace(SHORT, width=fractions.residual_width // 2, steps=400)
    begun = compress(fractions, replace(half, steps=0))
    learned = compress(fractions, half)
    assert begun.measures.accuracy < 0.7
    assert learned.measures.accuracy > 0.9
    assert learned.measures.output_loss < begun.measures.output_loss / 3
    assert learned.model.run("wwx")[:2] == [0, 0]
    assert 0 < learned.best_step <= learned.steps == 400
    assert not learned.was_stopped
    assert learned.model.width == half.width
    dimensions = sum(kept.dimensionality for kept in learned.measures.variables)
    assert dimensions <= half.width + 1e-4


def test_what_is_not_read_is_dropped(fractions: CompiledModel) -> None:
    """With room for all that is read, nothing is lost before anything was learned."""
    width = fractions.residual_width - 3  # tokens
    result = compress(fractions, replace(SHORT, width=width - 1, steps=0))
    assert result.measures.accuracy == 1
    kept = {variable.name: variable for variable in result.measures.variables}
    assert max(kept["tokens"].norms) < 1e-6
    assert kept["fraction"].norms == pytest.approx([1.0] * 5)


def test_compiled_weights_stay(counter: CompiledModel) -> None:
    before = {name: tensor.clone() for name, tensor in counter.transformer.named_tensors()}
    model = compress(counter, replace(SHORT, steps=5)).model
    for name, tensor in model.original.transformer.named_tensors():
        assert torch.equal(tensor, before[name])
        assert not tensor.requires_grad


def test_the_seed_decides(counter: CompiledModel) -> None:
    few = replace(SHORT, steps=12)
    first, again = compress(counter, few), compress(counter, few)
    other = compress(counter, replace(few, seed=7))
    assert torch.equal(first.model.embedding, again.model.embedding)
    assert first.measures == again.measures
    assert not torch.equal(first.model.embedding, other.model.embedding)


def test_with_all_dimensions_nothing_is_learned(counter: CompiledModel) -> None:
    result = compress(counter, replace(SHORT, width=counter.residual_width))
    assert torch.equal(result.model.embedding, torch.eye(counter.residual_width))
    assert result.steps == 0
    assert result.measures.accuracy == 1
    assert not result.was_stopped


def test_ctrl_c_keeps_the_best(counter: CompiledModel) -> None:
    def stop(done: int, total: int) -> None:
        assert total == SHORT.steps
        if done == 60:
            raise KeyboardInterrupt

    result = compress(counter, SHORT, stop)
    assert result.was_stopped
    assert 0 < result.best_step <= result.steps == 60
    begun = first_embedding(counter, SHORT.width, SHORT.seed)
    assert not torch.equal(result.model.embedding, begun)


def test_numbers_are_learned_by_their_squared_error() -> None:
    """A model by hand: whether a token is "b", as a number in a stream of four dimensions."""
    model = numeric()
    assert model.run("ab") == [0.0, 1.0]
    readout = Readout(model)
    assert readout.is_number
    result = compress(model, CompressionSettings(width=2, steps=200, batch=16, learning_rate=0.02))
    assert result.measures.accuracy == 1
    assert result.measures.output_loss < 1e-3
    assert result.model.run("abb") == pytest.approx([0, 1, 1], abs=0.1)


def test_numbers_may_stand_for_values() -> None:
    """The same, where 0 and 2 are points for one value, and 1 for none."""
    model = numeric()
    points = ((0.0, 1), (1.0, -1), (2.0, 1))
    slot = replace(model.layout.slots[1], values=(0.0, 1.0), points=points)
    readout = Readout(replace(model, layout=ResidualLayout((model.layout.slots[0], slot), 4)))
    stream = torch.zeros(1, 4, 4)
    stream[0, :, 2] = torch.tensor([0.2, 0.8, 1.9, 2.5])
    assert readout.answers(stream).tolist() == [[1, -1, 1, 1]]
    targets = torch.tensor([[1, -1, 1, 0]])
    counted = readout.counted(torch.zeros(1, 4), targets)
    assert counted.tolist() == [[True, True, True, False]]
    loss = readout.loss(stream, targets, counted)
    assert float(loss) == pytest.approx((0.2**2 + 0.2**2 + 0.1**2) / 3)


def numeric() -> CompiledModel:
    truth = rasp.Map(lambda token: 1.0 if token == "b" else 0.0, rasp.tokens).named("truth")
    compiled = compile_program(truth, vocab=["a", "b"], max_seq_len=3)
    layer = Layer(
        query=torch.zeros(0, 4, 0),
        query_bias=torch.zeros(0, 0),
        key=torch.zeros(0, 4, 0),
        key_bias=torch.zeros(0, 0),
        value=torch.zeros(0, 4, 0),
        value_bias=torch.zeros(0, 0),
        output=torch.zeros(0, 0, 4),
        output_bias=torch.zeros(4),
        hidden=torch.tensor([[0.0], [1.0], [0.0], [0.0]]),
        hidden_bias=torch.zeros(1),
        mlp_output=torch.tensor([[0.0, 0.0, 1.0, 0.0]]),
        mlp_output_bias=torch.zeros(4),
    )
    tokens = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    transformer = Transformer(tokens, torch.zeros(4, 4), (layer,), causal=True)
    slots = (Slot("tokens", 0, 2, ("a", "b")), Slot("truth", 2, 3, (), "number"))
    return replace(
        compiled, transformer=transformer, layout=ResidualLayout(slots, 4), wiring=(), margin=None
    )


# --- inputs -------------------------------------------------------------------------------------


def test_drawn_inputs_are_inputs(counter: CompiledModel) -> None:
    ids = drawn_ids(counter.graph, 400, np.random.default_rng(3))
    assert ids.shape == (400, 4)
    assert set(np.unique(ids)) == {-1, 0, 1}
    assert set((ids >= 0).sum(axis=1)) == {1, 2, 3, 4}
    seen = ids >= 0
    assert all(left or not right for row in seen for left, right in pairwise(row))


# --- where w begins -----------------------------------------------------------------------------


def test_first_embedding_holds_most_of_the_streams(counter: CompiledModel) -> None:
    ids = torch.from_numpy(drawn_ids(counter.graph, 200, np.random.default_rng(1)))
    streams = torch.cat([s.flatten(0, 1) for s in forward(counter.transformer, ids).streams])

    def lost(embedding: Tensor) -> float:
        basis, _ = torch.linalg.qr(embedding)
        return float((streams - streams @ basis @ basis.T).square().sum())

    ours = lost(first_embedding(counter, 4, seed=0))
    assert all(ours < lost(random_embedding(counter, 4, seed)) for seed in range(5))


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [-1, 0, 1000])
def test_impossible_widths(counter: CompiledModel, width: int) -> None:
    with pytest.raises(InputError, match=f"dimensions, {width} were asked for"):
        compress(counter, replace(SHORT, width=width))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", -1),
        ("batch", 0),
        ("layer_weight", -0.5),
        ("layer_weight", float("nan")),
        ("weight_decay", -1.0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("seed", -1),
    ],
)
def test_impossible_settings(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} must be"):
        replace(SHORT, **{name: value})


# --- on disk ------------------------------------------------------------------------------------


def test_round_trip(counter: CompiledModel, tmp_path: Path) -> None:
    model = compress(counter, replace(SHORT, steps=20)).model
    model.save(tmp_path / "made")
    loaded = CompressedModel.load(tmp_path / "made")
    assert torch.equal(loaded.embedding, model.embedding)
    assert loaded.about == model.about
    assert loaded.about["settings"]["width"] == SHORT.width
    inputs = [["a", "b"], ["b", "b", "a", "b"]]
    assert loaded.run_batch(inputs) == model.run_batch(inputs)
    assert loaded.original.run_batch(inputs) == counter.run_batch(inputs)
    model.save(tmp_path / "made")
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == sorted([FILE, ORIGINAL])


def test_other_files_are_not_harmed(counter: CompiledModel, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("keep")
    with pytest.raises(InputError, match="holds other files"):
        CompressedModel(counter, torch.eye(counter.residual_width)).save(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "keep"


def test_damage_is_noticed(counter: CompiledModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no compressed model"):
        CompressedModel.load(tmp_path)
    CompressedModel(counter, random_embedding(counter, 3, 0)).save(tmp_path / "made")
    file = tmp_path / "made" / FILE
    data = file.read_bytes()
    for text in (data[: len(data) // 2], b""):
        file.write_bytes(text)
        with pytest.raises(InputError, match="damaged"):
            CompressedModel.load(tmp_path / "made")
    header = '{"schema": 1, "about": {}}'
    save_file({"embedding": torch.zeros(2, 3)}, file, metadata={"rinject": header})
    with pytest.raises(InputError, match="damaged"):
        CompressedModel.load(tmp_path / "made")
    right = {"embedding": torch.zeros(counter.residual_width, 3)}
    save_file(right, file, metadata={"rinject": header.replace("1", "99")})
    with pytest.raises(InputError, match="newer"):
        CompressedModel.load(tmp_path / "made")


# --- pictures -----------------------------------------------------------------------------------


def test_pictures(counter: CompiledModel, tmp_path: Path) -> None:
    results = [compress(counter, replace(SHORT, width=w, steps=3)) for w in (2, 5)]
    figure = gram_figure(results[0].model)
    w, gram = figure.axes[:2]
    assert np.asarray(w.images[0].get_array()).shape == (counter.residual_width, 2)
    assert np.allclose(np.asarray(gram.images[0].get_array()), results[0].model.gram())
    labels = [tick.get_text() for tick in w.get_yticklabels()]
    assert len(labels) == counter.residual_width
    assert "count: 3" in labels
    curve = sweep_figure(results).axes[0].lines[0]
    assert np.asarray(curve.get_xdata()).tolist() == [2, 5]
    assert np.asarray(curve.get_ydata()).tolist() == [100 * r.measures.accuracy for r in results]
    for name in ("a.svg", "b/c.png"):
        save_gram(results[1].model, tmp_path / name)
        save_sweep(results, tmp_path / "sweep" / name)
        assert (tmp_path / name).stat().st_size > 1000
        assert (tmp_path / "sweep" / name).stat().st_size > 1000
    first = (tmp_path / "a.svg").read_bytes()
    save_gram(results[1].model, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_bytes() == first
