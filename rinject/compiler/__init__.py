"""Graphs to exact transformer weights, and the proof that they are exact."""

from rinject.compiler.pipeline import compile_program
from rinject.compiler.verify import Verification, verify

__all__ = ["Verification", "compile_program", "verify"]
