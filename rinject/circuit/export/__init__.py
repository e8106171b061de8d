"""Compiled models in other forms: Hugging Face, TransformerLens, and one file of plain PyTorch."""

from rinject.circuit.export.description import describe
from rinject.circuit.export.hugging_face import export_hugging_face, to_hugging_face
from rinject.circuit.export.pytorch import export_pytorch
from rinject.circuit.export.readout import Readout, readout_of
from rinject.circuit.export.transformer_lens import export_transformer_lens, to_transformer_lens

__all__ = [
    "Readout",
    "describe",
    "export_hugging_face",
    "export_pytorch",
    "export_transformer_lens",
    "readout_of",
    "to_hugging_face",
    "to_transformer_lens",
]
