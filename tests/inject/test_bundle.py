"""Bundles: round trip, an ordinary model directory, and one clear line for every damage."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from inject import small_injection
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from rinject.errors import InputError
from rinject.inject import bundle as bundle_module
from rinject.inject import load_bundle, save_bundle
from rinject.inject.record import BundleRecord

OWN = bundle_module.OWN_FILE


@pytest.fixture
def saved(bundle, tmp_path):
    return save_bundle(bundle, tmp_path / "bundle")


def header(path):
    with safe_open(path / OWN, framework="numpy") as file:
        return file.metadata()


def rewrite(path, change):
    """Writes the record anew after a change to it, with a hash that fits."""
    arrays, record = load_file(path / OWN), json.loads(header(path)["record"])
    change(record)
    text = json.dumps(record)
    digest = bundle_module._own_hash(text, arrays)
    save_file(arrays, path / OWN, {"record": text, "sha256": digest})


@pytest.mark.parametrize("kind", small_injection.CONFIGS)
def test_round_trip(tmp_path, kind):
    bundle = small_injection.bundle(kind)
    saved = save_bundle(bundle, tmp_path / "some" / "bundle")
    loaded = load_bundle(saved.path)
    assert loaded.path == saved.path == tmp_path / "some" / "bundle"
    assert set(loaded.record.files) == {p.name for p in saved.path.iterdir()} - {OWN}
    assert loaded.record.variables == bundle.record.variables
    assert loaded.record.settings == bundle.record.settings
    assert loaded.record.metrics == {"accuracy": 0.5}
    assert loaded.program.sha256 == small_injection.program().sha256
    ids = np.array([[0, 1, 3, 3, 2, -1], [0, 0, 1, 1, 3, 2]])
    assert np.array_equal(loaded.graph.variable_values(ids), bundle.graph.variable_values(ids))
    for name, tensor in bundle.projection.state_dict().items():
        assert torch.equal(loaded.projection.state_dict()[name], tensor)
    assert np.array_equal(loaded.reconciliation.symbol_of, bundle.reconciliation.symbol_of)


def test_it_is_an_ordinary_model_directory(saved):
    model = AutoModelForCausalLM.from_pretrained(saved.path)
    tokenizer = AutoTokenizer.from_pretrained(saved.path)
    text = "Is it balanced? ((()))\nAnswer:"
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    assert ids[0].tolist() == saved.reconciliation.student_ids(text)
    torch.testing.assert_close(model(ids).logits, saved.model(ids).logits)


def test_values_keep_their_types(saved):
    values = {v.name: v.values for v in load_bundle(saved.path).record.variables}
    assert [type(value) for value in values["balanced"]] == [bool, bool]
    assert {type(value) for value in values["depth"]} == {int}


def test_no_pickle_and_nothing_left_beside(saved):
    assert {p.suffix for p in saved.path.iterdir()} <= {".json", ".safetensors", ".jinja"}
    assert [p.name for p in saved.path.parent.iterdir()] == ["bundle"]


def test_a_complete_one_replaces_the_old(bundle, saved):
    with torch.no_grad():
        bundle.projection.bias += 1
    save_bundle(bundle, saved.path)
    assert torch.equal(load_bundle(saved.path).projection.bias, bundle.projection.bias)
    assert [p.name for p in saved.path.parent.iterdir()] == ["bundle"]


def test_a_failure_keeps_the_old(saved, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(bundle_module, "save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        save_bundle(saved, saved.path)
    monkeypatch.undo()
    assert load_bundle(saved.path)
    assert [p.name for p in saved.path.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize("place", ["nowhere", "."])
def test_a_missing_bundle(tmp_path, place):
    with pytest.raises(InputError, match="there is no bundle at") as caught:
        load_bundle(tmp_path / place)
    assert "rinject inject" in caught.value.hint


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip_the_last_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json", OWN])
@pytest.mark.parametrize("damage", [truncate, flip_the_last_bit])
def test_damage_is_one_clear_line(saved, name, damage):
    damage(saved.path / name)
    with pytest.raises(InputError, match=f"is damaged: {name}") as caught:
        load_bundle(saved.path)
    assert "\n" not in caught.value.message
    assert caught.value.hint == "inject the program again"


def test_a_file_that_is_gone(saved):
    (saved.path / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"damaged: model\.safetensors is missing"):
        load_bundle(saved.path)


def test_a_safetensors_file_of_someone_else(saved):
    save_file({"x": np.zeros(3)}, saved.path / OWN)
    with pytest.raises(InputError, match=r"damaged: rinject\.safetensors cannot be read"):
        load_bundle(saved.path)


CHANGES = {
    "newer": (lambda r: r.update(schema_version=99), "the bundle has schema version 99"),
    "missing": (lambda r: r.pop("layers"), "'layers' is missing"),
    "no files": (lambda r: r.pop("files"), "'files' is missing"),
    "unknown": (lambda r: r.update(more=1), "'more' is unknown"),
    "setting": (lambda r: r["settings"].update(stepz=1), "no setting 'stepz'"),
    "program": (lambda r: r["program"].pop("source"), "'source' is missing"),
    "not fields": (lambda r: r.update(base=[1]), "stands where fields belong"),
    "values": (lambda r: r["variables"][0].update(values=[1]), "a variable's values"),
    "variables": (lambda r: r["variables"].pop(), "not those of its program"),
    "graph": (lambda r: r["graph"].pop("nodes"), "tables are damaged"),
    "symbols": (lambda r: r["symbols"].pop("coverage"), "symbol map cannot be read"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_a_record_that_cannot_be_used(saved, change, message):
    rewrite(saved.path, change)
    with pytest.raises(InputError, match=message) as caught:
        load_bundle(saved.path)
    assert "\n" not in caught.value.message


def test_a_record_from_before_the_text_was_kept(saved):
    rewrite(saved.path, lambda record: record.pop("text_sha256"))
    assert load_bundle(saved.path).record.text_sha256 is None


def test_the_record_is_all_json(saved):
    record = json.loads(header(saved.path)["record"])
    assert record["schema_version"] == 3
    assert BundleRecord.from_json(record).to_json() == record
    assert {"python", "torch", "rinject"} <= record["versions"].keys()
