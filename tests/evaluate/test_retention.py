"""What retention measures, against slow and plain versions of it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from inject import small_injection
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, PreTrainedModel

from rinject.evaluate.retention import (
    Classified,
    LastWords,
    Lines,
    RetentionReport,
    RetentionSet,
    retention,
)
from rinject.evaluate.retention.answers import LEAST_SHARED, continued_rows, score_answers
from rinject.evaluate.retention.prompts import MRPC_PROMPT, SST2_PROMPT, mrpc_prompt, sst2_prompt
from rinject.inject.rows import Rows, rows_of

POSITIONS = 400
CONFIGS = {
    "gpt2": GPT2Config(
        vocab_size=320, n_embd=16, n_layer=3, n_head=2, n_positions=POSITIONS,
        bos_token_id=0, eos_token_id=0,
    ),
    "llama": LlamaConfig(
        vocab_size=320, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
        num_key_value_heads=1, intermediate_size=32, max_position_embeddings=POSITIONS,
        bos_token_id=0, eos_token_id=0, pad_token_id=None,
    ),
}  # fmt: skip
LINES = Lines(
    "tiny-shakespeare",
    ("First words:", "", "The text of the page is plain.", "a", "  ", "Speak, and no more of it."),
)
PASSAGES = LastWords(
    "lambada",
    ("the words of the page are plain words", "single", "he said , \n no  more", "yes , yes \n"),
)
REVIEWS = Classified(
    "sst2",
    tuple(map(sst2_prompt, ("a plain page ", "more of it", "words , words and more words . "))),
    (1, 0, 1),
    (" negative", " positive"),
)
TOKENIZER = small_injection.tokenizer()


def made(kind: str, seed: int = 0) -> PreTrainedModel:
    """An untrained model that is surer of itself than untrained ones are."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(CONFIGS[kind]).eval()
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(20)
    return model


@pytest.fixture(params=CONFIGS)
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return made(request.param)


def ids_of(text: str) -> list[int]:
    return list(TOKENIZER.encode(text, add_special_tokens=False))


@torch.no_grad()
def log_likelihoods(model: PreTrainedModel, ids: list[int]) -> torch.Tensor:
    """[T - 1, vocabulary]: those of each next token, from one plain forward pass."""
    return model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)


def losses(model: PreTrainedModel, ids: list[int]) -> torch.Tensor:
    """[T - 1]: the loss of each token but the first."""
    return -log_likelihoods(model, ids)[range(len(ids) - 1), ids[1:]]


# --- lines ----------------------------------------------------------------------------------------


def test_the_line_perplexity_is_the_mean_of_the_lines_own(model: PreTrainedModel) -> None:
    own = [
        losses(model, ids_of(line)).mean().exp().item()
        for line in LINES.lines
        if line.strip() and line != "a"
    ]
    by_line, _ = LINES.scores(model, TOKENIZER)
    assert by_line.value == pytest.approx(np.mean(own), rel=1e-4)
    assert (len(by_line.sums), by_line.skipped) == (3, 1)  # a line of one token has none


def test_the_token_perplexity_is_that_of_the_running_text(model: PreTrainedModel) -> None:
    all_ids = ids_of("\n".join(LINES.lines))
    assert len(all_ids) <= 256  # within one window
    _, running = LINES.scores(model, TOKENIZER)
    expected = math.exp(losses(model, all_ids).mean().item())
    assert running.value == pytest.approx(expected, rel=1e-4)
    assert running.counts.sum() == len(all_ids) - 1


# --- last words -----------------------------------------------------------------------------------


def test_a_last_word_is_right_where_greedy_decoding_writes_it(model: PreTrainedModel) -> None:
    prompt = "the words of the page are"
    ids = ids_of(prompt)
    with torch.no_grad():
        for _ in range(2):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    written, begun = ids[-2:], [ids[-2], (ids[-1] + 1) % 320]
    rows = small_rows(prompt, [written, begun, [begun[1], ids[-1]]])
    found = score_answers(model, rows)
    assert found.right.tolist() == [True, False, False]
    assert found.last_right.tolist()[:2] == [True, False]


def small_rows(prompt: str, answers: list[list[int]]) -> Rows:
    return rows_of([ids_of(prompt)] * len(answers), answers)


def test_last_words_against_plain_forward_passes(model: PreTrainedModel) -> None:
    right, last = [], []
    for prompt, end in (
        ("the words of the page are plain", " words"),
        ("he said , \n no", "  more"),
        ("yes ,", " yes"),
    ):
        start, whole = ids_of(prompt), ids_of(prompt + end)
        assert whole[: len(start)] == start
        likeliest = log_likelihoods(model, whole).argmax(-1).tolist()[len(start) - 1 :]
        right.append(likeliest == whole[len(start) :])
        last.append(likeliest[-1] == whole[-1])
    word, token = PASSAGES.scores(model, TOKENIZER)
    assert word.sums.tolist() == right
    assert token.sums.tolist() == last
    assert word.skipped == token.skipped == 1


# --- classes --------------------------------------------------------------------------------------


def test_the_likelier_word_is_chosen_and_shared_beginnings_change_nothing(
    model: PreTrainedModel,
) -> None:
    right = []
    for prompt, label in zip(REVIEWS.prompts, REVIEWS.labels, strict=True):
        start = len(ids_of(prompt))
        sums = [losses(model, ids_of(prompt + word))[start - 1 :].sum() for word in REVIEWS.words]
        right.append(int(sums[1] < sums[0]) == label)
    (found,) = REVIEWS.scores(model, TOKENIZER)
    assert found.sums.tolist() == right


def test_losses_with_and_without_a_shared_beginning(model: PreTrainedModel) -> None:
    prompts = list(REVIEWS.prompts)
    rows = continued_rows(TOKENIZER, prompts, [" positive", " no", " yes and more"])
    shared = (rows.ids == rows.ids[:1]).all(axis=0).cumprod().sum()
    assert shared >= LEAST_SHARED
    alone = [score_answers(model, rows.take(slice(i, i + 1))) for i in range(3)]  # nothing shared
    together = score_answers(model, rows)
    assert together.losses == pytest.approx([one.losses[0] for one in alone], rel=1e-4)
    assert together.right.tolist() == [bool(one.right[0]) for one in alone]


def test_more_rows_than_are_read_at_once_stay_in_order() -> None:
    model = made("gpt2")
    texts = ["words and " * (1 + i % 7) for i in range(150)]
    rows = continued_rows(TOKENIZER, texts, [" more" if i % 2 else " no no" for i in range(150)])
    found = score_answers(model, rows).losses
    for place in (0, 1, 77, 149):
        (alone,) = score_answers(model, rows.take(slice(place, place + 1))).losses
        assert found[place] == pytest.approx(alone, rel=1e-4)


def test_examples_that_exceed_the_positions_are_skipped() -> None:
    model = made("gpt2")
    long = Classified("sst2", (*REVIEWS.prompts, "words " * 400), (1, 0, 1, 1), REVIEWS.words)
    (found,), (short,) = long.scores(model, TOKENIZER), REVIEWS.scores(model, TOKENIZER)
    assert found.skipped == 1
    assert found.sums.tolist() == short.sums.tolist()
    (report,) = retention(
        model, made("gpt2", 1), TOKENIZER, [Classified("sst2", ("words " * 400,), (1,), (" no",))]
    )
    assert (report.n, report.skipped) == (0, 1)
    assert (report.value, report.base, report.difference, report.ci) == (None,) * 4


# --- both students --------------------------------------------------------------------------------


def test_the_bundle_beside_its_base() -> None:
    model, base = made("gpt2", 1), made("gpt2")
    seen: list[tuple[int, int]] = []
    sets: list[RetentionSet] = [LINES, PASSAGES, REVIEWS]
    reports = retention(
        model, base, TOKENIZER, sets, report=lambda done, total: seen.append((done, total))
    )
    assert [(one.set, one.measure) for one in reports] == [
        ("tiny-shakespeare", "line perplexity"),
        ("tiny-shakespeare", "token perplexity"),
        ("lambada", "last word"),
        ("lambada", "last token"),
        ("sst2", "accuracy"),
    ]
    assert [one.is_share for one in reports] == [False, False, True, True, True]
    assert seen == [(done, 6) for done in range(6)]
    after = [scores.value for one in sets for scores in one.scores(model, TOKENIZER)]
    before = [scores.value for one in sets for scores in one.scores(base, TOKENIZER)]
    assert [one.value for one in reports] == after
    assert [one.base for one in reports] == before
    for one in reports:
        assert one.value is not None
        assert one.base is not None
        assert one.ci is not None
        assert one.difference == one.value - one.base
        assert one.ci[0] <= one.ci[1]
    again = retention(model, base, TOKENIZER, sets)
    assert again == reports


def test_a_model_beside_itself_has_changed_nothing() -> None:
    model = made("llama")
    for one in retention(model, model, TOKENIZER, (LINES, PASSAGES, REVIEWS)):
        assert one.difference == 0
        assert one.ci == (0, 0)


def test_records_for_machines() -> None:
    reports = retention(made("gpt2", 1), made("gpt2"), TOKENIZER, [LINES])
    records = json.loads(json.dumps([one.to_record() for one in reports]))
    assert records[0]["set"] == "tiny-shakespeare"
    keys = {"set", "measure", "base", "value", "difference", "ci", "n", "skipped"}
    assert all(set(record) == keys for record in records)
    assert [RetentionReport(**record | {"ci": tuple(record["ci"])}) for record in records] == (
        reports
    )


# --- prompts --------------------------------------------------------------------------------------


def test_prompts_are_those_of_the_paper() -> None:
    assert SST2_PROMPT.count("What is the sentiment in this review?") == 3
    assert sst2_prompt("a {plain} page ").endswith("\n\nReview: a {plain} page \n\nAnswer:")
    assert "\n\nAnswer: positive\n\nWhat is" in SST2_PROMPT
    assert mrpc_prompt("One {x}.", "Two.").endswith(
        "\nAnswer: no\n\nSentence 1: One {x}.\nSentence 2: Two.\nAnswer:"
    )
    assert (
        "paraphrases (i.e., have the same meaning). Answer in one word: yes or no." in MRPC_PROMPT
    )
