"""Load a student: the embedded ``tiny``, or any Hugging Face causal LM by folder or hub name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import torch
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.utils import HFValidationError, validate_repo_id
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from rinject.errors import InputError, RinjectError
from rinject.hub import hub_answers
from rinject.student.quiet import quiet

TINY = "tiny"
TINY_FOLDER = Path(__file__).parent / "tiny"
TINY_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
WHERE_FROM = (
    f"{TINY!r} is embedded; otherwise give a folder in Hugging Face's format, or the name of a"
    " model on its hub (needs network)"
)
LONGEST_REASON = 200


DTYPES = ("auto", "float32", "bfloat16", "float16")
"""Types of loaded weights; `auto` is that of the files."""


@dataclass(frozen=True)
class Student:
    """A pre-trained causal language model and its tokenizer."""

    name: str
    """``tiny``, a folder's absolute path or a name on the hub."""
    model: PreTrainedModel
    """In evaluation mode, on the CPU."""
    tokenizer: PreTrainedTokenizerFast
    is_embedded: bool
    """Whether it is the model that comes with rinject."""
    revision: str | None = None
    """The commit on the hub; None for a folder."""
    runs_own_code: bool = False
    """Whether code that came with the model runs in it."""

    @property
    def dtype(self) -> str:
        """The type of its weights, a word that `load_student` knows."""
        return str(self.model.dtype).removeprefix("torch.")


def load_student(
    name_or_path: str | Path,
    *,
    revision: str | None = None,
    dtype: str = "float32",
    trust_remote_code: bool = False,
) -> Student:
    """The student of that name, its weights as `dtype`, one of `DTYPES`.

    `revision` is a branch, a tag or a commit on the hub. Code that comes with a model runs only
    where `trust_remote_code` says so, and weights are read from safetensors files only.

    Raises:
        InputError: there is no such model, it is damaged, it needs its own code, or it is not a
            causal LM with a fast tokenizer.
        RinjectError: the embedded student's files are missing.
    """
    name = str(name_or_path)
    source = _tiny_folder() if name == TINY else name
    with quiet():
        options = _options(name, source, revision) | {"trust_remote_code": trust_remote_code}
        config = _load_config(name, source, options)
        _check_causal(name, config)
        tokenizer = _load_tokenizer(name, source, options)
        model = _load_model(name, source, options | {"dtype": _dtype(dtype)})
    _check_sizes(name, model, tokenizer)
    is_local = name != TINY and _is_folder(source)
    return Student(
        str(Path(name).absolute()) if is_local else name,
        model.eval(),
        tokenizer,
        is_embedded=name == TINY,
        revision=_commit(source, options),
        runs_own_code=any(map(_is_own_code, (config, tokenizer, model))),
    )


def _commit(source: str, options: dict[str, Any]) -> str | None:
    """The commit that was loaded, which is in the hub's cache by now; None for a folder."""
    if "revision" not in options:
        return None
    found = try_to_load_from_cache(source, "config.json", revision=options["revision"])
    return Path(found).parent.name if isinstance(found, str) else str(options["revision"])


def _is_own_code(made: object) -> bool:
    return type(made).__module__.startswith("transformers_modules.")


def _dtype(word: str) -> torch.dtype | str:
    if word not in DTYPES:
        raise InputError(f"--dtype {word}: must be {' or '.join(DTYPES)}")
    return word if word == "auto" else getattr(torch, word)


def weight_hash(model: torch.nn.Module) -> str:
    """SHA-256 (hex) over names, shapes, types and bytes of the model's state, sorted by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)  # [elements]
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _tiny_folder() -> str:
    missing = [name for name in TINY_FILES if not (TINY_FOLDER / name).is_file()]
    if missing:
        raise RinjectError(
            f"the embedded student {TINY!r} is incomplete: {', '.join(missing)} not found",
            hint="install rinject again, or build it with python -m rinject.student.build_tiny",
        )
    return str(TINY_FOLDER)


def _options(name: str, source: str, revision: str | None) -> dict[str, Any]:
    """What every load from ``source`` shares: a folder, a name on the hub or in its cache."""
    if _is_folder(source):
        if revision is not None:
            raise InputError(
                f"--revision {revision}: {name!r} is not a name on the hub",
                hint="only models there have revisions; leave it out",
            )
        return {}
    if not _may_be_hub_name(source):
        raise InputError(f"there is no model folder {name!r}", hint=_near(name) + WHERE_FROM)
    return {"revision": revision or "main", "local_files_only": not hub_answers(source)}


def _is_folder(source: str) -> bool:
    return bool(source) and Path(source).is_dir()


def _load_config(name: str, source: str, options: dict[str, Any]) -> PreTrainedConfig:
    if options.get("local_files_only"):
        _check_cached(name, options["revision"])
    hint = "the model's config.json is damaged or of an unknown kind"
    if not _is_folder(source):
        hint = _near(name) + WHERE_FROM
    elif not (Path(source) / "config.json").exists():
        hint = "the folder has no config.json: name one that holds a model, as the hub has it"
    with _explained(f"cannot load the model {name!r}", hint):
        return AutoConfig.from_pretrained(source, **options)


def _check_cached(name: str, revision: str) -> None:
    if not isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str):
        at = "" if revision == "main" else f" --revision {revision}"
        fetch = f"hf download {name}{at} --local-dir FOLDER"
        raise InputError(
            f"the model {name!r} is not on this machine, and the Hugging Face hub is out of reach",
            hint=f"{_near(name)}where there is a network, `{fetch}` fetches it for --model FOLDER;"
            f" {TINY!r} needs none",
        )


def _may_be_hub_name(source: str) -> bool:
    try:
        validate_repo_id(source)
    except HFValidationError:
        return False
    return not Path(source).exists()


def _near(name: str) -> str:
    """A question naming models whose names resemble this one, or nothing."""
    path = Path(name)
    folders = [str(near) for near in path.parent.glob("*/config.json")] if path.name else []
    names = [TINY, *(str(Path(folder).parent) for folder in folders)]
    near = get_close_matches(name, names, n=2)
    return f"did you mean {' or '.join(map(repr, near))}? " if near else ""


def _check_causal(name: str, config: PreTrainedConfig) -> None:
    """Encoders such as BERT have a causal class too, but look ahead unless made decoders."""
    kind = type(config)
    if "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {}):
        return  # a class of its own, which says so itself
    looks_ahead = kind in MODEL_FOR_MASKED_LM_MAPPING and not getattr(config, "is_decoder", False)
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING or looks_ahead:
        raise InputError(
            f"the model {name!r} ({config.model_type}) is not a causal language model",
            hint="use one that writes text from left to right, such as GPT-2, Llama or Qwen",
        )


def _load_tokenizer(name: str, source: str, options: dict[str, Any]) -> PreTrainedTokenizerFast:
    hint = "the student needs a fast tokenizer (a tokenizer.json file) beside its weights"
    with _explained(f"cannot load the tokenizer of {name!r}", hint):
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise InputError(f"the model {name!r} has a slow tokenizer only", hint=hint)
    # Without its files, transformers makes a tokenizer that knows its special tokens only.
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise InputError(f"the model {name!r} has no tokenizer files", hint=hint)
    return tokenizer


def _load_model(name: str, source: str, options: dict[str, Any]) -> PreTrainedModel:
    hint = "its weights may be damaged or belong to another config.json: fetch the model again"
    with _explained(f"cannot load the weights of {name!r}", hint):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source, **options, use_safetensors=True, output_loading_info=True
        )
    model, report = loaded
    missing = sorted(report["missing_keys"])
    if missing:
        raise InputError(
            f"the weights of {name!r} are incomplete: {missing[0]} is missing"
            + (f", and {len(missing) - 1} more" if len(missing) > 1 else ""),
            hint=hint,
        )
    return cast(PreTrainedModel, model)


def _check_sizes(name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    embeddings = cast(torch.nn.Embedding, model.get_input_embeddings()).weight.shape[0]
    if len(tokenizer) > embeddings:
        raise InputError(
            f"the tokenizer of {name!r} has {len(tokenizer)} tokens, its model only {embeddings}",
            hint="the two files belong to different models: fetch the model again",
        )


@contextmanager
def _explained(message: str, hint: str) -> Iterator[None]:
    """Turn whatever a library raises into one line: they raise nearly every kind of exception."""
    try:
        yield
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise InputError(
                f"{message}: it comes with code of its own, which does not run unasked",
                hint="read that code; if you trust it, add --trust-remote-code",
            ) from error
        raise InputError(f"{message}: {_reason(error)}", hint=hint) from error


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[0] if lines else type(error).__name__
    return reason if len(reason) <= LONGEST_REASON else reason[: LONGEST_REASON - 1] + "…"
