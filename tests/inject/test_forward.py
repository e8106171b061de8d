"""Picked logits are those of a full forward pass over each row alone."""

from __future__ import annotations

import numpy as np
import torch

from rinject.inject.answering import right_answers
from rinject.inject.forward import logits_at


def test_picked_places(student, rows):
    asked, model = rows.before_answer(), student.model
    with torch.no_grad():
        with logits_at(model, torch.from_numpy(np.flatnonzero(asked))):
            picked = model(torch.from_numpy(rows.ids)).logits  # [1, M, vocabulary]
        full = [
            model(torch.from_numpy(rows.ids[None, row, :length])).logits[0]
            for row, length in enumerate(rows.lengths)
        ]
    expected = [one[torch.from_numpy(asked[row, : len(one)])] for row, one in enumerate(full)]
    torch.testing.assert_close(picked[0], torch.cat(expected), atol=1e-5, rtol=1e-4)
    assert model(torch.from_numpy(rows.ids[:1, :3])).logits.shape[1] == 3  # the hook is gone


def test_right_answers_are_those_greedy_decoding_writes(student, rows):
    expected = []
    for row, ids in enumerate(rows.ids):
        prompt, length = rows.prompt_lengths[row], rows.lengths[row]
        answer = ids[prompt:length]
        if row % 2:  # so that some answers are right: take what the student would write itself
            with torch.no_grad():
                logits = student.model(torch.from_numpy(ids[None, :prompt])).logits
            answer[:] = int(logits[0, -1].argmax())
        written = student.model.generate(
            torch.from_numpy(ids[None, :prompt]),
            attention_mask=torch.ones(1, prompt, dtype=torch.long),
            max_new_tokens=int(length - prompt), do_sample=False, pad_token_id=0, eos_token_id=None,
        )  # fmt: skip
        expected.append(written[0, prompt:].tolist() == answer.tolist())
    assert any(expected)
    assert not all(expected)
    assert right_answers(student.model, rows).tolist() == expected
