"""Train the embedded student ``tiny``: a small GPT-2 on English text, from scratch, on a CPU.

    python -m rinject.student.build_tiny --text CORPUS_DIR --out rinject/student/tiny --minutes 60

The corpus is a directory of plain-text files; the documentation pages inside the installed Python
(:mod:`rinject.tasks.text`) are always added, less the held-out ones. Anything in the corpus that
repeats a held-out documentation page is dropped before the split.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from rinject.student.muon import Muon
from rinject.tasks.text import documentation_pages

END_OF_TEXT = "<|endoftext|>"
CHUNK_CHARACTERS = 3000
HELD_OUT_SHARE = 64  # one chunk in sixty-four
NEVER_TRAINED = frozenset({"tinyshakespeare"})  # perplexity is measured on it
OVERLAP_WORDS = 8  # a paragraph that shares so many words in a row with a held-out page is dropped


@dataclass(frozen=True)
class Settings:
    """How the embedded student is built."""

    text: Path
    """Directory of plain-text files to train on."""
    out: Path
    """Directory that receives the model, its tokenizer and the training record."""
    minutes: float = 60.0
    """Wall-clock time of the training; the learning rates follow the share of it that is spent."""
    vocabulary: int = 3072
    """Number of tokens of the byte-level BPE."""
    layers: int = 12
    """Number of transformer blocks."""
    width: int = 128
    """Width of the residual stream."""
    heads: int = 4
    """Attention heads a block."""
    positions: int = 512
    """Longest context; windows of half the length are trained at random offsets."""
    rows: int = 8
    """Windows a step."""
    matrix_rate: float = 0.02
    """Peak learning rate of the blocks' matrices (Muon)."""
    vector_rate: float = 3e-3
    """Peak learning rate of embeddings, biases and norms (AdamW)."""
    seed: int = 42
    """Seed of the initial weights and of the order of the windows."""


# --- corpus -------------------------------------------------------------------------------------


def read_chunks(directory: Path) -> dict[str, list[str]]:
    """Source name -> chunks of about `CHUNK_CHARACTERS`, cut between paragraphs."""
    held_out = [page.text for page in documentation_pages() if page.held_out]
    seen = set().union(*(word_runs(text) for text in held_out))
    sources = {
        path.stem: path.read_text(encoding="utf-8")
        for path in directory.glob("*.txt")
        if path.stem not in NEVER_TRAINED
    }
    pages = (page.text for page in documentation_pages() if not page.held_out)
    sources["python-docstrings"] = "\n\n".join(pages)
    return {name: list(chunks(unseen(text, seen))) for name, text in sorted(sources.items())}


def word_runs(text: str) -> set[tuple[str, ...]]:
    """All runs of `OVERLAP_WORDS` lower-case words in `text`."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return set(zip(*(words[i:] for i in range(OVERLAP_WORDS)), strict=False))


def unseen(text: str, seen: set[tuple[str, ...]]) -> Iterator[str]:
    """The paragraphs of `text` that share no run of words with `seen`."""
    return (p for p in re.split(r"\n\s*\n", text) if p.strip() and seen.isdisjoint(word_runs(p)))


def chunks(paragraphs: Iterable[str]) -> Iterator[str]:
    """Join paragraphs into chunks."""
    held: list[str] = []
    for paragraph in paragraphs:
        held.append(paragraph)
        if sum(map(len, held)) >= CHUNK_CHARACTERS:
            yield "\n\n".join(held)
            held = []
    if held:
        yield "\n\n".join(held)


def is_held_out(chunk: str) -> bool:
    """Whether a chunk is only for measuring (a stable function of its text)."""
    return hashlib.sha256(chunk.encode()).digest()[0] % HELD_OUT_SHARE == 0


# --- tokenizer ----------------------------------------------------------------------------------


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE as GPT-2's, so runs of digits and of brackets become single tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        clean_up_tokenization_spaces=False,
    )


def encode(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> torch.Tensor:
    """All texts as one row of ids, an end-of-text token after each. Shape (N,)."""
    end = tokenizer.eos_token_id
    rows = tokenizer.backend_tokenizer.encode_batch(texts)
    return torch.tensor([i for row in rows for i in [*row.ids, end]])  # (N,)


# --- training -----------------------------------------------------------------------------------


def new_model(settings: Settings, tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """A GPT-2 with fresh weights."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=settings.positions,
            n_embd=settings.width,
            n_layer=settings.layers,
            n_head=settings.heads,
            activation_function="gelu",  # the exact one: a fused kernel on every CPU
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )


def optimizers(model: GPT2LMHeadModel, settings: Settings) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, AdamW for all else."""
    matrices = [p for p in model.transformer.h.parameters() if p.ndim == 2]
    inside = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in inside]
    return [
        Muon(matrices, lr=settings.matrix_rate),
        torch.optim.AdamW(others, lr=settings.vector_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def rate_factor(progress: float) -> float:
    """A short warm-up, a plateau, then a linear way down to zero over the second half."""
    return min(1.0, progress / 0.01 + 0.05, max(0.0, (1.0 - progress) / 0.5))


def window_loss(model: GPT2LMHeadModel, ids: torch.Tensor, offset: int) -> torch.Tensor:
    """Mean next-token loss in nats of windows `ids` (rows, T + 1) at positions offset, …"""
    inputs, targets = ids[:, :-1], ids[:, 1:]  # (rows, T)
    positions = torch.arange(offset, offset + inputs.shape[1])[None]  # (1, T)
    logits = model(input_ids=inputs, position_ids=positions, use_cache=False).logits
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def train(model: GPT2LMHeadModel, ids: torch.Tensor, settings: Settings) -> int:
    """Train for `settings.minutes`; returns the number of steps."""
    generator = torch.Generator().manual_seed(settings.seed)
    length = settings.positions // 2
    both = optimizers(model, settings)
    peaks = [optimizer.param_groups[0]["lr"] for optimizer in both]
    started, step, running = time.monotonic(), 0, math.nan
    while (progress := (time.monotonic() - started) / (60 * settings.minutes)) < 1.0:
        starts = torch.randint(len(ids) - length - 1, (settings.rows,), generator=generator)
        offset = int(torch.randint(length + 1, (1,), generator=generator))
        rows = torch.stack([ids[s : s + length + 1] for s in starts.tolist()])  # (rows, T + 1)
        loss = window_loss(model, rows, offset)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in zip(both, peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * rate_factor(progress)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += 1
        if step % 50 == 0:
            running = loss.item() if math.isnan(running) else 0.8 * running + 0.2 * loss.item()
            print(f"step {step}  {progress:6.1%}  loss {running:.3f}", flush=True)
        if step % 1000 == 0:
            model.save_pretrained(settings.out / "checkpoint")
    return step


@torch.no_grad()
def perplexity(model: GPT2LMHeadModel, ids: torch.Tensor, length: int) -> float:
    """Token perplexity of one row of ids, read in windows of `length`."""
    rows = ids[: (len(ids) - 1) // length * length + 1]
    windows = rows[:-1].view(-1, length), rows[1:].view(-1, length)  # (R, length) each
    losses = [
        functional.cross_entropy(
            model(input_ids=x, use_cache=False).logits.flatten(0, 1), y.flatten()
        )
        for x, y in zip(windows[0].split(16), windows[1].split(16), strict=True)
        if len(x) == 16 or len(windows[0]) < 16
    ]
    return math.exp(torch.stack(losses).mean().item())


def build(settings: Settings) -> dict[str, object]:
    """Corpus, tokenizer, training, measurement; writes `settings.out` and returns the record."""
    torch.manual_seed(settings.seed)
    sources = read_chunks(settings.text)
    kept = {name: [c for c in parts if not is_held_out(c)] for name, parts in sources.items()}
    rest = {name: [c for c in parts if is_held_out(c)] for name, parts in sources.items()}
    texts = [chunk for parts in kept.values() for chunk in parts]
    tokenizer = train_tokenizer(texts, settings.vocabulary)
    tokenizer.model_max_length = settings.positions
    tokenizer.save_pretrained(settings.out)
    model = new_model(settings, tokenizer)
    ids = encode(tokenizer, texts)
    print(f"{len(ids)} tokens, {sum(p.numel() for p in model.parameters())} parameters", flush=True)
    steps = train(model, ids, settings)
    model.half().save_pretrained(settings.out)
    shutil.rmtree(settings.out / "checkpoint", ignore_errors=True)
    model.float().eval()  # what is measured is what was saved: the weights in half precision
    length = settings.positions // 2
    documentation = [page.text for page in documentation_pages() if page.held_out]
    parts = [chunk for chunks_ in rest.values() for chunk in chunks_]
    record: dict[str, object] = {
        "settings": {k: v for k, v in asdict(settings).items() if k not in ("text", "out")},
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": steps,
        "tokens_seen": steps * settings.rows * length,
        "corpus_tokens": len(ids),
        "sources_characters": {n: sum(map(len, parts)) for n, parts in kept.items()},
        "held_out_perplexity": perplexity(model, encode(tokenizer, parts), length),
        "held_out_documentation_perplexity": perplexity(
            model, encode(tokenizer, documentation), length
        ),
        "held_out_perplexity_by_source": {
            name: perplexity(model, encode(tokenizer, parts), length)
            for name, parts in rest.items()
            if sum(map(len, parts)) > 10_000
        },
    }
    (settings.out / "training.json").write_text(json.dumps(record, indent=2) + "\n")
    return record


def main() -> None:
    """Command-line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, required=True, help="directory of .txt files")
    parser.add_argument("--out", type=Path, required=True, help="directory to write")
    parser.add_argument("--minutes", type=float, default=Settings.minutes)
    parser.add_argument("--matrix-rate", type=float, default=Settings.matrix_rate)
    parser.add_argument("--rows", type=int, default=Settings.rows)
    arguments = parser.parse_args()
    print(json.dumps(build(Settings(**vars(arguments))), indent=2))


if __name__ == "__main__":
    main()
