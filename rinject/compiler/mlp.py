"""Tables and thresholds as ReLU units.

Every indicator is a pair of units, relu(z + 1/2) - relu(z - 1/2): 0 up to z = -1/2 and 1 from
z = 1/2 on. What feeds it keeps z at least 1 away from 0, so small errors never get through.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from rinject.compiler.heads import DEFAULT_CODE, MISSING_CODE, codes
from rinject.errors import InputError
from rinject.graph import Aggregate, Elementwise, Node, Width
from rinject.graph.means import is_number
from rinject.graph.stream import Stream
from rinject.graph.tables import NONE

CLOSEST = 2e-6
"""Least distance of two numbers (from 0 to 1) that float32 attention keeps apart."""
OFF = -1e6
"""Weight from the BOS mark to every indicator: at BOS there are no values."""


class Units:
    """The hidden units of one layer, collected one group after the other."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._inputs: list[np.ndarray] = []  # [D] each
        self._biases: list[float] = []
        self._outputs: list[np.ndarray] = []  # [D] each

    def weights(self) -> dict[str, np.ndarray]:
        """hidden [D, F], hidden_bias [F], mlp_output [F, D], mlp_output_bias [D]."""
        width = self._stream.width
        return {
            "hidden": np.array(self._inputs).reshape(-1, width).T,
            "hidden_bias": np.array(self._biases),
            "mlp_output": np.array(self._outputs).reshape(-1, width),
            "mlp_output_bias": np.zeros(width),
        }

    def compute(self, node: Elementwise) -> None:
        """An elementwise node, from the one-hot slots of its arguments."""
        terms = additive_terms(node, self._stream.optional)
        if terms is None:
            self._look_up(node)
        else:
            self._add_up(node, terms)

    def _add_up(self, node: Elementwise, terms: list[np.ndarray]) -> None:
        """A sum of terms, one a value of each argument: one threshold a result, not one a cell."""
        weight = np.zeros(self._stream.width)
        for argument, term in zip(node.arguments, terms, strict=True):
            weight[self._stream.slot(argument)] = term
        numbers = np.array([float(value) for value in node.values])  # ascending
        start = self._stream.start[node]
        self._always({start: 1.0})
        for i, gap in enumerate(np.diff(numbers)):
            bias = -(numbers[i] + numbers[i + 1]) / gap
            self._indicator(2 / gap * weight, bias, {start + i: -1.0, start + i + 1: 1.0})

    def _look_up(self, node: Elementwise) -> None:
        """One indicator for each cell of the table that has a value."""
        readers = [
            self._class_readers(argument, classes)
            for argument, classes in zip(node.arguments, node.table.classes, strict=True)
        ]
        for cell in product(*map(range, node.table.cells.shape)):
            result = int(node.table.cells[cell])
            chosen = [reader[index] for reader, index in zip(readers, cell, strict=True)]
            if result < 0 or any(reader is None for reader in chosen):
                continue
            weight = np.sum([r[0] for r in chosen if r is not None], axis=0)
            bias = sum(r[1] for r in chosen if r is not None)
            # All arguments match: the sum is their number, and z = 2; one fails: z = -2.
            z_bias = 4 * (bias - len(chosen) + 0.5)
            self._indicator(4 * weight, z_bias, {self._stream.start[node] + result: 1.0})

    def _class_readers(
        self, argument: Node, classes: np.ndarray
    ) -> list[tuple[np.ndarray, float] | None]:
        """For each class, weight and bias that yield 1 where the argument is in it, else 0."""
        slot = self._stream.slot(argument)
        readers: list[tuple[np.ndarray, float] | None] = []
        for index in range(int(classes.max()) + 1):
            member = (classes == index).astype(float)  # [values + 1]
            missing = member[-1] if argument in self._stream.optional else 0.0
            weight = np.zeros(self._stream.width)
            weight[slot] = member[:-1] - missing
            never = not member[:-1].any() and not missing
            readers.append(None if never else (weight, float(missing)))
        return readers

    def decode(self, source: Node, scratch: int, results: np.ndarray, start: int) -> None:
        """One-hot `results[i]`, at dimensions from `start`, where `source` has its value i.

        Raises InputError where two of the numbers are too close to be told apart.
        """
        points, values = _points(source, results)
        if values[0] >= 0:
            self._always({start + int(values[0]): 1.0})
        for i in np.flatnonzero(values[1:] != values[:-1]):
            gap = points[i + 1] - points[i]
            if gap < CLOSEST:
                raise InputError(
                    f"two values of `{source.name}` are too close for float32 attention",
                    hint="compile for a shorter longest input",
                )
            weight = np.zeros(self._stream.width)
            weight[scratch] = 2 / gap
            bias = -(points[i] + points[i + 1]) / gap
            change = {start + int(values[i + 1]): 1.0, start + int(values[i]): -1.0}
            present = {start + int(v) for v in (values[i], values[i + 1]) if v >= 0}
            self._indicator(weight, bias, {d: w for d, w in change.items() if d in present})

    def clear(self, dimension: int) -> None:
        """Take a number that is not negative out of the stream."""
        self._unit({dimension: 1.0}, 0.0, {dimension: -1.0})

    def clear_at_bos(self, dimension: int) -> None:
        """Take a value between 0 and 1 out of the stream at BOS only."""
        self._unit({dimension: 1.0, self._stream.bos: 1.0}, -1.0, {dimension: -1.0})

    def _always(self, output: dict[int, float]) -> None:
        self._unit({self._stream.bos: OFF}, 1.0, output)

    def _indicator(self, weight: np.ndarray, bias: float, output: dict[int, float]) -> None:
        for shift, sign in ((0.5, 1.0), (-0.5, -1.0)):
            self._inputs.append(weight.copy())
            self._inputs[-1][self._stream.bos] = OFF
            self._biases.append(bias + shift)
            self._outputs.append(self._vector({d: sign * w for d, w in output.items()}))

    def _unit(self, weight: dict[int, float], bias: float, output: dict[int, float]) -> None:
        self._inputs.append(self._vector(weight))
        self._biases.append(bias)
        self._outputs.append(self._vector(output))

    def _vector(self, entries: dict[int, float]) -> np.ndarray:
        vector = np.zeros(self._stream.width)
        for dimension, weight in entries.items():
            vector[dimension] += weight
        return vector


def additive_terms(node: Elementwise, optional: frozenset[Node]) -> list[np.ndarray] | None:
    """Numbers a_i(x_i) whose sum is the value of the node, such as starts - ends; else None.

    Every argument and result must be there: with None about, a sum means nothing.
    """
    table = node.table.dense()[tuple(slice(0, -1) for _ in node.arguments)]
    if not all(map(is_number, node.values)) or optional.intersection((node, *node.arguments)):
        return None
    if len(node.arguments) < 2 or table.size == 0 or len(node.values) < 2:
        return None
    results = np.array([float(value) for value in node.values])[table]
    origin = results[(0,) * results.ndim]
    terms = []
    for axis in range(results.ndim):
        line = results[tuple(slice(None) if i == axis else 0 for i in range(results.ndim))]
        terms.append(line - (origin if axis else 0.0))
    total = sum(np.ix_(*terms))
    closest = np.diff(np.unique(results)).min(initial=np.inf)
    return terms if np.abs(total - results).max() < 1e-6 * closest else None


def _points(source: Node, results: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers that attention yields for the values of `source`, ascending, and the results.

    What no input reaches is left out, so that the thresholds lie between neighbours.
    """
    if isinstance(source, Width):
        return 1 / (np.arange(len(source.values), 0, -1)), results[::-1]
    assert isinstance(source, Aggregate)
    places = [i for i, value in enumerate(source.values) if is_number(value)]
    numbers = codes(source, np.array([float(source.values[i]) for i in places]))
    inside = (numbers >= 0) & (numbers <= 1)
    fallback = results[source.default] if source.default >= 0 else NONE
    points = np.append(numbers[inside], [DEFAULT_CODE, MISSING_CODE])
    return points, np.append(np.asarray(results)[places][inside], [fallback, NONE])
