"""Compiled transformers: run them, look into their residual stream, save and load them."""

from rinject.circuit.layout import ResidualLayout, Slot
from rinject.circuit.model import CompiledModel
from rinject.circuit.transformer import Layer, Transformer

__all__ = ["CompiledModel", "Layer", "ResidualLayout", "Slot", "Transformer"]
