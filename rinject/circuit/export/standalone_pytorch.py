"""A compiled RASP program as a transformer: ReLU MLPs, softmax attention, no norms, in float32.

    python model.py TOKEN TOKEN ...

prints the program's output at each token, as JSON. The weights and the names of things are beside
this file, in weights.safetensors and export.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

HERE = Path(__file__).parent
MASKED = -1e9  # score of what may not be seen: e^-1e9 is exactly 0 in float32


class Layer(torch.nn.Module):
    """H attention heads with keys of width E and values of width V, and an MLP of F units."""

    query: Tensor  # [H, D, E]
    query_bias: Tensor  # [H, E]
    key: Tensor  # [H, D, E]
    key_bias: Tensor  # [H, E]
    value: Tensor  # [H, D, V]
    value_bias: Tensor  # [H, V]
    output: Tensor  # [H, V, D]
    output_bias: Tensor  # [D]
    hidden: Tensor  # [D, F]
    hidden_bias: Tensor  # [F]
    mlp_output: Tensor  # [F, D]
    mlp_output_bias: Tensor  # [D]

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        for name, weight in weights.items():
            self.register_buffer(name, weight)

    def forward(self, stream: Tensor, mask: Tensor) -> Tensor:
        """The stream [B, T, D] after this layer; `mask` is added to the attention scores."""
        stream = stream + self.attend(stream, mask)
        return stream + self.transform(stream)

    def attend(self, stream: Tensor, mask: Tensor) -> Tensor:
        """What the heads add to the stream."""
        queries = torch.einsum("btd,hde->bhte", stream, self.query) + self.query_bias[:, None]
        keys = torch.einsum("btd,hde->bhte", stream, self.key) + self.key_bias[:, None]
        values = torch.einsum("btd,hdv->bhtv", stream, self.value) + self.value_bias[:, None]
        pattern = torch.softmax(queries @ keys.mT + mask, dim=-1)  # [B, H, queries, keys]
        return torch.einsum("bhtv,hvd->btd", pattern @ values, self.output) + self.output_bias

    def transform(self, stream: Tensor) -> Tensor:
        """What the MLP adds to the stream."""
        hidden = torch.relu(stream @ self.hidden + self.hidden_bias)  # [B, T, F]
        return hidden @ self.mlp_output + self.mlp_output_bias


class Model(torch.nn.Module):
    """The program's transformer. BOS stands at position 0 of every input."""

    def __init__(self, directory: str | Path = HERE) -> None:
        super().__init__()
        directory = Path(directory)
        self.about = _tuples(json.loads((directory / "export.json").read_text(encoding="utf-8")))
        weights = load_file(directory / "weights.safetensors")
        self.token_embedding = weights["token_embedding"]  # [symbols + 1, D], the last is BOS
        self.position_embedding = weights["position_embedding"]  # [longest + 1, D]
        self.readout = weights["readout.weight"]  # [D, logits]
        self.readout_bias = weights["readout.bias"]  # [logits]
        count = len({name.split(".")[1] for name in weights if name.startswith("layers.")})
        self.layers = torch.nn.ModuleList(
            Layer(_below(weights, f"layers.{index}.")) for index in range(count)
        )

    def encode(self, inputs: Sequence[Sequence[Any]]) -> Tensor:
        """Ids [B, 1 + T] of inputs of any lengths, BOS in front, padded on the right.

        Symbols are given as they are, or as text. Raises ValueError for unknown ones and for inputs
        that are too long.
        """
        known = self.about["vocabulary"]
        by_text = {str(symbol): index for index, symbol in reversed([*enumerate(known)])}
        longest = max(map(len, inputs), default=0)
        if longest > self.about["longest"]:
            raise ValueError(
                f"{longest} tokens, the program's positions are {self.about['longest']}"
            )
        ids = torch.full((len(inputs), 1 + longest), self.about["pad"])
        ids[:, 0] = self.about["bos"]
        for row, tokens in enumerate(inputs):
            for place, token in enumerate(tokens):
                if token not in known and str(token) not in by_text:
                    raise ValueError(f"{token!r} is not in the vocabulary {[*known]}")
                index = known.index(token) if token in known else by_text[str(token)]
                ids[row, 1 + place] = index
        return ids

    @torch.no_grad()
    def residuals(self, ids: Tensor) -> list[Tensor]:
        """The residual stream [B, 1 + T, D] at the embedding and after each layer."""
        visible = (ids != self.about["pad"])[:, None, None, :]  # [B, 1, 1, keys]
        if self.about["causal"]:
            visible = visible & torch.ones(ids.shape[1], ids.shape[1]).tril().bool()
        mask = torch.where(visible, 0.0, MASKED)
        stream = self.token_embedding[ids.clamp(max=self.about["bos"])]  # [B, 1 + T, D]
        stream = stream + self.position_embedding[: ids.shape[1]]
        streams = [stream]
        for layer in self.layers:
            streams.append(layer(streams[-1], mask))
        return streams

    def forward(self, ids: Tensor) -> Tensor:
        """Logits [B, 1 + T, values of the output]."""
        return self.residuals(ids)[-1] @ self.readout + self.readout_bias

    def run(self, tokens: Sequence[Any]) -> list[Any]:
        """The output at each token, None where it has no value."""
        return self.run_batch([tokens])[0]

    def run_batch(self, inputs: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """As `run` for inputs of any lengths together."""
        logits = self(self.encode(inputs))[:, 1:]  # [B, T, N]
        values = self.about["output"]["values"]
        if values is None:
            rows = logits[..., 0].tolist()
        else:
            rows = [[values[index] for index in row] for row in logits.argmax(-1).tolist()]
        return [row[: len(tokens)] for row, tokens in zip(rows, inputs, strict=True)]

    def read(self, name: str, stream: Tensor) -> list[list[Any]]:
        """The values of a variable in a stream [B, 1 + T, D], BOS left out; None: no value."""
        slot = next(entry for entry in self.about["variables"] if entry["name"] == name)
        part = stream[:, 1:, slot["start"] : slot["stop"]]  # [B, T, size]
        if slot["points"]:
            points = torch.tensor([point for point, _ in slot["points"]], dtype=torch.float64)
            nearest = (part[..., :1].double() - points).abs().argmin(-1)  # [B, T]
            values = [*slot["values"], None]
            return [[values[slot["points"][i][1]] for i in row] for row in nearest.tolist()]
        if slot["reading"] == "number":
            return [list(row) for row in part[..., 0].tolist()]
        if not slot["values"]:
            return [[None] * part.shape[1] for _ in part]
        best, place = part.max(dim=-1)  # [B, T] each
        if slot["reading"] == "one-hot":
            place = torch.where(best > 0.5, place, -1)
        values = [*slot["values"], None]
        return [[values[index] for index in row] for row in place.tolist()]


def _tuples(record: Any) -> Any:
    """JSON with its lists as tuples: a value that is a list there is a tuple in the program."""
    if isinstance(record, dict):
        return {key: _tuples(value) for key, value in record.items()}
    return tuple(map(_tuples, record)) if isinstance(record, list) else record


def _below(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def main() -> None:
    """Runs the input on the command line."""
    if not sys.argv[1:]:
        sys.exit(__doc__)
    try:
        outputs = Model().run(sys.argv[1:])
    except ValueError as error:
        sys.exit(f"error: {error}")
    print(json.dumps(outputs, ensure_ascii=False))


if __name__ == "__main__":
    main()
