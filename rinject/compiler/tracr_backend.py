"""The real tracr compiler as a backend, for reference: its weights, run by our transformer.

Nothing is repaired: the model answers what tracr's model answers, also where that differs from the
program. The only module that imports tracr's compiler, and with it JAX.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from traceback import extract_tb
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tracr.compiler import assemble, compiling
from tracr.rasp import rasp
from tracr.transformer.encoder import CategoricalEncoder

from rinject.circuit import Layer, ResidualLayout, Slot, Transformer
from rinject.errors import RinjectError
from rinject.graph import Graph
from rinject.lang.interpreter import dependencies

LONGEST_REASON = 300  # characters of a failure: some list the whole vocabulary
_ADDRESS = re.compile(r"<[\w.]*?(\w+) object at 0x[0-9a-f]+>")
_CHILDREN = ("inner", "fst", "snd", "keys", "queries", "selector", "sop")


def assemble_with_tracr(output: rasp.SOp, graph: Graph) -> tuple[Transformer, ResidualLayout]:
    """tracr's transformer of an s-op, over the vocabulary and the longest input of `graph`.

    Raises RinjectError with tracr's own words where tracr cannot compile the program.
    """
    with _explained():
        output = without_constants(output)
        assembled = compiling.compile_rasp_to_model(
            output, set(graph.vocab), graph.max_seq_len, causal=graph.causal
        )
        return _transformer(assembled, graph), _layout(assembled, graph.output, output.label)


@contextmanager
def _explained() -> Iterator[None]:
    """Keeps tracr's log quiet, and gives the reason of any failure in one line."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # a line for each value on which a function fails
    try:
        yield
    except Exception as error:  # tracr raises all kinds for what it does not support
        raise RinjectError(
            f"tracr cannot compile this program: {_reason(error)}",
            hint="the native backend can (--backend native)",
        ) from error
    finally:
        logging.disable(before)


def _reason(error: Exception) -> str:
    """Type and message; where tracr did not mean to raise, in which of its modules."""
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    message = "; ".join(dict.fromkeys(filter(None, lines))).replace(":;", ":") or "no message"
    message = _ADDRESS.sub(r"\1", message)
    if len(message) > LONGEST_REASON:
        message = message[:LONGEST_REASON] + "…"
    if isinstance(error, NotImplementedError):
        return message
    files = [Path(frame.filename) for frame in extract_tb(error.__traceback__)]
    modules = [file.stem for file in files if file.parts[-3:-1] == ("tracr", "compiler")]
    where = f" (in tracr's {modules[-1]})" if modules else ""
    return f"{type(error).__name__}: {message}{where}"


def without_constants(output: rasp.SOp) -> rasp.SOp:
    """The same s-op where no selector compares with a constant s-op, which tracr cannot compile.

    `select(tokens, "(", ==)` becomes a selector of tokens by tokens that ignores its queries.
    """
    rebuilt: dict[int, rasp.RASPExpr] = {}
    for expr in dependencies([output]):
        new = expr
        for name in _CHILDREN:
            child = getattr(expr, name, None)
            if isinstance(child, rasp.RASPExpr) and rebuilt[id(child)] is not child:
                new = new.copy() if new is expr else new
                setattr(new, name, rebuilt[id(child)])
        rebuilt[id(expr)] = _compare_within(new) if isinstance(new, rasp.Select) else new
    return rebuilt[id(output)]


def _compare_within(select: rasp.Select) -> rasp.Select:
    keys, queries, predicate = select.keys, select.queries, select.predicate
    if isinstance(queries, rasp.Full):
        return rasp.Select(keys, keys, lambda key, _: predicate(key, queries.fill))
    if isinstance(keys, rasp.Full):
        return rasp.Select(queries, queries, lambda _, query: predicate(keys.fill, query))
    return select


def _transformer(assembled: assemble.AssembledTransformerModel, graph: Graph) -> Transformer:
    params = {
        f"{module}/{name}": torch.from_numpy(np.array(array))
        for module, group in assembled.params.items()
        for name, array in group.items()
    }
    encoding: Mapping[Any, int] = assembled.input_encoder.encoding_map
    tokens = [*graph.vocab, assembled.input_encoder.bos_token]
    rows = torch.tensor([encoding[token] for token in tokens])
    config = assembled.model_config
    layers = tuple(
        _layer(config, _below(params, f"transformer/layer_{i}/")) for i in range(config.num_layers)
    )
    positions = params["pos_embed/embeddings"][: graph.max_seq_len + 1]
    return Transformer(params["token_embed/embeddings"][rows], positions, layers, graph.causal)


def _below(params: Mapping[str, Tensor], prefix: str) -> Mapping[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in params.items() if k.startswith(prefix)}


def _layer(config: Any, weights: Mapping[str, Tensor]) -> Layer:
    heads, size = config.num_heads, config.key_size
    width = weights["mlp/linear_1/w"].shape[0]

    def split(name: str) -> tuple[Tensor, Tensor]:
        """[H, D, E] and [H, E]."""
        weight = weights[f"attn/{name}/w"].view(width, heads, size).transpose(0, 1)
        return weight.contiguous(), weights[f"attn/{name}/b"].view(heads, size)

    (query, query_bias), (key, key_bias), (value, value_bias) = map(
        split, ("query", "key", "value")
    )
    scale = size**-0.5  # tracr scales scores by the key width; ours are not scaled
    return Layer(
        query=query * scale,
        query_bias=query_bias * scale,
        key=key,
        key_bias=key_bias,
        value=value,
        value_bias=value_bias,
        output=weights["attn/linear/w"].view(heads, size, width),
        output_bias=weights["attn/linear/b"],
        hidden=weights["mlp/linear_1/w"],
        hidden_bias=weights["mlp/linear_1/b"],
        mlp_output=weights["mlp/linear_2/w"],
        mlp_output_bias=weights["mlp/linear_2/b"],
    )


def _layout(
    assembled: assemble.AssembledTransformerModel, output: str, output_label: str
) -> ResidualLayout:
    """tracr sorts the dimensions by variable; a variable's name ends in a number that changes from
    one compilation to the next, so it is cut off here."""
    slots: list[Slot] = []
    start = 0
    labels = [label.split(":", 1) for label in assembled.residual_labels]
    for label, group in groupby(labels, key=lambda parts: parts[0]):
        values: tuple[Any, ...] = tuple(parts[1] if len(parts) > 1 else "" for parts in group)
        stop = start + len(values)
        name = _stable_name(label, {slot.variable for slot in slots})
        if label == output_label:
            slots.append(_output_slot(assembled.output_encoder, output, start, stop))
        else:
            slots.append(Slot(name, start, stop, values, "argmax"))
        start = stop
    return ResidualLayout(tuple(slots), len(labels))


def _output_slot(encoder: Any, output: str, start: int, stop: int) -> Slot:
    if not isinstance(encoder, CategoricalEncoder):
        return Slot(output, start, stop, (), "number")
    values = tuple(encoder.decode(list(range(stop - start))))
    return Slot(output, start, stop, values, "argmax")


def _stable_name(label: str, taken: set[str]) -> str:
    name, _, number = label.rpartition("_")
    name = name if number.isdigit() and name else label
    count = 1
    while (stable := name if count == 1 else f"{name}_{count}") in taken:
        count += 1
    return stable
