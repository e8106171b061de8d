"""Compiled models as Hugging Face model directories, against our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from export_samples import MEAN_SAMPLES, SAMPLES, Batch, Sample, batch_of, random_model
from hypothesis import given, settings
from hypothesis import strategies as st
from tracr.rasp import rasp
from transformers import AutoModelForTokenClassification, AutoTokenizer

from rinject.circuit import CompiledModel
from rinject.circuit.export import export_hugging_face, readout_of, to_hugging_face
from rinject.circuit.export import hugging_face as module
from rinject.compiler import compile_program
from rinject.errors import InputError


def loaded(directory: Path, **options: Any) -> Any:
    model, report = AutoModelForTokenClassification.from_pretrained(
        directory, output_loading_info=True, trust_remote_code=False, **options
    )
    assert not any(report.values()), report
    return model


@torch.no_grad()
def outputs(model: Any, batch: Batch) -> Any:
    return model(input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=True)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_the_same_model(sample: Sample, attention: str, tmp_path: Path) -> None:
    batch = batch_of(sample.model)
    export_hugging_face(sample.model, tmp_path / "model")
    found = outputs(loaded(tmp_path / "model", attn_implementation=attention), batch)
    layers = sample.model.num_layers
    assert len(found.hidden_states) == 1 + max(1, layers)  # one that does nothing where none is
    batch.assert_same_streams(found.hidden_states[: 1 + layers])
    batch.assert_same_outputs(readout_of(sample.model).decode(found.logits[:, 1:]))


@pytest.mark.parametrize("sample", MEAN_SAMPLES, ids=str)
def test_numbers(sample: Sample, tmp_path: Path) -> None:
    batch = batch_of(sample.model)
    export_hugging_face(sample.model, tmp_path / "model", number=True)
    model = loaded(tmp_path / "model")
    assert model.config.id2label == {0: "number"}
    batch.assert_same_numbers(outputs(model, batch).logits)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), causal=st.booleans())
def test_any_weights(seed: int, causal: bool) -> None:
    """Nothing depends on how a compiled model's weights look."""
    batch = batch_of(random_model(seed, causal=causal), count=6)
    found = outputs(to_hugging_face(batch.model), batch)
    batch.assert_same_streams(found.hidden_states, tolerance=1e-4)


@pytest.mark.parametrize("sample", SAMPLES[:2], ids=str)
def test_one_input_without_a_mask(sample: Sample) -> None:
    model = sample.model
    tokens = [model.graph.vocab[index] for index in (0, 0, 1, 0, 1, 1)]
    ids = torch.tensor([[model.transformer.bos, 0, 0, 1, 0, 1, 1]])
    with torch.no_grad():
        logits = to_hugging_face(model)(input_ids=ids).logits
    assert readout_of(model).decode(logits[:, 1:]) == [model.run(tokens)]


def test_labels(tmp_path: Path) -> None:
    export_hugging_face(SAMPLES[0].model, tmp_path / "model")
    config = loaded(tmp_path / "model").config
    assert config.id2label == {0: "False", 1: "True", 2: "None"}
    assert config.label2id == {"False": 0, "True": 1, "None": 2}


def test_labels_of_values_that_look_alike(tmp_path: Path) -> None:
    text = rasp.Map(lambda token: "1" if token else 1, rasp.tokens).named("text")
    model = compile_program(text, vocab=[0, 1], max_seq_len=2)
    labels: Any = to_hugging_face(model).config.id2label
    assert {*labels.values()} == {"'1'", "1", "None"}


@pytest.mark.parametrize("sample", [SAMPLES[0], SAMPLES[1], SAMPLES[5]], ids=str)
def test_tokenizer(sample: Sample, tmp_path: Path) -> None:
    batch = batch_of(sample.model)
    export_hugging_face(sample.model, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    texts = [" ".join(tokens) for tokens in batch.inputs]
    for given_texts, options in ((texts, {}), (batch.inputs, {"is_split_into_words": True})):
        found = tokenizer(given_texts, padding=True, return_tensors="pt", **options)
        assert set(found) == {"input_ids", "attention_mask"}
        assert torch.equal(found["input_ids"], batch.ids)
        assert torch.equal(found["attention_mask"], batch.mask)


def test_tokenizer_without_blanks(tmp_path: Path) -> None:
    export_hugging_face(SAMPLES[5].model, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer("aab")["input_ids"] == [3, 0, 2]  # the longer symbol first: a, ab
    assert tokenizer("a b ab")["input_ids"] == [3, 0, 1, 2]
    with pytest.raises(Exception, match="UNK"):
        tokenizer("ac")


def test_tokenizer_with_blanks_as_symbols(tmp_path: Path) -> None:
    model = compile_program(rasp.tokens, vocab=["a", " ", "<bos>"], max_seq_len=4)
    export_hugging_face(model, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer("a  a")["input_ids"] == [3, 0, 1, 1, 0]
    assert tokenizer.bos_token == "<<bos>>"


def test_no_tokenizer_for_numbers(tmp_path: Path) -> None:
    export_hugging_face(MEAN_SAMPLES[0].model, tmp_path / "model")
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names == {"README.md", "config.json", "export.json", "model.safetensors"}


def test_the_description_finds_the_variables(tmp_path: Path) -> None:
    model = SAMPLES[0].model
    export_hugging_face(model, tmp_path / "model")
    about = json.loads((tmp_path / "model" / "export.json").read_text())
    assert about["vocabulary"] == ["(", ")", "x"]
    assert (about["bos"], about["pad"], about["longest"]) == (3, 4, 7)
    assert about["output"] == {"variable": "balanced", "values": [False, True, None]}
    depth = next(entry for entry in about["variables"] if entry["name"] == "depth")
    ids = torch.tensor([[3, 0, 0, 1]])
    with torch.no_grad():
        found = loaded(tmp_path / "model")(input_ids=ids, output_hidden_states=True)
    stream = found.hidden_states[depth["layer"]][0, 1:, depth["start"] : depth["stop"]]
    assert [depth["values"][place] for place in stream.argmax(-1)] == [1, 2, 1]
    readme = (tmp_path / "model" / "README.md").read_text()
    assert f"| `depth` | {depth['start']} to {depth['stop'] - 1} |" in readme


def test_the_usage_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for sample in (SAMPLES[0], MEAN_SAMPLES[0]):
        export_hugging_face(sample.model, tmp_path / "model")
        monkeypatch.chdir(tmp_path / "model")
        readme = (tmp_path / "model" / "README.md").read_text()
        names: dict[str, Any] = {}
        exec(readme.split("```python\n")[1].split("```")[0], names)
        expected = sample.model.run(list(sample.model.graph.vocab[:3]))
        assert names["labels"] == [str(value) for value in expected]


def test_the_same_bytes(tmp_path: Path) -> None:
    model = SAMPLES[0].model
    for name in ("one", "two"):
        export_hugging_face(model, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_random_numbers_are_left_as_they_are() -> None:
    before = torch.random.get_rng_state()
    to_hugging_face(SAMPLES[0].model)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_number_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not always a number"):
        export_hugging_face(SAMPLES[4].model, tmp_path / "model", number=True)
    assert not (tmp_path / "model").exists()


def test_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_PARAMETERS", 1000)
    with pytest.raises(InputError, match="billion weights"):
        to_hugging_face(SAMPLES[0].model)


def test_other_files_are_not_harmed(tmp_path: Path) -> None:
    model: CompiledModel = SAMPLES[0].model
    model.save(tmp_path / "compiled")
    with pytest.raises(InputError, match="holds other files"):
        export_hugging_face(model, tmp_path / "compiled")
    assert CompiledModel.load(tmp_path / "compiled").run("()") == model.run("()")
