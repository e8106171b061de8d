"""Compiled transformers: run them, look into their residual stream, save and load them."""

from rinject.circuit.layout import ResidualLayout, Slot
from rinject.circuit.model import CompiledModel
from rinject.circuit.transformer import Layer, Transformer
from rinject.circuit.wiring import BlockRecord, HeadRecord, LayerRecord

__all__ = [
    "BlockRecord",
    "CompiledModel",
    "HeadRecord",
    "Layer",
    "LayerRecord",
    "ResidualLayout",
    "Slot",
    "Transformer",
]
