"""The real tracr compiler behind the same interface."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tracr.compiler import lib
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
    domain: dict[str, Any] = {"vocab": [1, 2, 3], "max_seq_len": 3, "causal": False}
    model = compile_program(shifted, backend="tracr", **domain)
    assert model.run([3, 2, 1]) == [1, 3, 2]  # None decodes as the first value
    assert verify(model, output=shifted, random_inputs=1).mismatches > 0


T, P = rasp.tokens, rasp.indices
IS_A = rasp.Map(lambda token: token == "a", T)
COMPARE = rasp.Comparison
REFUSED: dict[str, tuple[rasp.SOp, Sequence[Any]]] = {
    "Unsupported S-Op: length (in tracr's basis_inference)": (rasp.length, "ab"),
    "'SelectorAnd' object has no attribute 'queries'": (
        rasp.SelectorWidth(rasp.Select(T, T, COMPARE.EQ) & rasp.Select(P, P, COMPARE.LT)),
        "ab",
    ),
    "could not broadcast input array": (
        rasp.Aggregate(rasp.Select(IS_A, IS_A, COMPARE.EQ), T),
        "abcdefgh",
    ),
    "ZeroDivisionError: division by zero": (rasp.SequenceMap(lambda x, y: x / y, P, T), [0, 1]),
    "Expression Full cannot be translated": (rasp.Full(3), "ab"),
    "Unsupported RASP expressions: aggregate: An aggregate's": (
        rasp.Aggregate(rasp.Select(P, P, COMPARE.LEQ), rasp.numerical(rasp.Map(bool, T))),
        [0, 1],
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_tracr_cannot_compile(reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The reason is one line, and nothing else is said."""
    output, vocab = REFUSED[reason]
    with pytest.raises(RinjectError) as raised:
        compile_program(output, vocab=list(vocab), max_seq_len=3, causal=False, backend="tracr")
    assert raised.value.message.startswith("tracr cannot compile this program: ")
    assert reason in raised.value.message
    assert "\n" not in raised.value.message
    assert " at 0x" not in raised.value.message
    assert capfd.readouterr().err == ""


def test_a_long_reason_is_cut() -> None:
    vocab = ["compiler_bos", *(f"symbol{i}" for i in range(200))]
    with pytest.raises(RinjectError) as raised:
        compile_program(IS_A, vocab=vocab, max_seq_len=2, causal=False, backend="tracr")
    assert "Compiler BOS token must not be present" in raised.value.message
    assert len(raised.value.message) < 400


def test_tracr_leaves_the_log_as_it_was() -> None:
    before = logging.root.manager.disable
    compile_program(IS_A, vocab=["a"], max_seq_len=2, causal=False, backend="tracr")
    assert logging.root.manager.disable == before


def test_a_numerical_output_is_a_number() -> None:
    share = lib.make_frac_prevs(rasp.numerical(rasp.Map(lambda token: token == "x", rasp.tokens)))
    model = compile_program(share, vocab="wxyz", max_seq_len=5, causal=False, backend="tracr")
    assert model.layout.slot(model.graph.output).reading == "number"
    assert model.run("xwx") == pytest.approx([1, 1 / 2, 2 / 3], abs=1e-3)
    assert verify(model, output=share, random_inputs=50).mismatches == 0
