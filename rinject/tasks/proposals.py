"""Random sequences of symbols with and without structure, so that rare answers turn up too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

Symbols = Sequence[str]
Family = Callable[[Symbols, int, Random], list[str]]


def uniform(alphabet: Symbols, length: int, rng: Random) -> list[str]:
    """Each symbol by itself."""
    return rng.choices(alphabet, k=length)


def few(alphabet: Symbols, length: int, rng: Random) -> list[str]:
    """From a random part of the alphabet."""
    some = rng.sample(alphabet, rng.randint(1, min(len(alphabet), length)))
    return rng.choices(some, k=length)


def repeated(alphabet: Symbols, length: int, rng: Random) -> list[str]:
    """A block over and over, the last one perhaps cut."""
    block = uniform(alphabet, rng.randint(1, (length + 1) // 2), rng)
    return (block * length)[:length]


def mirrored(alphabet: Symbols, length: int, rng: Random) -> list[str]:
    """A palindrome; or one whose second half has partners for its symbols, as brackets have."""
    half = few(alphabet, (length + 1) // 2, rng)
    partner = _partners(alphabet, rng) if rng.random() < 0.5 else {}
    return half + [partner.get(symbol, symbol) for symbol in reversed(half[: length // 2])]


def ordered(alphabet: Symbols, length: int, rng: Random) -> list[str]:
    """In the order of the alphabet, or against it."""
    place = {symbol: index for index, symbol in enumerate(alphabet)}
    return sorted(uniform(alphabet, length, rng), key=place.__getitem__, reverse=rng.random() < 0.5)


FAMILIES: tuple[Family, ...] = (uniform, few, repeated, mirrored, ordered)


def descended(
    earlier: Mapping[int, Sequence[Symbols]], alphabet: Symbols, length: int, rng: Random
) -> list[str]:
    """Two of the earlier sequences, given by their lengths, combined; or one of them edited."""
    parts = [first for first in earlier if length - first in earlier]
    if parts and rng.random() < 0.5:
        first = rng.choice(parts)
        return combined(rng.choice(earlier[first]), rng.choice(earlier[length - first]), rng)
    near = [known for known in earlier if abs(known - length) <= 2] or list(earlier)
    return edited(rng.choice(earlier[rng.choice(near)]), alphabet, length, rng)


def combined(first: Symbols, second: Symbols, rng: Random) -> list[str]:
    """One before the other, in its middle, anywhere in it, or the two interleaved."""
    way = rng.randrange(4)
    if way == 3:
        return _woven(first, second, rng)
    place = (0, len(first) // 2, rng.randint(0, len(first)))[way]
    return [*first[:place], *second, *first[place:]]


def edited(parent: Symbols, alphabet: Symbols, length: int, rng: Random) -> list[str]:
    """Cut, or repeated in part, to the length; then mostly one symbol replaced, or two swapped."""
    child = list(parent)
    while len(child) > length:
        size = rng.randint(1, len(child) - length)
        start = rng.randint(0, len(child) - size)
        del child[start : start + size]
    while len(child) < length:
        size = rng.randint(1, min(len(parent), length - len(child)))
        start, place = rng.randint(0, len(parent) - size), rng.randint(0, len(child))
        child[place:place] = parent[start : start + size]
    way, one, other = rng.randrange(3), rng.randrange(length), rng.randrange(length)
    if way == 0:
        child[one] = rng.choice(alphabet)
    elif way == 1:
        child[one], child[other] = child[other], child[one]
    return child


def _partners(alphabet: Symbols, rng: Random) -> dict[str, str]:
    """The alphabet in random pairs; one symbol may be left over."""
    mixed = rng.sample(alphabet, len(alphabet))
    pairs = list(zip(mixed[::2], mixed[1::2], strict=False))
    return dict(pairs) | {second: first for first, second in pairs}


def _woven(first: Symbols, second: Symbols, rng: Random) -> list[str]:
    """A random merge; both keep their order."""
    length = len(first) + len(second)
    places = set(rng.sample(range(length), len(first)))
    ones, others = iter(first), iter(second)
    return [next(ones if place in places else others) for place in range(length)]
