"""A reconciled tokenizer saved and loaded with nothing of ours; its record in a bundle."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest
from token_samples import COUNT, DYCK, header
from transformers import (
    AutoTokenizer,
    GPT2Config,
    GPT2Tokenizer,
    LlamaConfig,
    Qwen2Config,
    Qwen2Tokenizer,
    Qwen3Config,
)

from rinject.errors import InputError
from rinject.tokens import Reconciliation, TokenRow, align, reconcile

TEXT = "Are these matched? [[]](({}))\nAnswer: yes 2010 x"


def test_saved_and_loaded(tokenizer, tmp_path):
    reconciliation = reconcile(tokenizer, DYCK)
    reconciliation.tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded(TEXT)["input_ids"] == reconciliation.encode(TEXT)
    assert loaded.get_vocab() == tokenizer.get_vocab()
    assert loaded.special_tokens_map == tokenizer.special_tokens_map


@pytest.mark.parametrize(
    ("tokenizer_class", "config"),
    [
        (GPT2Tokenizer, GPT2Config()),
        (Qwen2Tokenizer, Qwen2Config()),
        (Qwen2Tokenizer, Qwen3Config()),
        (None, GPT2Config()),
        (None, LlamaConfig()),
    ],
    ids=["gpt2", "qwen2", "qwen3", "generic-gpt2", "generic-llama"],
)
def test_loaded_beside_a_model(small_tokenizer, tmp_path, tokenizer_class, config):
    tokenizer = small_tokenizer
    if tokenizer_class is not None:
        model = json.loads(small_tokenizer.backend_tokenizer.to_str())["model"]
        merges = [tuple(merge) for merge in model["merges"]]
        tokenizer = tokenizer_class(vocab=model["vocab"], merges=merges)
    reconciliation = reconcile(tokenizer, DYCK)
    reconciliation.tokenizer.save_pretrained(tmp_path)
    config.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded(TEXT)["input_ids"] == reconciliation.encode(TEXT)
    assert loaded.decode(loaded(TEXT)["input_ids"]) == TEXT


def test_loads_without_rinject(small_tokenizer, tmp_path):
    reconciliation = reconcile(small_tokenizer, DYCK)
    reconciliation.tokenizer.save_pretrained(tmp_path)
    script = (
        "import sys; from transformers import AutoTokenizer;"
        f"print(AutoTokenizer.from_pretrained({str(tmp_path)!r})('((:)')['input_ids']);"
        "assert 'rinject' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert json.loads(done.stdout) == reconciliation.encode("((:)")


def test_record_round_trip(tokenizer):
    reconciliation = reconcile(tokenizer, COUNT)
    record = json.loads(json.dumps(reconciliation.to_record()))
    again = Reconciliation.from_record(record, reconciliation.tokenizer)
    assert again.vocabulary == reconciliation.vocabulary
    assert again.coverage == reconciliation.coverage
    assert again.filler == reconciliation.filler
    assert (again.symbol_of == reconciliation.symbol_of).all()


def remove_vocabulary(record):
    del record["vocabulary"]


def name_unknown_filler(record):
    record["otherwise"] = "?"


def drop_a_symbol(record):
    record["coverage"].pop()


def swap_ids(record):
    first, second = record["coverage"][:2]
    first["token_ids"], second["token_ids"] = second["token_ids"], first["token_ids"]


def use_ids_outside(record):
    record["coverage"][0]["token_ids"] = [10**6]


def write_text_as_id(record):
    record["coverage"][0]["token_ids"] = ["one"]


@pytest.mark.parametrize(
    "damage",
    [
        remove_vocabulary,
        name_unknown_filler,
        drop_a_symbol,
        swap_ids,
        use_ids_outside,
        write_text_as_id,
    ],
)
def test_damaged_records(small_tokenizer, damage):
    reconciliation = reconcile(small_tokenizer, DYCK)
    record = copy.deepcopy(reconciliation.to_record())
    damage(record)
    with pytest.raises(InputError, match="the bundle is damaged"):
        Reconciliation.from_record(record, reconciliation.tokenizer)


def test_a_tokenizer_without_the_split_is_noticed(tokenizer):
    record = reconcile(tokenizer, DYCK).to_record()
    with pytest.raises(InputError, match="does not split off"):
        Reconciliation.from_record(record, tokenizer)


def test_align(small_tokenizer):
    reconciliation = reconcile(small_tokenizer, DYCK)
    rows = align(reconciliation, "? ([:")
    assert [(row.text, row.symbol, row.is_filler) for row in rows] == [
        ("?", "_", True),
        (" ", "_", True),
        ("(", "(", False),
        ("[", "[", False),
        (":", "compute", False),
    ]
    assert [row.id for row in rows] == reconciliation.encode("? ([:")


def test_align_shows_tokens_without_symbol(small_tokenizer):
    rows = align(reconcile(small_tokenizer, header(tuple("()"))), "(;")
    assert rows[1] == TokenRow(rows[1].id, ";", None, False)
