"""Steps of a robot, drawn as one pleases: the task of walk.rasp as a Python class."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from rinject.lang import Header
from rinject.tasks import Sampler, Suite

STEPS = ("up", "down", "left", "right")
BACK = {"up": "down", "down": "up", "left": "right", "right": "left"}
MOST_STEPS = 12


class Walks(Sampler):
    """Half random walks, half round trips that end at home or one step away from it."""

    kinds = ("random", "round trip")

    def __init__(self, header: Header) -> None:
        self.header = header

    def draw(self, kind: str, rng: Random) -> str:
        if kind == "random":
            return " ".join(rng.choices(STEPS, k=rng.randint(1, MOST_STEPS)))
        there = rng.choices(STEPS, k=rng.randint(1, MOST_STEPS // 2))
        steps = [*there, *(BACK[step] for step in there)]
        rng.shuffle(steps)
        return " ".join(steps[rng.randint(0, 1) :])

    def output(self, text: str) -> str:
        return place(text)

    @property
    def suites(self) -> tuple[Suite, ...]:
        """For `rinject ood`: walks that are longer than all of training."""
        return (Suite("longer", "13 to 24 steps", longer, place),)


def place(text: str) -> str:
    """Where the robot stands in the end."""
    steps = text.split()
    height = steps.count("up") - steps.count("down")
    side = steps.count("right") - steps.count("left")
    words = ["up"] * (height > 0) + ["down"] * (height < 0)
    words += ["right"] * (side > 0) + ["left"] * (side < 0)
    return " ".join(words) or "home"


def longer(rng: Random) -> Iterator[str]:
    """Walks without end."""
    while True:
        yield " ".join(rng.choices(STEPS, k=rng.randint(MOST_STEPS + 1, 2 * MOST_STEPS)))
