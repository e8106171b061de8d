"""The margins that a compiled model really has on given inputs; the compiler has bounds on them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rinject.circuit import CompiledModel, Layer, Transformer
from rinject.circuit.transformer import activations, attend, scores
from rinject.circuit.wiring import BlockRecord, LayerRecord
from rinject.compiler.heads import SELECTED, width_score
from rinject.compiler.mlp import LOOK_UP_ROOM, TIPPING

_ROWS_AT_ONCE = 64


@torch.no_grad()
def smallest_margin(model: CompiledModel, ids: np.ndarray) -> float | None:
    """The least share of its nominal distance that any score or threshold keeps on inputs [B, T].

    1 is as designed, 0 an answer that tips over. None where the model does not know its wiring.
    """
    if len(model.wiring) < model.num_layers:
        return None
    shares = [1.0]
    for rows in torch.from_numpy(ids).split(_ROWS_AT_ONCE):
        shares += _shares(model.transformer, model.wiring, rows)
    return min(shares)


def _shares(transformer: Transformer, wiring: tuple[LayerRecord, ...], rows: Tensor) -> list[float]:
    streams = transformer.residuals(rows)  # [B, T + 1, D] each
    ids = transformer.with_bos(rows)
    mask = transformer.mask(ids)
    real = rows >= 0  # [B, T]
    found = []
    for layer, record, stream in zip(transformer.layers, wiring, streams, strict=False):
        if record.heads:
            seen = (mask[:, 0, :, 1:] == 0).expand(-1, ids.shape[1], -1)  # [B, queries, keys]
            pairs = seen[:, 1:] & real[:, :, None]  # [B, T, T]: BOS is neither
            tops = [
                width_score(transformer.position_embedding.shape[0] - 1)
                if head.kind == "width"
                else SELECTED
                for head in record.heads
            ]
            found += _of_heads(scores(layer, stream)[:, :, 1:, 1:], tops, pairs)
        middle = stream + attend(layer, stream, mask)
        found += _of_blocks(layer, activations(layer, middle)[:, 1:][real], record.blocks)
    return found


def _of_heads(score: Tensor, tops: list[float], pairs: Tensor) -> list[float]:
    """Scores [B, H, T, T] are that of a selected position, or 0 or less."""
    shares = []
    for index, top in enumerate(tops):
        found = score[:, index][pairs]
        stray = torch.where(found > top / 2, (found - top).abs(), found.clamp(min=0))
        shares.append(1 - float(stray.max()) / (top / 4) if stray.numel() else 1.0)
    return shares


def _of_blocks(layer: Layer, active: Tensor, blocks: tuple[BlockRecord, ...]) -> list[float]:
    """No indicator is near the point where it tips; activations [N, F].

    Its two units are z + 1/2 and z - 1/2: first those of all indicators of a block, then these.
    """
    is_indicator = (layer.hidden != 0).sum(dim=0) > 1  # [F]: the others are constants
    shares = []
    for block in blocks:
        if block.kind == "clear":
            continue
        units = slice(block.first, block.stop)
        upper, lower = active[:, units][:, is_indicator[units]].chunk(2, dim=1)
        far = ((upper + lower) / 2).abs() - TIPPING  # [N, indicators]
        room = LOOK_UP_ROOM if block.kind == "table" else TIPPING
        shares.append(min(1.0, float(far.min()) / room) if far.numel() else 1.0)
    return shares
