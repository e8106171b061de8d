"""The student: a pre-trained causal language model, loaded and opened up."""

from rinject.student.devices import device_of
from rinject.student.loading import DTYPES, Student, load_student, weight_hash
from rinject.student.surgery import (
    blocks,
    capture_streams,
    hidden_size,
    n_layers,
    residual_streams,
    rewrite_stream,
)

__all__ = [
    "DTYPES",
    "Student",
    "blocks",
    "capture_streams",
    "device_of",
    "hidden_size",
    "load_student",
    "n_layers",
    "residual_streams",
    "rewrite_stream",
    "weight_hash",
]
