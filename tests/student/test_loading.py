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


@pytest.mark.parametrize("word", ["bfloat16", "float16"])
def test_dtype(save_student, word):
    student = load_student(str(save_student("llama")), dtype=word)
    assert student.model.dtype == getattr(torch, word)
    assert student.dtype == word


def test_dtype_that_is_none(save_student):
    with pytest.raises(InputError, match="--dtype float64: must be auto or float32 or"):
        load_student(save_student("llama"), dtype="float64")


def test_half_precision_files_become_float32(save_student):
    folder = save_student("gpt2")
    weights = {name: w.half() for name, w in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    change_config(folder, dtype="float16")
    assert load_student(folder).model.dtype == torch.float32
    assert load_student(folder, dtype="auto").dtype == "float16"


def test_folders_are_named_from_the_root(save_student, monkeypatch):
    folder = save_student("gpt2")
    monkeypatch.chdir(folder.parent)
    assert load_student(folder.name).name == str(folder)


@pytest.mark.parametrize("name", ["tiny", "a folder"])
def test_only_the_hub_has_revisions(save_student, name):
    named = name if name == "tiny" else save_student("gpt2")
    with pytest.raises(InputError, match=r"--revision v1: .* is not a name on the hub"):
        load_student(named, revision="v1")


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
    out_of_reach = "is not on this machine, and the Hugging Face hub is out of reach"
    assert message == f"the model '{name}' {out_of_reach}"
    assert f"`hf download {name} --local-dir FOLDER`" in hint
    assert hint.startswith("did you mean 'tiny'?") == (name == "tinny")
    assert done.stderr == ""


COMMIT = "0123456789abcdef0123456789abcdef01234567"
LOAD = """
import sys
from rinject.errors import InputError
from rinject.student import load_student
try: student = load_student("somebody/small", revision=sys.argv[1] if sys.argv[1:] else None)
except InputError as error: print(error.message)
else: print(student.name, student.revision)
"""


def test_a_hub_name_from_the_cache(save_student, tmp_path):
    """Laid out as the hub's library lays it out; the commit is what a bundle remembers."""
    cached = tmp_path / "cache" / "models--somebody--small"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(COMMIT)
    (cached / "snapshots").mkdir()
    save_student("gpt2").rename(cached / "snapshots" / COMMIT)

    def load(*arguments):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", LOAD, *arguments],
            capture_output=True, text=True, check=True,
            env=os.environ | UNREACHABLE | {"HF_HUB_CACHE": str(tmp_path / "cache")},
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout.strip()

    assert load() == load(COMMIT) == f"somebody/small {COMMIT}"
    assert load("v2").startswith("the model 'somebody/small' is not on this machine")


OWN_CODE = """
from transformers import GPT2Config, GPT2LMHeadModel

class OwnConfig(GPT2Config):
    model_type = "own"

class OwnModel(GPT2LMHeadModel):
    config_class = OwnConfig
"""
LOAD_OWN = """
import sys
from rinject.errors import InputError
from rinject.student import load_student, n_layers
trusted = sys.argv[2:] == ["trusted"]
try: student = load_student(sys.argv[1], trust_remote_code=trusted)
except InputError as error: print(error.message); print(error.hint)
else: print(type(student.model).__name__, n_layers(student.model), student.runs_own_code)
"""


@pytest.mark.parametrize("trusted", [False, True])
def test_code_that_comes_with_a_model(save_student, tmp_path, trusted):
    folder = save_student("gpt2")
    (folder / "own.py").write_text(OWN_CODE)
    classes = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    change_config(folder, model_type="own", architectures=["OwnModel"], auto_map=classes)
    done = subprocess.run(
        [sys.executable, "-c", LOAD_OWN, folder, *(["trusted"] if trusted else [])],
        capture_output=True, text=True, check=True,
        env=os.environ | {"HF_MODULES_CACHE": str(tmp_path / "modules")},
    )  # fmt: skip
    if trusted:
        assert done.stdout == "OwnModel 3 True\n"
        return
    message, hint = done.stdout.splitlines()
    assert "comes with code of its own, which does not run unasked" in message
    assert hint == "read that code; if you trust it, add --trust-remote-code"


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
