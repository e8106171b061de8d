"""The page of decoded prompts: all layers, values, scores and streams, as its script reads them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rinject.cli.blocks import visible
from rinject.cli.decode_words import word
from rinject.cli.pages.page import write_page
from rinject.evaluate.decode_reading import Reading
from rinject.evaluate.decode_scores import (
    Score,
    heat_scale,
    projected_stream,
    top_scores,
    value_scores,
)
from rinject.inject.bundle import Bundle

ROOM_FOR_MAPS = 24_000_000  # characters
STEPS = 127  # of colour, to each side


def write_decoded(
    bundle: Bundle,
    readings: Sequence[Reading],
    layer: int,
    path: Path,
    room: int = ROOM_FOR_MAPS,
) -> None:
    """Writes the page. The readings hold all compiled layers; `layer` is shown first.

    Once there are `room` characters of heat maps, further prompts have none.
    """
    program = bundle.program.header.name
    right = [reading.is_right for reading in readings if reading.is_right is not None]
    write_page(
        path,
        "decode",
        title=f"{program}, read out of {bundle.record.base.name}",
        data=_page_data(bundle, readings, layer, room),
        prompts=len(readings),
        answered=len(right),
        right=sum(right),
    )


def _page_data(
    bundle: Bundle, readings: Sequence[Reading], layer: int, room: int
) -> dict[str, Any]:
    """What `decode.js` shows."""
    prompts = []
    for reading in readings:
        maps = _maps(bundle, reading) if room > 0 else None
        room -= _size(maps) if maps else 0
        prompts.append({**_prompt(bundle, reading), "maps": maps})
    return {
        "layer": layer,
        "layers": list(bundle.record.layers),
        "variables": [
            {
                "name": slot.name,
                "layer": slot.layer,
                "start": slot.start,
                "values": [word(value) for value in variable.values],
            }
            for slot, variable in zip(bundle.projection.slices, bundle.graph.variables, strict=True)
        ],
        "prompts": prompts,
    }


def _prompt(bundle: Bundle, reading: Reading) -> dict[str, Any]:
    return {
        "prompt": reading.prompt,
        "answer": visible(reading.answer.strip(" ")),
        "trueAnswer": None if reading.true_answer is None else visible(reading.true_answer.strip()),
        "isRight": reading.is_right,
        "promptTokens": reading.prompt_tokens,
        "tokens": [
            {
                "text": visible(token.text),
                "symbol": token.symbol,
                "isRead": token.is_read,
                "writes": None if token.writes is None else visible(token.writes) or "(end)",
            }
            for token in reading.tokens
        ],
        "true": reading.true.T.tolist(),  # [V, T]
        "scores": [_layer_scores(bundle, reading, layer) for layer in reading.streams],
    }


def _layer_scores(bundle: Bundle, reading: Reading, layer: int) -> list[list[list[float]] | None]:
    """For each variable and token, [value, score, value, score, ...], the highest first; None for a
    variable that the layer does not hold."""
    scores = value_scores(bundle, projected_stream(bundle, reading, layer))
    return [
        [_flat(best) for best in top_scores(one, reading.true[:, place])]
        if bundle.projection.slices[place].layer <= layer and one.size
        else None
        for place, one in enumerate(scores)
    ]


def _flat(best: Sequence[Score]) -> list[float]:
    return [number for one in best for number in (one.value, round(one.score, 3))]


# --- heat maps ------------------------------------------------------------------------------------


def _maps(bundle: Bundle, reading: Reading) -> list[dict[str, Any]]:
    """For each layer the raw and the projected stream."""
    return [
        {
            "raw": _packed(stream.numpy()),
            "projected": _packed(projected_stream(bundle, reading, layer).numpy()),
        }
        for layer, stream in reading.streams.items()
    ]


def _packed(cells: np.ndarray) -> dict[str, Any]:
    """Numbers [T, columns] as a byte each; `scale` is what the outermost stand for."""
    scale = heat_scale(cells)
    steps = np.clip(np.rint(cells / scale * STEPS), -STEPS, STEPS).astype(np.int8)
    return {
        "columns": cells.shape[1],
        "scale": round(scale, 4),
        "cells": base64.b64encode(steps.tobytes()).decode("ascii"),
    }


def _size(maps: Sequence[dict[str, Any]]) -> int:
    return sum(len(one[kind]["cells"]) for one in maps for kind in one)
