"""Variables set to values, and answers that follow."""

from __future__ import annotations

import json

import pytest
from evaluate.spelled_bundle import spelled_bundle
from inject import small_injection

from rinject.errors import InputError
from rinject.evaluate import wilson
from rinject.evaluate.probe import Share, draw_steering, steer, steering
from rinject.evaluate.probe.shares import together
from rinject.inject.bundle import Bundle
from rinject.inject.rows import Rows
from rinject.tasks import examples


def some_rows(bundle: Bundle, n: int = 24) -> Rows:
    return bundle.rows(examples(small_injection.task(), "test", n, 0))


def spelled_rows(bundle: Bundle, n: int = 12) -> Rows:
    return bundle.rows(small_injection.spelled_examples(n))


def test_the_answer_is_set_everywhere() -> None:
    """The program then gives the value's answer on every prompt, the student one and the same."""
    bundle = small_injection.with_direction()
    report = steering(bundle, some_rows(bundle, 40), variables=["answer"])
    (one,) = report.variables
    assert report.n == 20
    assert [steered.value for steered in one.values] == [False, True]
    for steered in one.values:
        (count,) = steered.effect.followed.counts
        assert count in (0, 20)
        assert steered.effect.followed.n == 20
    changed = [steered.effect.followed_changed.n for steered in one.values]
    assert sum(changed) == 20 == one.effect.followed_changed.n


def test_shares_of_nothing_and_of_several_draws() -> None:
    assert Share((0,), 0).value is None
    assert Share((0,), 0).ci is None
    several = Share((3, 5), 10)
    assert several.value == pytest.approx(0.4)
    assert several.ci is not None
    assert several.to_record()["draws"] == [0.3, 0.5]
    assert several.ci[0] < 0.4 < several.ci[1]


def test_cases_of_one_prompt_count_as_one_in_the_interval() -> None:
    """Four cases of each of ten prompts: the share of all, the interval of ten."""
    shares = [Share((right,), 10, frozenset(range(10))) for right in (10, 9, 8, 5)]
    found = together(shares)
    assert (found.counts, found.n, found.value) == ((32,), 40, 0.8)
    assert found.ci == Share((8,), 10).ci
    assert found.to_record()["prompts"] == 10
    apart = together([Share((10,), 10, frozenset(range(10))), Share((4,), 4, frozenset({1, 12}))])
    assert apart.prompts == frozenset((*range(10), 12))
    assert together([]).ci is None
    assert together([Share((1,), 2), Share((2,), 2)]).ci == Share((3,), 4).ci


def test_a_prompt_that_is_set_to_two_values_counts_once() -> None:
    bundle = small_injection.with_direction()
    (one,) = steering(bundle, some_rows(bundle, 40), variables=["answer"]).variables
    followed = one.effect.followed
    assert followed.n == 40
    assert followed.prompts == frozenset(range(20))
    assert followed.value is not None
    assert followed.ci == wilson(20 * followed.value, 20)
    changed = one.effect.followed_changed
    assert changed.n == 20  # each prompt is changed by one of the two
    assert changed.prompts == frozenset(range(20))


@pytest.mark.parametrize("make", [small_injection.bundle, spelled_bundle])
def test_every_variable_has_a_record_and_a_place_in_the_picture(make: object) -> None:
    assert callable(make)
    bundle = make()
    rows = spelled_rows(bundle) if bundle.program.header.spelled else some_rows(bundle)
    report = steering(bundle, rows)
    record = report.to_record()
    assert json.loads(json.dumps(record)) == record
    assert len(record["variables"]) == sum(one.size > 1 for one in bundle.graph.variables)
    shown = [one for one in report.variables if one.effect.followed_changed.n]
    (axes,) = draw_steering(report).axes
    assert len(axes.get_yticklabels()) == len(shown)


def test_one_prompt() -> None:
    bundle = small_injection.with_direction()
    rows = some_rows(bundle)
    yes, no = (steer(bundle, "(())", "answer", value, rows) for value in ("True", "False"))
    assert yes.prompt == no.prompt == "Is it balanced? (())\nAnswer:"
    assert yes.before == no.before
    assert yes.program_before == " yes"
    assert (yes.program_after, no.program_after) == (" yes", " no")
    assert yes.value is True
    assert yes.follows == (yes.after == " yes")
    assert yes.occurrences > 0


def test_a_spelled_answer_is_followed_to_its_end() -> None:
    bundle = spelled_bundle()
    rows = spelled_rows(bundle)
    ended = steer(bundle, "312", "next", "end", rows)
    assert (ended.program_before, ended.program_after) == ("312", "")
    assert not ended.is_endless
    endless = steer(bundle, "312", "next", "1", rows)
    assert endless.is_endless
    assert endless.program_after
    assert set(endless.program_after) == {"1"}
    assert len(endless.after) <= len(endless.program_after)


@pytest.mark.parametrize(
    ("variable", "value", "said", "hint"),
    [
        ("answr", "True", "no variable `answr`", "did you mean `answer`"),
        ("answer", "Tru", "`answer` has no value Tru", "did you mean `True`"),
        ("depth", "99", "`depth` has no value 99", None),
        ("tokens", "(", "never", "take more examples with --n, or one of compute"),
    ],
)
def test_what_cannot_be_set(variable: str, value: str, said: str, hint: str | None) -> None:
    bundle = small_injection.bundle()
    with pytest.raises(InputError, match=said) as caught:
        steer(bundle, "()", variable, value, some_rows(bundle))
    assert caught.value.hint
    assert hint is None or hint in caught.value.hint


def test_too_few_examples() -> None:
    bundle = small_injection.bundle()
    with pytest.raises(InputError, match="two examples"):
        steering(bundle, some_rows(bundle, 1))
