"""Inputs unlike those of training: the out-of-distribution suites of arXiv 2505.10719, appendix D.

A suite brings the right answers of the *task*, also where its program cannot give them: `<>` are
brackets, numbers may have four digits or decimals. Whether a program solves a suite is found by
running it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import count, islice
from random import Random
from typing import Any

from rinject.errors import RinjectError
from rinject.lang import Header
from rinject.tasks.count import Count
from rinject.tasks.int_sum import IntSum
from rinject.tasks.own_code import explained
from rinject.tasks.shuffle_dyck import PAIRS, Pairs, ShuffleDyck, correct_string, is_balanced
from rinject.tasks.task import Example, Task, answer_text, fill_prompt, split_of

BUILT_IN = (ShuffleDyck, Count, IntSum)
Inputs = Callable[[Random], Iterator[str]]
MOST_DRAWS = 10_000  # in a row without anything new: there is nothing left


@dataclass(frozen=True)
class Suite:
    """Inputs of one kind that no training has seen, with the task's own answers."""

    name: str
    sentence: str
    """What its inputs are."""
    inputs: Inputs
    """Random inputs; endless or not, and some may come again."""
    truth: Callable[[str], Any]
    """The right output value for an input, whatever a program makes of it."""

    def examples(self, header: Header, n: int, seed: int) -> list[Example]:
        """The first `n` examples, or as many as there are; no input comes twice.

        The same header, seed and suite give the same examples, and more of them begin with fewer.
        Raises InputError for a suite of one's own that fails.
        """
        rng = Random(f"{header.name}/{self.name}/{seed}")
        with self._explained():
            return [
                Example(text, fill_prompt(header, text), written(header, self.truth(text)))
                for text in islice(_once(self.inputs(rng)), n)
            ]

    def texts(self, n: int) -> list[str]:
        """Some inputs. Raises InputError for a suite of one's own that fails."""
        with self._explained():
            return list(islice(self.inputs(Random(0)), n))

    def held_out(self) -> Suite:
        """Those of its inputs that training could not have had: those of the test split."""
        return replace(self, inputs=lambda rng: _held_out(self.inputs(rng)))

    def _explained(self) -> AbstractContextManager[None]:
        hint = "its `inputs(rng)` gives texts, its `truth(text)` the right output for each"
        return explained(f"the suite {self.name!r}", hint=hint)


def written(header: Header, value: Any) -> str:
    """A value as the header writes it; one that the header does not know, after its manner."""
    try:
        return answer_text(header, value)
    except RinjectError:
        spaced = any(rule.text.startswith(" ") for rule in header.answers)
        return f"{' ' if spaced else ''}{value}"


def find_suites(task: Task) -> tuple[Suite, ...]:
    """The suites of a task: its own attribute `suites`, or those of a built-in task."""
    built_in = SUITES.get(task.header.name, ()) if isinstance(task, BUILT_IN) else ()
    return tuple(getattr(task, "suites", ())) or built_in


def _once(inputs: Iterator[str]) -> Iterator[str]:
    """The inputs without repetitions, until very many in a row were nothing new."""
    seen: set[str] = set()
    repeated = 0
    for text in inputs:
        repeated = repeated + 1 if text in seen else 0
        if repeated == MOST_DRAWS:
            return
        if not repeated:
            seen.add(text)
            yield text


def _held_out(inputs: Iterator[str]) -> Iterator[str]:
    """Of inputs that training could have had, those of the test split."""
    return (text for text in inputs if split_of(text) == "test")


# --- shuffle-dyck ---------------------------------------------------------------------------------

FOUR_PAIRS = (*PAIRS, ("<", ">"))


def _almost_balanced(shortest: int, longest: int) -> Inputs:
    """Correct strings of so many brackets, less their last one."""

    def inputs(rng: Random) -> Iterator[str]:
        pairs = (rng.randint((shortest + 1) // 2, longest // 2) for _ in count())
        return _held_out(correct_string(n, rng)[:-1] for n in pairs)

    return inputs


def _strings(longest: int, families: Pairs, needed: str = "") -> Inputs:
    """Half random, half correct, from 5 brackets on; with one of the needed brackets, if any."""
    brackets = "".join(left + right for left, right in families)

    def draw(rng: Random) -> str:
        if rng.random() < 0.5:
            return "".join(rng.choices(brackets, k=rng.randint(5, longest)))
        return correct_string(rng.randint(3, longest // 2), rng, families)

    def inputs(rng: Random) -> Iterator[str]:
        drawn = (draw(rng) for _ in count())
        if needed:
            return (text for text in drawn if not set(needed).isdisjoint(text))
        return _held_out(drawn)

    return inputs


def _is_balanced(text: str) -> bool:
    return is_balanced(text, FOUR_PAIRS)


SHUFFLE_DYCK = (
    Suite(
        "almost balanced",
        "correct strings of 5 to 30 brackets less their last bracket",
        _almost_balanced(5, 30),
        _is_balanced,
    ),
    Suite(
        "almost balanced, long",
        "correct strings of 15 to 90 brackets less their last bracket, as in the published code",
        _almost_balanced(15, 90),
        _is_balanced,
    ),
    Suite(
        "3x length",
        "strings of 5 to 90 brackets, half of them correct",
        _strings(90, PAIRS),
        _is_balanced,
    ),
    Suite(
        "extra family",
        "strings of 5 to 30 brackets with `<>` among them, half of them correct",
        _strings(30, FOUR_PAIRS, needed="<>"),
        _is_balanced,
    ),
)


# --- count ----------------------------------------------------------------------------------------


def _only_x(rng: Random) -> Iterator[str]:
    return (" ".join("x" * n) for n in rng.sample(range(1, 41), 40))


def _three_times_longer(rng: Random) -> Iterator[str]:
    return (" ".join(rng.choices("xy", k=rng.randint(41, 120))) for _ in count())


def _z_for_y(rng: Random) -> Iterator[str]:
    """Test inputs with another letter; training has at least one `y` in every input."""
    drawn = (" ".join(rng.choices("xy", k=rng.randint(5, 40))) for _ in count())
    return (text.replace("y", "z") for text in _held_out(drawn) if "y" in text)


def _count(text: str) -> int:
    return text.split().count("x")


COUNT = (
    Suite("x only", "1 to 40 `x` and nothing else", _only_x, _count),
    Suite("3x length", "41 to 120 characters", _three_times_longer, _count),
    Suite("y to z", "test inputs with each `y` replaced by `z`", _z_for_y, _count),
)


# --- int-sum --------------------------------------------------------------------------------------


def _int_sum(below: int) -> tuple[Suite, ...]:
    """The suites of a program that was trained on all numbers below this one."""
    unit = 10 ** (len(str(below)) - 1)  # 100 below 450
    longer = range(10 * unit, 10 * below)
    return (
        Suite(
            "cascading overflow",
            f"sums of d{str(unit)[1:]} to which every place carries, such as {3 * unit - 1} + 1",
            _cascades(unit, below),
            _sum,
        ),
        Suite(
            f"{len(str(longer[0]))} digits",
            f"numbers from {longer[0]} to {longer[-1]}",
            lambda rng: (f"{rng.choice(longer)} + {rng.choice(longer)}" for _ in count()),
            _sum,
        ),
        Suite(
            "decimals",
            f"numbers below {below} with two decimals",
            lambda rng: (f"{_cents(rng, below)} + {_cents(rng, below)}" for _ in count()),
            _sum,
        ),
    )


def _cascades(unit: int, below: int) -> Inputs:
    """a + b = d00 where every place carries, less the pairs that training could have had."""

    def inputs(rng: Random) -> Iterator[str]:
        totals = range(unit, 10 * unit, unit)
        pairs = [(a, total - a) for total in totals for a in range(1, total) if a % 10 != 0]
        rng.shuffle(pairs)
        for a, b in pairs:
            text = f"{a} + {b}"
            if max(a, b) >= below or split_of(text) == "test":
                yield text

    return inputs


def _cents(rng: Random, below: int) -> str:
    return _decimal(rng.randrange(100 * below))


def _decimal(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _sum(text: str) -> str:
    """Exact: of whole numbers, or of two decimals each."""
    first, second = text.split(" + ")
    if "." in text:
        return _decimal(int(first.replace(".", "")) + int(second.replace(".", "")))
    return str(int(first) + int(second))


INT_SUM = _int_sum(450)
SUITES: Mapping[str, tuple[Suite, ...]] = {
    "shuffle_dyck": SHUFFLE_DYCK,
    "shuffle_dyck_bits": SHUFFLE_DYCK,
    "count": COUNT,
    "int_sum": INT_SUM,
    "int_sum4": _int_sum(4500),
    "int_sum_shared": INT_SUM,
}
"""The suites of the built-in tasks, by the names of their programs."""
