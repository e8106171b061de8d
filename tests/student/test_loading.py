"""Loading students from folders, and one clear line for whatever is wrong with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from student_samples import CONFIGS, small_tokenizer
from transformers import AutoModelForCausalLM, BertConfig, ByT5Tokenizer, T5Config

from rinject.errors import InputError, RinjectError
from rinject.student import load_student, weight_hash
from rinject.student import loading as loading_module


@pytest.mark.parametrize("kind", CONFIGS)
def test_from_a_folder(save_student, kind, capfd):
    folder = save_student(kind)
    student = load_student(folder)
    assert student.name == str(folder)
    assert not student.is_embedded
    assert not student.model.training
    assert student.model.config.model_type == kind
    assert {p.dtype for p in student.model.parameters()} == {torch.float32}
    assert student.tokenizer.decode(student.tokenizer.encode("a [b]")) == "a [b]"
    logits = student.model(torch.tensor([student.tokenizer.encode("a [b]")])).logits
    assert logits.isfinite().all()
    assert capfd.readouterr() == ("", "")


def test_dtype(save_student):
    folder = save_student("llama")
    assert load_student(str(folder), dtype=torch.bfloat16).model.dtype == torch.bfloat16


def test_half_precision_files_become_float32(save_student):
    folder = save_student("gpt2")
    weights = {name: w.half() for name, w in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    change_config(folder, dtype="float16")
    assert load_student(folder).model.dtype == torch.float32


def test_noise_settings_come_back(save_student):
    from transformers.utils import logging

    folder = save_student("gpt2")
    verbosity, progress = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load_student(folder)
    with pytest.raises(InputError):
        load_student(folder / "nowhere")
    assert logging.get_verbosity() == verbosity
    assert logging.is_progress_bar_enabled() == progress


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def write_no_json(folder):
    (folder / "config.json").write_text("{")


def name_unknown_architecture(folder):
    change_config(folder, model_type="gpt99")


def write_words_as_numbers(folder):
    change_config(folder, n_layer="many")


def ask_for_more_layers(folder):
    change_config(folder, n_layer=5)


def ask_for_other_shapes(folder):
    change_config(folder, n_embd=32)


def ask_for_code(folder):
    change_config(folder, model_type="own", auto_map={"AutoConfig": "own.OwnConfig"})


def shorten_weights(folder):
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(3000)


def fill_weights_with_noise(folder):
    (folder / "model.safetensors").write_bytes(b"noise " * 100)


def remove_weights(folder):
    (folder / "model.safetensors").unlink()


def remove_config(folder):
    (folder / "config.json").unlink()


def remove_tokenizer(folder):
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()


def damage_tokenizer(folder):
    (folder / "tokenizer.json").write_text('{"version": "1.0", "model": 7}')


def put_larger_tokenizer(folder):
    tokenizer = small_tokenizer()
    tokenizer.add_tokens([f"extra{i}" for i in range(99)])
    tokenizer.save_pretrained(folder)


def be_an_encoder(folder):
    BertConfig().save_pretrained(folder)


def be_an_encoder_decoder(folder):
    T5Config().save_pretrained(folder)


def put_slow_tokenizer(folder):
    remove_tokenizer(folder)
    ByT5Tokenizer().save_pretrained(folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (write_no_json, "cannot load the model"),
        (name_unknown_architecture, "gpt99"),
        (write_words_as_numbers, "cannot load the model"),
        (ask_for_more_layers, "is missing, and "),
        (ask_for_other_shapes, "cannot load the weights"),
        (ask_for_code, "cannot load the model"),
        (shorten_weights, "cannot load the weights"),
        (fill_weights_with_noise, "cannot load the weights"),
        (remove_weights, "cannot load the weights"),
        (remove_config, "cannot load the model"),
        (remove_tokenizer, "has no tokenizer files"),
        (damage_tokenizer, "cannot load the tokenizer"),
        (put_larger_tokenizer, "has 356 tokens, its model only 300"),
        (be_an_encoder, "is not a causal language model"),
        (be_an_encoder_decoder, "is not a causal language model"),
        (put_slow_tokenizer, "slow tokenizer"),
    ],
)
def test_damaged_folders(save_student, damage, message, capfd):
    folder = save_student("gpt2")
    capfd.readouterr()
    damage(folder)
    with pytest.raises(InputError, match=message) as caught:
        load_student(folder)
    assert "\n" not in caught.value.message
    assert str(folder) in caught.value.message
    assert caught.value.hint
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["", "./nowhere", "/no/such/model", "~/model", "a/b/c"])
def test_folders_that_do_not_exist(name):
    with pytest.raises(InputError, match="there is no model folder") as caught:
        load_student(name)
    assert "'tiny' is embedded" in caught.value.hint


def test_a_file_is_no_model(save_student):
    folder = save_student("gpt2")
    with pytest.raises(InputError, match="there is no model folder"):
        load_student(folder / "config.json")


def test_near_names(save_student):
    folder = save_student("gpt2")
    misspelled = folder.parent / "my-modle"
    with pytest.raises(InputError) as caught:
        load_student(misspelled)
    assert caught.value.hint.startswith(f"did you mean '{folder}'?")


UNREACHABLE = {"HF_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("name", "network"),
    [("tinny", {"HF_HUB_OFFLINE": "1"}), ("nobody/no-such-model", UNREACHABLE)],
)
def test_hub_names_without_network(name, network):
    script = (
        "from rinject.errors import InputError\n"
        "from rinject.student import load_student\n"
        f"try: load_student({name!r})\n"
        "except InputError as error: print(error.message); print(error.hint)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True, text=True, check=True, env=os.environ | network,
    )  # fmt: skip
    message, hint = done.stdout.splitlines()
    assert message.startswith(f"cannot load the model '{name}': We couldn't connect")
    assert "needs network" in hint
    assert hint.startswith("did you mean 'tiny'?") == (name == "tinny")
    assert done.stderr == ""


def test_tiny_without_its_files(tmp_path, monkeypatch):
    monkeypatch.setattr(loading_module, "TINY_FOLDER", tmp_path)
    with pytest.raises(RinjectError, match=r"'tiny' is incomplete: config\.json, model") as caught:
        load_student("tiny")
    assert caught.value.exit_code == 1


@pytest.mark.skipif(
    not (loading_module.TINY_FOLDER / "model.safetensors").is_file(),
    reason="the embedded student has not been built",
)
def test_tiny():
    student = load_student("tiny")
    assert student.is_embedded
    assert student.model.dtype == torch.float32
    ids = torch.tensor([student.tokenizer.encode("The language of the")])
    assert student.model(ids).logits.shape[:2] == ids.shape


def test_weight_hash_follows_the_weights():
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS["gpt2"])
    before = weight_hash(model)
    assert before == weight_hash(model)
    assert len(before) == 64
    assert weight_hash(model.bfloat16()) != before
    assert weight_hash(model) != before
    with torch.no_grad():
        next(model.parameters())[0, 0] += 1
        changed = weight_hash(model)
        next(model.parameters())[0, 0] += 1
    assert len({before, changed, weight_hash(model)}) == 3


def test_weight_hash_survives_saving(save_student):
    folder = save_student("llama")
    student = load_student(folder)
    assert weight_hash(student.model) == weight_hash(load_student(folder).model)
