"""The student's forward pass in two parts gives what it gives in one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from inject import small_injection
from transformers import AutoModelForCausalLM, BloomConfig, GPT2Config, PreTrainedConfig

from rinject.evaluate.probe.forward import continued, predict, stream_after
from rinject.inject.answering import right_answers
from rinject.inject.bundle import Bundle
from rinject.inject.rows import Rows, rows_of
from rinject.student.surgery import blocks
from rinject.tasks import examples

CONFIGS: dict[str, PreTrainedConfig] = {
    **small_injection.CONFIGS,
    # Its blocks return several things.
    "bloom": BloomConfig(
        vocab_size=320, hidden_size=16, n_layer=5, n_head=2, bos_token_id=0, eos_token_id=0
    ),
}


def some_rows(bundle: Bundle, n: int = 12) -> Rows:
    return bundle.rows(examples(small_injection.task(), "test", n, 0))


@pytest.mark.parametrize("kind", CONFIGS)
def test_continued_anywhere_it_is_the_same(kind: str) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS[kind]).eval()
    rows = rows_of([[5, 6, 7], [8, 9, 10, 11, 12]], [[1, 2], [3]])
    ids = torch.from_numpy(rows.ids)
    with torch.no_grad():
        whole = model(input_ids=ids).logits
    for layer in range(small_injection.LAYERS + 1):
        stream = stream_after(model, rows, layer)
        with torch.no_grad(), continued(model, layer, stream):
            again = model(input_ids=ids).logits
        torch.testing.assert_close(again, whole)
    assert not any("forward" in vars(block) for block in blocks(model))


def test_a_block_that_fails_leaves_the_model_as_it_was() -> None:
    model = small_injection.student().model
    before = [block.forward for block in blocks(model)]
    with pytest.raises(RuntimeError), continued(model, 3, torch.zeros(1, 2, 7)):
        model(input_ids=torch.zeros(1, 2, dtype=torch.long))
    assert [block.forward for block in blocks(model)] == before


def test_predictions_are_those_of_the_student(bundle: Bundle) -> None:
    rows = some_rows(bundle)
    with torch.no_grad():
        logits = bundle.model(input_ids=torch.from_numpy(rows.ids)).logits
    asked = rows.before_answer()
    chances = logits.log_softmax(dim=-1).numpy()[asked]
    for layer in (0, 2, small_injection.LAYERS):
        said = predict(bundle.model, rows, layer, stream_after(bundle.model, rows, layer))
        np.testing.assert_array_equal(said.likeliest[asked], logits.argmax(dim=-1).numpy()[asked])
        losses = -chances[np.arange(len(chances)), rows.answers()]
        np.testing.assert_allclose(said.losses[asked], losses, rtol=1e-4)
        assert (said.likeliest[~asked] == -1).all()
        assert not said.losses[~asked].any()


def test_what_is_done_to_a_stream_is_done_to_the_answer() -> None:
    """As with a hook on the whole pass."""
    from rinject.student.surgery import rewrite_stream

    bundle = small_injection.bundle()
    rows = some_rows(bundle)
    moved = stream_after(bundle.model, rows, 3).flip(-1)
    said = predict(bundle.model, rows, 3, moved)
    with torch.no_grad(), rewrite_stream(bundle.model, 3, lambda stream: stream.flip(-1)):
        logits = bundle.model(input_ids=torch.from_numpy(rows.ids)).logits
        right = right_answers(bundle.model, rows)
    asked = rows.before_answer()
    np.testing.assert_array_equal(said.likeliest[asked], logits.argmax(dim=-1).numpy()[asked])
    wrong = asked & (said.likeliest != np.roll(rows.ids, -1, axis=1))
    np.testing.assert_array_equal(right, ~wrong.any(axis=1))


def test_streams_of_long_and_short_rows(bundle: Bundle) -> None:
    """A row's stream does not depend on the rows beside it."""
    rows = some_rows(bundle)
    together = stream_after(bundle.model, rows, 2)
    alone = stream_after(bundle.model, rows.take(slice(3, 4)), 2)
    width = int(rows.lengths[3])
    torch.testing.assert_close(together[3, :width], alone[0, :width])


def test_a_layer_beyond_the_last() -> None:
    from rinject.errors import InputError

    config = small_injection.CONFIGS["gpt2"]
    assert isinstance(config, GPT2Config)
    model = small_injection.student().model
    with (
        pytest.raises(InputError, match="no layer 9"),
        continued(model, 9, torch.zeros(1, 2, config.n_embd)),
    ):
        pass
