"""A compiled model as a standard architecture of Hugging Face's transformers.

Two of them can be made exact; both are loaded by `AutoModelForTokenClassification`:

- full attention: MobileBERT, whose norm `no_norm` multiplies by 1 and adds 0;
- causal attention: GPT-2, whose layer norm (x - mean) / sqrt(var + eps) * weight becomes x - mean
  with eps = 2^60 and weight = 2^30, both exact in float32 and far above any variance. Two more
  dimensions of the stream take the mean out: the first holds minus the sum of all others, so that
  the mean is 0 but for rounding; the second is always 0 and every reading matrix weighs it with
  minus its column's sum, so that what rounding leaves of the mean has no effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from rinject.circuit.export.description import FILE, card, describe, example, to_json
from rinject.circuit.export.matrices import Matrices, Shape, idle_layer, matrices, padded
from rinject.circuit.export.readout import Readout, readout_of
from rinject.circuit.model import CompiledModel
from rinject.circuit.transformer import Layer
from rinject.errors import InputError
from rinject.placing import placed

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

EPSILON = 2.0**60
LARGEST_PARAMETERS = 10**9

State = dict[str, Tensor]


@dataclass(frozen=True)
class _Parts:
    """What a model directory is made of."""

    architecture: type[PreTrainedModel]
    config: PreTrainedConfig
    state: State


USAGE = """```python
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

model = AutoModelForTokenClassification.from_pretrained(".")
{inputs}
with torch.no_grad():
    found = model(**inputs, output_hidden_states=True)
{outputs}
```
"""
LABELS = "labels = [model.config.id2label[i] for i in found.logits[0, 1:].argmax(-1).tolist()]"
NUMBERS = "numbers = found.logits[0, 1:, 0].tolist()"
STREAMS = (
    "`found.hidden_states[i]` [batch, 1 + tokens, width] is the stream at the embedding (i = 0) and"
    " after layer i; position 0 is BOS. Dimensions beyond those of the table are the circuit's own."
)


def export_hugging_face(
    model: CompiledModel, directory: str | Path, *, number: bool = False
) -> None:
    """Write a model directory that `AutoModelForTokenClassification` loads.

    With `number`, the one logit is the output as a number. A tokenizer comes with it where all
    symbols are strings. Raises InputError as :func:`to_hugging_face`, and where the directory
    holds anything else.
    """
    readout = readout_of(model, number=number)
    record = describe(model, readout)
    parts = _parts(model, readout)
    tokenizer = tokenizer_of(model)
    weights = {name: tensor.contiguous() for name, tensor in parts.state.items()}
    with placed(directory, FILE) as new:
        parts.config.save_pretrained(new)
        save_file(weights, new / "model.safetensors", metadata={"format": "pt"})
        if tokenizer is not None:
            tokenizer.save_pretrained(new)
        (new / FILE).write_text(to_json(record), encoding="utf-8")
        (new / "README.md").write_text(_card(record, tokenizer is not None), encoding="utf-8")


def to_hugging_face(model: CompiledModel, *, number: bool = False) -> PreTrainedModel:
    """A GPT-2 or, with full attention, a MobileBERT with a head for token classification.

    Ids are those of the program's vocabulary, then BOS, then PAD. Raises InputError where the
    architecture would be too large: its matrices are as wide as the stream.
    """
    parts = _parts(model, readout_of(model, number=number))
    with torch.random.fork_rng(devices=[]):  # weights are drawn before ours take their place
        exported = parts.architecture(parts.config)
    exported.load_state_dict(parts.state)
    return exported.eval()


def tokenizer_of(model: CompiledModel) -> PreTrainedTokenizerFast | None:
    """Splits a text into the program's symbols, blanks between them or not, and puts BOS in front.

    Where one symbol begins another, the longer one is meant. None where a symbol is no string.
    """
    vocab = model.graph.vocab
    if not all(isinstance(symbol, str) and symbol for symbol in vocab):
        return None
    from tokenizers import Tokenizer, models, processors
    from transformers import PreTrainedTokenizerFast

    bos, pad = _unused("<bos>", vocab), _unused("<pad>", vocab)
    ids = {symbol: index for index, symbol in enumerate((*vocab, bos, pad))}
    tokenizer = Tokenizer(models.WordLevel(ids))  # no symbol for what is unknown
    tokenizer.pre_tokenizer = _splitter(vocab)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, ids[bos])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        pad_token=pad,
        padding_side="right",
        model_max_length=model.graph.max_seq_len + 1,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )


def _splitter(vocab: Sequence[str]) -> Any:
    import re

    from tokenizers import Regex, pre_tokenizers

    symbols = "|".join(re.escape(symbol) for symbol in sorted(vocab, key=len, reverse=True))
    parts = [pre_tokenizers.Split(Regex(symbols), "isolated")]
    if not any(character.isspace() for symbol in vocab for character in symbol):
        parts.insert(0, pre_tokenizers.Split(Regex(r"\s+"), "removed"))
    return pre_tokenizers.Sequence(parts)


def _unused(name: str, vocab: Sequence[Any]) -> str:
    while name in vocab:
        name = f"<{name}>"
    return name


def _parts(model: CompiledModel, readout: Readout) -> _Parts:
    if model.transformer.causal:
        shape = _causal_shape(model)
        _check_size(model, shape)
        parts = _gpt2(model, shape, readout)
    else:
        shape = _full_shape(model)
        _check_size(model, shape)
        parts = _mobile_bert(model, shape, readout)
    parts.config.architectures = [parts.architecture.__name__]
    parts.config.dtype = torch.float32
    return parts


def _full_shape(model: CompiledModel) -> Shape:
    """As wide as all heads together, whose width is a power of 4: its root scales exactly."""
    least = Shape.least(model.transformer)
    size = 1
    while size < least.head_width:
        size *= 4
    heads = max(least.heads, -(-least.width // size))
    return replace(least, width=heads * size, heads=heads, head_width=size)


def _causal_shape(model: CompiledModel) -> Shape:
    """As wide as all heads together, with room for the two dimensions that keep the mean out."""
    least = Shape.least(model.transformer)
    size = max(least.head_width, -(-(least.width + 2) // least.heads))
    return replace(least, width=least.heads * size, head_width=size)


def _check_size(model: CompiledModel, shape: Shape) -> None:
    layer = shape.width * (4 * shape.width + 2 * shape.units)
    count = model.num_layers * layer + shape.width * (len(model.graph.vocab) + shape.width)
    if count > LARGEST_PARAMETERS:
        raise InputError(
            f"as a Hugging Face model this program would have {count / 1e9:.1f} billion weights",
            hint="their matrices are as wide as the stream: export it to pytorch instead,"
            " or compile it with fewer variables, symbols or positions",
        )


def _gpt2(model: CompiledModel, shape: Shape, readout: Readout) -> _Parts:
    from transformers import GPT2Config, GPT2ForTokenClassification

    config = GPT2Config(
        **_shared(model, readout),
        n_positions=model.graph.max_seq_len + 1,
        n_embd=shape.width,
        n_layer=len(_layers(model)),
        n_head=shape.heads,
        n_inner=shape.units,
        activation_function="relu",
        scale_attn_weights=False,
        layer_norm_epsilon=EPSILON,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        use_cache=False,
    )
    balance = model.residual_width
    tokens, positions = _embeddings(model, shape)
    state = {
        "transformer.wte.weight": _balanced(tokens, balance),
        "transformer.wpe.weight": _balanced(positions, balance),
        "classifier.weight": _unmoved(padded(readout.weight, shape.width, len(readout.bias))).T,
        "classifier.bias": readout.bias,
        **_norm("transformer.ln_f", shape.width, EPSILON**0.5),
    }
    for index, layer in enumerate(_layers(model)):
        parts = matrices(layer, shape)
        state |= _under(f"transformer.h.{index}", _gpt2_layer(parts, shape, balance))
    return _Parts(GPT2ForTokenClassification, config, state)


def _gpt2_layer(parts: Matrices, shape: Shape, balance: int) -> State:
    return {
        **_norm("ln_1", shape.width, EPSILON**0.5),
        **_norm("ln_2", shape.width, EPSILON**0.5),
        "attn.c_attn.weight": _unmoved(torch.cat([parts.query, parts.key, parts.value], dim=1)),
        "attn.c_attn.bias": torch.cat([parts.query_bias, parts.key_bias, parts.value_bias]),
        "attn.c_proj.weight": _balanced(parts.output, balance),
        "attn.c_proj.bias": _balanced(parts.output_bias, balance),
        "mlp.c_fc.weight": _unmoved(parts.hidden),
        "mlp.c_fc.bias": parts.hidden_bias,
        "mlp.c_proj.weight": _balanced(parts.mlp_output, balance),
        "mlp.c_proj.bias": _balanced(parts.mlp_output_bias, balance),
    }


def _balanced(rows: Tensor, balance: int) -> Tensor:
    """What is written [..., D], with minus its sum in the dimension `balance`."""
    rows = rows.clone()
    rows[..., balance] = -rows.double().sum(-1).float()
    return rows


def _unmoved(weight: Tensor) -> Tensor:
    """What reads the stream [D, N], unmoved by what is added to all its dimensions alike.

    The last dimension of the stream is always 0.
    """
    weight = weight.clone()
    weight[-1] = -weight.double().sum(0).float()
    return weight


def _mobile_bert(model: CompiledModel, shape: Shape, readout: Readout) -> _Parts:
    from transformers import MobileBertConfig, MobileBertForTokenClassification

    config = MobileBertConfig(
        **_shared(model, readout),
        max_position_embeddings=model.graph.max_seq_len + 1,
        hidden_size=shape.width,
        embedding_size=shape.width,
        num_hidden_layers=len(_layers(model)),
        num_attention_heads=shape.heads,
        intermediate_size=shape.units,
        hidden_act="relu",
        normalization_type="no_norm",
        trigram_input=False,
        use_bottleneck=False,
        num_feedforward_networks=1,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    tokens, positions = _embeddings(model, shape)
    embeddings = {
        "word_embeddings.weight": tokens,
        "position_embeddings.weight": positions,
        "token_type_embeddings.weight": torch.zeros(1, shape.width),
        **_linear("embedding_transformation", torch.eye(shape.width), torch.zeros(shape.width)),
        **_norm("LayerNorm", shape.width),
    }
    state = {
        **_under("mobilebert.embeddings", embeddings),
        **_linear(
            "classifier", padded(readout.weight, shape.width, len(readout.bias)), readout.bias
        ),
    }
    for index, layer in enumerate(_layers(model)):
        parts = matrices(layer, shape)
        state |= _under(f"mobilebert.encoder.layer.{index}", _mobile_bert_layer(parts, shape))
    return _Parts(MobileBertForTokenClassification, config, state)


def _mobile_bert_layer(parts: Matrices, shape: Shape) -> State:
    scale = shape.head_width**0.5  # the architecture divides scores by it; a power of 2
    return {
        **_linear("attention.self.query", scale * parts.query, scale * parts.query_bias),
        **_linear("attention.self.key", parts.key, parts.key_bias),
        **_linear("attention.self.value", parts.value, parts.value_bias),
        **_linear("attention.output.dense", parts.output, parts.output_bias),
        **_norm("attention.output.LayerNorm", shape.width),
        **_linear("intermediate.dense", parts.hidden, parts.hidden_bias),
        **_linear("output.dense", parts.mlp_output, parts.mlp_output_bias),
        **_norm("output.LayerNorm", shape.width),
    }


def _layers(model: CompiledModel) -> tuple[Layer, ...]:
    """At least one: transformers gives no hidden states of a model without layers."""
    return model.transformer.layers or (idle_layer(model.residual_width),)


def _shared(model: CompiledModel, readout: Readout) -> dict[str, Any]:
    """What both configurations hold."""
    labels = readout.labels
    return {
        "vocab_size": model.transformer.bos + 2,
        "bos_token_id": model.transformer.bos,
        "pad_token_id": model.transformer.bos + 1,
        "eos_token_id": None,
        "tie_word_embeddings": False,
        "classifier_dropout": 0.0,
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def _embeddings(model: CompiledModel, shape: Shape) -> tuple[Tensor, Tensor]:
    """Of the tokens, BOS and PAD [V + 2, D], and of the positions."""
    tokens = model.transformer.token_embedding
    positions = model.transformer.position_embedding
    return (
        padded(tokens, len(tokens) + 1, shape.width),
        padded(positions, len(positions), shape.width),
    )


def _linear(name: str, weight: Tensor, bias: Tensor) -> State:
    return {f"{name}.weight": weight.T.contiguous(), f"{name}.bias": bias}


def _norm(name: str, width: int, weight: float = 1.0) -> State:
    return {f"{name}.weight": torch.full((width,), weight), f"{name}.bias": torch.zeros(width)}


def _under(prefix: str, state: State) -> State:
    return {f"{prefix}.{name}": tensor for name, tensor in state.items()}


def _card(record: dict[str, Any], with_tokenizer: bool) -> str:
    symbols = example(record)
    words = " ".join(map(str, symbols))
    is_number = record["output"]["values"] is None
    if with_tokenizer:
        inputs = 'inputs = AutoTokenizer.from_pretrained(".")' + f'({words!r}, return_tensors="pt")'
    else:
        ids = [record["bos"], *range(len(symbols))]
        inputs = f'inputs = {{"input_ids": torch.tensor([{ids}])}}  # BOS, then {words}'
    head = "---\nlibrary_name: transformers\npipeline_tag: token-classification\n---\n\n"
    usage = USAGE.format(inputs=inputs, outputs=NUMBERS if is_number else LABELS)
    return head + card(record, usage=usage, streams=STREAMS)
