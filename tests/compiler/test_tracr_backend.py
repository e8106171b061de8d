"""The real tracr compiler behind the same interface."""

from pathlib import Path

import pytest
from tracr.rasp import rasp

from rinject.circuit import CompiledModel
from rinject.compiler import compile_program, verify
from rinject.errors import RinjectError
from rinject.lang import load_program

BALANCE = """
starts = selector_width(select(tokens, "(", ==));
ends = selector_width(select(tokens, ")", ==));
diffs = starts - ends;
balanced = diffs == 0;
"""


def test_both_backends_agree(tmp_path: Path) -> None:
    program = load_program(text=BALANCE)
    model = compile_program(program, vocab=["(", ")"], max_seq_len=4, backend="tracr")
    assert model.backend == "tracr"
    assert "diffs" in model.variables
    assert "balanced" in model.variables
    result = verify(model, random_inputs=20)
    assert result.mismatches == 0, result.first
    model.save(tmp_path / "model")
    again = CompiledModel.load(tmp_path / "model")
    assert again.run("(())") == model.run("(())")


def test_tracr_is_not_repaired() -> None:
    shift = rasp.Select(rasp.indices, rasp.indices, lambda k, q: k == q - 1)
    shifted = rasp.Aggregate(shift, rasp.tokens)
    domain = {"vocab": [1, 2, 3], "max_seq_len": 3, "causal": False}
    model = compile_program(shifted, backend="tracr", **domain)
    assert model.run([3, 2, 1]) == [1, 3, 2]  # None decodes as the first value
    assert verify(model, output=shifted, random_inputs=1).mismatches > 0


def test_what_tracr_cannot_compile() -> None:
    with pytest.raises(RinjectError, match="tracr cannot compile"):
        compile_program(rasp.length, vocab=["a"], max_seq_len=3, causal=False, backend="tracr")
