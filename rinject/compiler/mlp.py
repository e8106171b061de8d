"""Tables and thresholds as ReLU units.

Every indicator is a pair of units, relu(z + 1/2) - relu(z - 1/2): 0 up to z = -1/2 and 1 from
z = 1/2 on. What feeds it keeps z at least 1 away from 0, so small errors never get through. Where
z grows large on the side of 1, the pair stands the other way round, 1 - (relu(1/2 - z) - relu(-1/2
- z)): then both units are exactly 0 there, instead of two large numbers whose difference is 1.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rinject.circuit.wiring import BlockKind, BlockRecord
from rinject.compiler.blur import EXACT, ROUNDINGS, UNIT, Blur
from rinject.compiler.boxes import Box, boxes_of
from rinject.compiler.heads import (
    DEFAULT_CODE,
    MISSING_CODE,
    Shares,
    codes,
    largest_code,
    mean_rows,
)
from rinject.compiler.margins import Margins
from rinject.compiler.size import check_size
from rinject.graph import Aggregate, Elementwise, Node, Width
from rinject.graph.means import is_number
from rinject.graph.nodes import identity
from rinject.graph.stream import Stream
from rinject.graph.tables import NONE

TIPPING = 0.5
"""How far z may stray: nominally it is 1 away from 0, and the indicator tips at 1/2."""
SURE = 0.25
"""A sum is computed as one only where z strays less than this."""
MOST_CELLS = 4096
"""A sum of blurred numbers with more cells than this is never a table."""
_NO_GAP = 1e-30  # what cannot be told apart at all has no margin, but its weights are finite
_LOOK_UP = 4.0  # z of a look-up: 2 where all arguments match, -2 or less where one does not
LOOK_UP_ROOM = _LOOK_UP / 2 - TIPPING


@dataclass(frozen=True)
class Steps:
    """Thresholds on one number, and what changes at each."""

    points: np.ndarray
    """float64 [S]: where the number passes from one value to the next."""
    gaps: np.ndarray
    """float64 [S]: the distance of the two numbers on either side."""
    minus: np.ndarray
    """int [S]: the value before, -1 for none."""
    plus: np.ndarray
    """int [S]: the value after, -1 for none."""


class Units:
    """The hidden units of one layer, collected one group after the other."""

    def __init__(self, stream: Stream, blurs: dict[Node, Blur], margins: Margins) -> None:
        self._stream, self._blurs, self._margins = stream, blurs, margins
        self._inputs: list[tuple[int, np.ndarray, np.ndarray]] = []  # first unit, rows [R], [R, U]
        self._biases: list[np.ndarray] = []
        self._outputs: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # unit, dim, weight
        self.count = 0
        self.blocks: list[BlockRecord] = []

    def weights(self) -> dict[str, np.ndarray]:
        """hidden [D, F], hidden_bias [F], mlp_output [F, D], mlp_output_bias [D]; float32."""
        width = self._stream.width
        hidden = np.zeros((width, self.count), dtype=np.float32)
        for first, rows, block in self._inputs:
            hidden[rows, first : first + block.shape[1]] = block
        output = np.zeros((self.count, width), dtype=np.float32)
        for units, dimensions, weights in self._outputs:
            np.add.at(output, (units, dimensions), weights)
        biases = np.concatenate([np.zeros(0), *self._biases])
        return {
            "hidden": hidden,
            "hidden_bias": biases,
            "mlp_output": output,
            "mlp_output_bias": np.zeros(width),
        }

    # --- what a block can be ---

    def compute(self, node: Elementwise) -> None:
        """An elementwise node, from the one-hot slots of its arguments."""
        first = self.count
        kind: BlockKind = "sum" if self._add_up(node) else "table"
        if kind == "table":
            self._look_up(node)
        self._record(node, kind, node.arguments, first)

    def decode(
        self, node: Node, source: Node, scratch: int, results: np.ndarray, shares: Shares
    ) -> None:
        """`node` has its value `results[i]` where `source`, which a head wrote to `scratch` as a
        number, has its value i; the last result is for none."""
        first = self.count
        points, values = points_of(source, results)
        steps = _steps(points, values)
        reach = largest_code(self._stream) if _lifts(source, self._stream) else DEFAULT_CODE
        where = np.array([scratch]), np.ones(1)
        self._threshold(node, steps, int(values[0]), *where, (0.0, reach))
        self._note_number(source, steps, shares)
        self._record(node, "decode", (source,), first)

    def leave(self, node: Node, shares: Shares) -> None:
        """A number stays in the stream as it is."""
        steps = _steps(*points_of(node, identity(node)))
        self._note_number(node, steps, shares)

    def _note_number(self, source: Node, steps: Steps, shares: Shares) -> None:
        strays = _strays(source, shares, self._stream, self._blur)
        deviations = 2 * strays(steps.points + steps.gaps) / steps.gaps
        self._note(source, deviations, source.inputs)

    def clear(self, node: Node, dimension: int) -> None:
        """Take a number that is not negative out of the stream."""
        first = self.count
        self._unit({dimension: 1.0}, 0.0, {dimension: -1.0})
        self._record(node, "clear", (node,), first)

    def clear_at_bos(self, node: Node, dimension: int) -> None:
        """Take a value between 0 and 1 out of the stream at BOS only."""
        first = self.count
        self._unit({dimension: 1.0, self._stream.bos: 1.0}, -1.0, {dimension: -1.0})
        self._record(node, "clear", (node,), first)

    # --- sums ---

    def _add_up(self, node: Elementwise) -> bool:
        """A sum of terms, one a value of each argument: one threshold a result, not one a cell.

        False where it is no sum, or where float32 could not tell its results apart.
        """
        terms = additive_terms(node, self._stream.optional)
        if terms is None:
            return False
        low = sum(float(term.min()) for term in terms)
        terms = [term - term.min() for term in terms]
        numbers = np.array([float(value) for value in node.values]) - low  # ascending, from 0
        steps = _steps(numbers, np.arange(len(numbers)))
        reach = sum(float(term.max()) for term in terms)
        pairs = list(zip(node.arguments, terms, strict=True))
        blur = sum(self._blur(argument).reading(term[:, None]) for argument, term in pairs)
        rounding = ROUNDINGS * UNIT * 2 * reach
        deviations = 2 * (blur + rounding) / steps.gaps
        if (2 * rounding / steps.gaps).max() > SURE:
            return False
        if deviations.max() > SURE:
            if node.table.cells.size <= MOST_CELLS:
                return False
            deviations = np.maximum(
                deviations, TIPPING
            )  # too blurred: to be read from fresh copies
        dimensions = np.concatenate([self._dimensions(argument) for argument in node.arguments])
        self._threshold(node, steps, 0, dimensions, np.concatenate(terms), (0.0, reach))
        self._note(node, deviations, node.arguments)
        return True

    # --- tables ---

    def _look_up(self, node: Elementwise) -> None:
        """One indicator for each box of the table; the commonest result is there by default."""
        sides = [self._reachable(a, c) for a, c in self._arguments(node)]
        boxes = boxes_of(node.table.cells[np.ix_(*sides)])
        common = _commonest(boxes)
        rest = [box for box in boxes if box.result != common]
        check_size(4 * len(rest) * self._stream.width)
        readers = [
            self._side_readers(a, c, [[sides[axis][i] for i in box.sides[axis]] for box in rest])
            for axis, (a, c) in enumerate(self._arguments(node))
        ]
        dimensions = np.concatenate([self._dimensions(a) for a in node.arguments])
        weight = np.vstack([rows for rows, _ in readers])  # [R, boxes]
        bias = np.sum([b for _, b in readers], axis=0)  # [boxes]
        z_bias = _LOOK_UP * (bias - len(readers) + 0.5)
        start = self._stream.start[node]
        if common >= 0:
            self._always(start + common)
        results = np.array([box.result for box in rest], dtype=int)
        self._indicators(
            dimensions,
            _LOOK_UP * weight,
            z_bias,
            start,
            np.full(len(rest), common),
            results,
            flipped=np.zeros(len(rest), dtype=bool),
        )
        pairs = zip(node.arguments, readers, strict=True)
        blur = sum(self._blur(argument).reading(rows) for argument, (rows, _) in pairs)
        is_exact = all(self._blur(argument).is_exact for argument in node.arguments) or bool(
            ((weight != 0).sum(axis=0) == 1).all()
        )
        rounding = 0.0 if is_exact else ROUNDINGS * UNIT * _LOOK_UP * len(readers)
        deviation = np.array([(_LOOK_UP * blur + rounding) * TIPPING / LOOK_UP_ROOM])
        self._note(node, deviation, node.arguments)
        if rounding:
            amounts = np.full(len(rest), rounding)
            self._blurs[node] = Blur(np.full(len(rest), common), results, amounts, alone=True)

    def _arguments(self, node: Elementwise) -> list[tuple[Node, np.ndarray]]:
        return list(zip(node.arguments, node.table.classes, strict=True))

    def _reachable(self, argument: Node, classes: np.ndarray) -> list[int]:
        """The classes that some value of an argument is in."""
        present = classes if argument in self._stream.optional else classes[:-1]
        return np.unique(present).tolist()

    def _side_readers(
        self, argument: Node, classes: np.ndarray, sides: Sequence[Sequence[int]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weights [values, boxes] and biases [boxes] that yield 1 where the argument is in one of
        the classes of a box, else 0."""
        member = np.zeros((int(classes.max()) + 1, len(sides)))
        for column, side in enumerate(sides):
            member[list(side), column] = 1.0
        rows = member[classes]  # [values + 1, boxes]
        is_optional = argument in self._stream.optional
        missing = rows[-1] if is_optional else np.zeros(len(sides))
        return rows[:-1] - missing, missing

    # --- units ---

    def _threshold(
        self,
        node: Node,
        steps: Steps,
        start: int,
        dimensions: np.ndarray,
        weight: np.ndarray,
        reach: tuple[float, float],
    ) -> None:
        """The value of `node` from a number, `weight` on `dimensions`, that lies within `reach`."""
        low, high = reach
        slot = self._stream.start[node]
        above, below = 2 * (high - steps.points) / steps.gaps, 2 * (steps.points - low) / steps.gaps
        flipped = below < above
        if start >= 0:
            self._always(slot + start)
        slopes = 2 / steps.gaps
        self._indicators(
            dimensions,
            weight[:, None] * slopes,
            -steps.points * slopes,
            slot,
            steps.minus,
            steps.plus,
            flipped=flipped,
        )
        reach_of_z = np.minimum(above, below) + 2
        sides = [
            Blur.of_thresholds(steps.minus[side], steps.plus[side], reach_of_z[side])
            for side in (flipped, ~flipped)
        ]
        self._blurs[node] = replace(sides[0], other=sides[1])

    def _indicators(
        self,
        dimensions: np.ndarray,
        weight: np.ndarray,
        bias: np.ndarray,
        slot: int,
        minus: np.ndarray,
        plus: np.ndarray,
        *,
        flipped: np.ndarray,
    ) -> None:
        """Where z = x @ weight + bias is above 0, a value goes from `minus` to `plus`.

        weight [R, S] on `dimensions` [R], bias [S], values [S]. A `flipped` one writes the change
        always, and takes it back below 0.
        """
        count = len(bias)
        if not count:
            return
        side = np.where(flipped, -1.0, 1.0)
        units = np.concatenate([weight * side, weight * side], axis=1)
        biases = np.concatenate([bias * side + 0.5, bias * side - 0.5])
        first = self._add_units(dimensions, units, biases)
        for offset, sign in ((0, 1.0), (count, -1.0)):
            numbers = first + offset + np.arange(count)
            self._write(numbers, slot, minus, -sign * side)
            self._write(numbers, slot, plus, sign * side)
        self._always_changed(slot, minus[flipped], plus[flipped])

    def _always_changed(self, slot: int, minus: np.ndarray, plus: np.ndarray) -> None:
        """At every position but BOS, each value of `plus` once more and of `minus` once less."""
        change = np.zeros(max([0, *minus.tolist(), *plus.tolist()]) + 1)
        np.add.at(change, plus[plus >= 0], 1.0)
        np.add.at(change, minus[minus >= 0], -1.0)
        (places,) = change.nonzero()
        if len(places):
            self._constant(slot + places, change[places])

    def _always(self, dimension: int) -> None:
        self._constant(np.array([dimension]), np.ones(1))

    def _constant(self, dimensions: np.ndarray, weights: np.ndarray) -> None:
        """Write the same at every position but BOS."""
        unit = self._add_units(np.zeros(0, dtype=int), np.zeros((0, 1)), np.ones(1))
        self._outputs.append((np.full(len(dimensions), unit), dimensions, weights))

    def _write(self, units: np.ndarray, slot: int, values: np.ndarray, weights: np.ndarray) -> None:
        there = values >= 0
        self._outputs.append((units[there], slot + values[there], weights[there]))

    def _add_units(self, dimensions: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> int:
        """Units that are off at BOS, where there are no values; the number of the first one."""
        off = -2 * (np.abs(weight).sum(axis=0) * 2 + np.abs(bias) + 1)
        return self._add(
            np.append(dimensions, self._stream.bos), np.vstack([weight, off[None]]), bias
        )

    def _unit(self, weight: dict[int, float], bias: float, output: dict[int, float]) -> None:
        column = np.array(list(weight.values()))[:, None]
        unit = self._add(np.array(list(weight)), column, np.array([bias]))
        places = np.array(list(output))
        self._outputs.append((np.full(len(places), unit), places, np.array(list(output.values()))))

    def _add(self, dimensions: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> int:
        first = self.count
        self._inputs.append((first, dimensions, weight))
        self._biases.append(bias)
        self.count += len(bias)
        return first

    # --- shared ---

    def _dimensions(self, node: Node) -> np.ndarray:
        slot = self._stream.slot(node)
        return np.arange(slot.start, slot.stop)

    def _blur(self, node: Node) -> Blur:
        return self._blurs.get(node, EXACT)

    def _note(self, node: Node, deviations: np.ndarray, inputs: Sequence[Node]) -> None:
        """Keep the margin of indicators whose z may stray by `deviations`."""
        blurred = [n for n in inputs if not self._blur(n).is_exact]
        self._margins.note(node, 1 - float(deviations.max(initial=0.0)) / TIPPING, blurred)

    def _record(self, node: Node, kind: BlockKind, inputs: Sequence[Node], first: int) -> None:
        names = tuple(n.name for n in inputs)
        block = BlockRecord(node.name, kind, node.formula, names, first, self.count)
        self.blocks.append(block)


def _commonest(boxes: Sequence[Box]) -> int:
    """The result that the most boxes have; -1 where that is no value."""
    counts = Counter(box.result for box in boxes)
    return counts.most_common(1)[0][0] if counts else NONE


def additive_terms(node: Elementwise, optional: frozenset[Node]) -> list[np.ndarray] | None:
    """Numbers a_i(x_i) whose sum is the value of the node, such as starts - ends; else None.

    Every argument and result must be there: with None about, a sum means nothing.
    """
    if len(node.arguments) < 2 or len(node.values) < 2 or not all(map(is_number, node.values)):
        return None
    if optional.intersection((node, *node.arguments)):
        return None
    used = [np.unique(classes[:-1]) for classes in node.table.classes]
    numbers = np.array([_float(value) for value in node.values])
    results = numbers[node.table.cells[np.ix_(*used)]]
    if not np.isfinite(results).all() or not results.size:
        return None
    origin = results[(0,) * results.ndim]
    lines = []
    for axis in range(results.ndim):
        line = results[tuple(slice(None) if i == axis else 0 for i in range(results.ndim))]
        lines.append(line - (origin if axis else 0.0))
    closest = np.diff(np.unique(numbers)).min(initial=np.inf)
    if not np.abs(sum(np.ix_(*lines)) - results).max() < 1e-6 * closest:
        return None
    terms = []
    for line, classes, present in zip(lines, node.table.classes, used, strict=True):
        by_class = np.zeros(int(classes.max()) + 1)
        by_class[present] = line
        terms.append(by_class[classes[:-1]])
    return terms


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _steps(points: np.ndarray, values: np.ndarray) -> Steps:
    """Where ascending points pass from one value to another."""
    (before,) = np.nonzero(values[1:] != values[:-1])
    fst, snd = points[before], points[before + 1]
    gaps = np.maximum(snd - fst, _NO_GAP)
    return Steps((fst + snd) / 2, gaps, values[before], values[before + 1])


def points_of(source: Node, results: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers that attention yields for the values of `source`, ascending, and the results.

    `results` are for the values, and the last for none. What no input reaches is left out, so that
    the thresholds lie between neighbours.
    """
    if isinstance(source, Width):
        return 1 / (np.array(source.values[::-1]) + 1), results[:-1][::-1]
    assert isinstance(source, Aggregate)
    places = [i for i, value in enumerate(source.values) if is_number(value)]
    numbers = codes(source, np.array([float(source.values[i]) for i in places]))
    inside = (numbers >= 0) & (numbers <= 1)
    points = np.append(numbers[inside], [DEFAULT_CODE, MISSING_CODE])
    return points, np.append(results[places][inside], results[[source.default, NONE]])


def _lifts(source: Node, stream: Stream) -> bool:
    """Whether positions without a value may be averaged."""
    return isinstance(source, Aggregate) and source.operand in stream.optional


def _strays(
    source: Node, shares: Shares, stream: Stream, blur_of: Callable[[Node], Blur]
) -> Callable[[np.ndarray], np.ndarray]:
    """How far from its nominal value, given that, the number of a head may be."""
    if isinstance(source, Width):
        relative = math.expm1(min(shares.off, 300.0)) + shares.to_others + shares.rounding
        return lambda points: points * relative
    assert isinstance(source, Aggregate)
    numbers, missing = mean_rows(source, stream)
    lift = largest_code(stream) if _lifts(source, stream) else 0.0
    weights = numbers[:-1] - (missing[-1] if lift else 0.0)
    # Half of the selected at 0 and half at 1, which score more: nothing moves a mean further.
    moved = math.tanh(shares.uneven) / 2 + shares.to_bos * DEFAULT_CODE
    moved += shares.to_others * (DEFAULT_CODE + lift)
    moved += blur_of(source.operand).reading(weights[:, None])
    return lambda points: np.minimum(points, 1) * shares.rounding + moved
