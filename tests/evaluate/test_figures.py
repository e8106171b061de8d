"""Accuracy, perplexity and fidelity against slow, plain versions of themselves."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
import torch
from inject import small_injection

from rinject.errors import InputError
from rinject.evaluate import accuracy, evaluate, fidelity, perplexity
from rinject.evaluate.perplexity import perplexity_of_ids
from rinject.inject.projection import Projection, variable_slices
from rinject.inject.rows import example_rows, rows_of
from rinject.inject.targets import Targets
from rinject.student import residual_streams
from rinject.tasks import Example, examples


def drawn(n):
    return examples(small_injection.task(), "test", n, 1)


def test_accuracy_counts_what_the_student_would_write(bundle):
    reconciliation, cases = bundle.reconciliation, []
    for one in drawn(6):
        ids = torch.tensor([reconciliation.student_ids(one.prompt)])
        with torch.no_grad():
            written = int(bundle.model(ids).logits[0, -1].argmax())
        cases.append(Example(one.input, one.prompt, reconciliation.text_of(written)))
    wrong = [Example(one.input, one.prompt, " no no") for one in drawn(2)]
    report = accuracy(bundle.model, example_rows(cases + wrong, reconciliation))
    assert report.n == 8
    assert report.right[6:] == (False, False)
    assert report.accuracy == sum(report.right) / 8


def test_accuracy_of_nothing(bundle):
    with pytest.raises(InputError, match="no example"):
        accuracy(bundle.model, bundle.rows([]))


def test_an_answer_that_only_begins_right_is_wrong(bundle):
    (one,) = drawn(1)
    ids, end = bundle.reconciliation.student_ids(one.prompt), bundle.reconciliation.end
    with torch.no_grad():
        likeliest = int(bundle.model(torch.tensor([ids])).logits[0, -1].argmax())
    assert accuracy(bundle.model, rows_of([ids], [[likeliest]])).right == (True,)
    assert accuracy(bundle.model, rows_of([ids], [[likeliest, end]])).right == (False,)
    lengths = [b.rows([one]).lengths[0] for b in (bundle, small_injection.without_end(bundle))]
    assert lengths[0] == lengths[1] + 1
    assert bundle.rows([one]).ids[0, -1] == end


@pytest.mark.parametrize("tokens", [2, 16, 17, 33, 40])
def test_perplexity_of_windows_side_by_side(bundle, tokens):
    ids = np.random.default_rng(0).integers(0, 300, tokens)
    loss = 0.0
    for start in range(0, tokens - 1, 16):
        window = torch.from_numpy(ids[start : start + 17])
        with torch.no_grad():
            logits = bundle.model(window[None, :-1]).logits[0]
        loss -= logits.log_softmax(-1)[range(len(window) - 1), window[1:]].sum().item()
    report = perplexity_of_ids(bundle.model, ids, window=16)
    assert report.perplexity == pytest.approx(math.exp(loss / (tokens - 1)), rel=1e-5)
    assert (report.tokens, report.window) == (tokens - 1, 16)


def test_perplexity_of_texts_stays_within_the_models_positions(bundle):
    report = perplexity(bundle.model, bundle.reconciliation, small_injection.HELD_OUT)
    assert report.window == small_injection.POSITIONS
    assert report.perplexity == pytest.approx(320, rel=0.2)  # an untrained model guesses


def test_perplexity_without_text(bundle):
    with pytest.raises(InputError, match="no text"):
        perplexity(bundle.model, bundle.reconciliation, [])


def test_fidelity_is_averaged_over_values_that_occur_often(bundle):
    targets = Targets(bundle.graph, bundle.reconciliation)
    slices = variable_slices(bundle.graph)
    right, often = defaultdict(list), 20
    for one in drawn(40):
        rows = example_rows([one], bundle.reconciliation)
        ids = torch.from_numpy(rows.ids[:, : rows.prompt_lengths[0]])
        stream = residual_streams(bundle.model, ids, layers=[bundle.last_layer])
        mapped = bundle.projection.maps().slices_at(bundle.last_layer, stream[bundle.last_layer][0])
        for position, values in enumerate(targets.values(rows)):
            for value, place in zip(values.tolist(), slices, strict=True):
                if value >= 0:
                    read = mapped[position, place.start : place.stop].argmax().item()
                    right[place.name, value].append(read == value)
    expected = defaultdict(list)
    for (name, _), hits in right.items():
        if len(hits) >= often:
            expected[name].append(np.mean(hits))
    report = fidelity(bundle, example_rows(drawn(40), bundle.reconciliation))
    assert report.variables == pytest.approx({n: np.mean(s) for n, s in expected.items()})
    assert set(report.changing) == {n for n, s in expected.items() if len(s) > 1}
    assert report.mean == pytest.approx(np.mean([report.variables[n] for n in report.changing]))


def test_fidelity_of_a_constant_guess_is_poor_and_of_nothing_none(bundle):
    width = small_injection.WIDTH
    constant = Projection(variable_slices(bundle.graph), width)
    with torch.no_grad():
        constant.weight.zero_()
    guess = replace(bundle, projection=constant)
    report = fidelity(guess, example_rows(drawn(40), bundle.reconciliation))
    assert report.variables["balanced"] == 0.5
    few = fidelity(guess, example_rows(drawn(1), bundle.reconciliation))
    assert few.changing == ()
    assert few.mean is None


def test_all_figures_beside_the_base(bundle):
    base = small_injection.student().model
    report = evaluate(bundle, base, small_injection.task(), small_injection.HELD_OUT, n=40)
    assert report.n == 40
    assert 0 <= report.accuracy <= 1
    assert report.base_perplexity > 100
    assert set(report.changing) <= set(report.variables)
    record = json.loads(json.dumps(report.to_record()))
    assert record["fidelity"] == report.fidelity
    assert record["variables"] == report.variables
