"""A compiled model as the native model of TransformerLens, behind its TransformerBridge.

That model has no norms when told so, ReLU, and queries, keys and values of any width. Two of its
ways need care: it divides scores by the root of the head width unless given another divisor, and
refuses the divisor 1, so ours is 2 and the queries are doubled, which is exact; and its
unembedding has no bias, which ours has, for the logit of "no value".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file
from torch import Tensor

from rinject.circuit.export.description import FILE, card, describe, example, name_of, to_json
from rinject.circuit.export.matrices import Matrices, Shape, matrices, padded
from rinject.circuit.export.readout import Readout, readout_of
from rinject.circuit.model import CompiledModel
from rinject.errors import InputError
from rinject.placing import placed

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

SCALE = 2.0
"""What the model divides attention scores by."""
LOADER = Path(__file__).with_name("standalone_transformer_lens.py")

USAGE = """```python
import json, pathlib, runpy, torch

bridge = runpy.run_path("load.py")["load"]()  # TransformerLens 4.3 or newer
ids = torch.tensor([{ids}])  # BOS, then {words}
logits, cache = bridge.run_with_cache(ids)
{outputs}
```

Give `attention_mask=(ids != {pad}).long()` with a padded batch. BOS is part of the ids.
"""
VALUES = """values = json.loads(pathlib.Path("export.json").read_text())["output"]["values"]
outputs = [values[i] for i in logits[0, 1:].argmax(-1).tolist()]"""
NUMBERS = "outputs = logits[0, 1:, 0].tolist()"
STREAMS = (
    '`cache["resid_pre", 0]` [batch, 1 + tokens, width] is the stream at the embedding and'
    ' `cache["resid_post", i]` after layer i + 1; position 0 is BOS.'
)


def to_transformer_lens(model: CompiledModel, *, number: bool = False) -> TransformerBridge:
    """A TransformerBridge: hooks, `run_with_cache` and weights by TransformerLens' names.

    Ids are those of the program's vocabulary, then BOS, then PAD. The logits are the output's
    values as :func:`readout_of` lists them or, with `number`, the output as a number.
    Raises InputError without TransformerLens.
    """
    try:
        from rinject.circuit.export.standalone_transformer_lens import build
    except ImportError as error:
        raise InputError(
            f"TransformerLens cannot be imported: {error}",
            hint="install version 4.3 or newer: pip install 'rinject[transformer-lens]'",
        ) from error
    return build(*_parts(model, readout_of(model, number=number)))


def export_transformer_lens(
    model: CompiledModel, directory: str | Path, *, number: bool = False
) -> None:
    """Write a directory whose `load.py` makes the TransformerBridge, without rinject.

    Does not need TransformerLens. Raises InputError where the directory holds anything else, or
    the output is to be a number and is none.
    """
    readout = readout_of(model, number=number)
    record = describe(model, readout)
    config, weights = _parts(model, readout)
    with placed(directory, FILE) as new:
        save_file(weights, new / "model.safetensors")
        (new / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        (new / "load.py").write_text(LOADER.read_text(encoding="utf-8"), encoding="utf-8")
        (new / FILE).write_text(to_json(record), encoding="utf-8")
        (new / "README.md").write_text(_card(record), encoding="utf-8")


def _parts(model: CompiledModel, readout: Readout) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The configuration of the native model, and its weights."""
    shape = Shape.least(model.transformer)
    return _config(model, readout, shape), _weights(model, readout, shape)


def _config(model: CompiledModel, readout: Readout, shape: Shape) -> dict[str, Any]:
    return {
        "model_name": name_of(model),
        "d_model": shape.width,
        "d_head": shape.head_width,
        "n_heads": shape.heads,
        "d_mlp": shape.units,
        "n_layers": model.num_layers,
        "n_ctx": model.graph.max_seq_len + 1,
        "d_vocab": model.transformer.bos + 2,
        "d_vocab_out": len(readout.bias),
        "act_fn": "relu",
        "normalization_type": None,
        "attention_dir": "causal" if model.transformer.causal else "bidirectional",
        "use_attn_scale": True,
        "attn_scale": SCALE,
        "positional_embedding_type": "standard",
        "default_prepend_bos": False,
        "tokenizer_prepends_bos": False,
        "init_weights": False,
    }


def _weights(model: CompiledModel, readout: Readout, shape: Shape) -> dict[str, Tensor]:
    tokens = model.transformer.token_embedding
    weights = {
        "tok_embed.weight": padded(tokens, len(tokens) + 1, shape.width),  # PAD: zeros
        "pos.weight": model.transformer.position_embedding,
        "head.weight": readout.weight.T,
        "head.bias": readout.bias,
    }
    for index, layer in enumerate(model.transformer.layers):
        for name, tensor in _layer(matrices(layer, shape)).items():
            weights[f"layers.{index}.{name}"] = tensor
    return {name: tensor.contiguous() for name, tensor in weights.items()}


def _layer(parts: Matrices) -> dict[str, Tensor]:
    return {
        "attn.q.weight": SCALE * parts.query.T,
        "attn.q.bias": SCALE * parts.query_bias,
        "attn.k.weight": parts.key.T,
        "attn.k.bias": parts.key_bias,
        "attn.v.weight": parts.value.T,
        "attn.v.bias": parts.value_bias,
        "attn.o.weight": parts.output.T,
        "attn.o.bias": parts.output_bias,
        "mlp.fc_in.weight": parts.hidden.T,
        "mlp.fc_in.bias": parts.hidden_bias,
        "mlp.fc_out.weight": parts.mlp_output.T,
        "mlp.fc_out.bias": parts.mlp_output_bias,
    }


def _card(record: dict[str, Any]) -> str:
    symbols = example(record)
    words = " ".join(map(str, symbols))
    ids = [record["bos"], *range(len(symbols))]
    outputs = NUMBERS if record["output"]["values"] is None else VALUES
    usage = USAGE.format(ids=ids, words=words, pad=record["pad"], outputs=outputs)
    return card(record, usage=usage, streams=STREAMS)
