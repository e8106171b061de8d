"""The parts of the script that built the embedded student."""

from pathlib import Path

import pytest
import torch

from rinject.student.build_tiny import chunks, read_chunks, train_tokenizer, unseen, word_runs
from rinject.student.muon import ITERATIONS, NEWTON_SCHULZ, Muon, orthogonalize


def test_singular_values_come_close_to_one() -> None:
    matrices = torch.randn(3, 8, 20, generator=torch.Generator().manual_seed(0))
    for given in (matrices, matrices.mT):
        strengths = torch.linalg.svdvals(orthogonalize(given))
        assert strengths.min() > 0.5
        assert strengths.max() < 1.3


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 5, 20), (2, 20, 5)])
def test_the_short_iteration_is_the_plain_one(shape: tuple[int, ...]) -> None:
    given = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    x = given / (torch.linalg.matrix_norm(given)[:, None, None] + 1e-7)
    a, b, c = NEWTON_SCHULZ
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + b * gram @ x + c * gram @ gram @ x
    torch.testing.assert_close(orthogonalize(given), x, atol=1e-4, rtol=1e-4)


def test_muon_descends() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(6, 4))
    target = torch.randn(6, 4)
    optimizer = Muon([weight], lr=0.05)
    losses = []
    for _ in range(60):
        loss = (weight - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_paragraphs_of_held_out_pages_are_dropped() -> None:
    seen = word_runs("one two three four five six seven eight nine")
    text = "kept words here\n\nand One two, three four five six seven eight again"
    assert list(unseen(text, seen)) == ["kept words here"]


def test_chunks_keep_every_paragraph() -> None:
    paragraphs = [str(i) * 700 for i in range(10)]
    joined = "\n\n".join(chunks(paragraphs))
    assert joined == "\n\n".join(paragraphs)


def test_tiny_shakespeare_is_never_read(tmp_path: Path) -> None:
    for name in ("tinyshakespeare", "prose"):
        (tmp_path / f"{name}.txt").write_text("some words\n")
    assert set(read_chunks(tmp_path)) == {"prose", "python-docstrings"}


def test_digits_and_brackets_merge() -> None:
    tokenizer = train_tokenizer(["f(()) = (()) 2024 2024"] * 50, 300)
    assert "((" in tokenizer.tokenize("(())") or "(())" in tokenizer.tokenize("(())")
    assert len(tokenizer.tokenize("2024")) < 4
