"""What a program outputs at the end of its prompt, for many inputs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rinject.errors import InputError, RinjectError
from rinject.graph import Graph, build_graph
from rinject.lang import Program
from rinject.tasks.reading import Reader
from rinject.tasks.task import answer_text, fill_prompt

ROWS = 64  # inputs evaluated together, alike in length


@dataclass(frozen=True, eq=False)
class Oracle:
    """A program that answers for inputs in its prompt, by exact evaluation of its graph."""

    program: Program

    @cached_property
    def reader(self) -> Reader:
        """How the program reads text."""
        return Reader(self.program.header)

    @cached_property
    def graph(self) -> Graph:
        """Raises InputError for a program that has no finite graph."""
        header = self.program.header
        return build_graph(
            self.program.output, header.vocabulary, self.longest, causal=header.causal
        )

    @property
    def longest(self) -> int:
        """The most symbols of a prompt with its input, and of what is read back of its answer."""
        return self.program.header.longest or 1

    def read(self, text: str) -> list[str]:
        """The symbols of the prompt around an input."""
        return self.reader.symbols(fill_prompt(self.program.header, text))

    def outputs(self, prompts: Sequence[Sequence[str]]) -> list[Any]:
        """The output at the last of each prompt's symbols; None is no value.

        Where answers are spelled: the outputs one after another, each read back, as a tuple; up to
        the end, which is left out, or to a value that cannot be written.

        Raises InputError for more symbols than the program reads, in an answer too.
        """
        outputs = self.outputs_or_none(prompts)
        if self.program.header.spelled and None in outputs:
            self._refuse_endless()
        return outputs

    def outputs_or_none(self, prompts: Sequence[Sequence[str]]) -> list[Any]:
        """As :meth:`outputs`; None too where a spelled answer does not end while there is room.

        Raises InputError for a prompt of more symbols than the program reads.
        """
        return self._spelled(prompts) if self.program.header.spelled else self._lasts(prompts)

    def answer(self, output: Any) -> str | None:
        """The text of an output; None where the header does not write it."""
        try:
            return answer_text(self.program.header, output)
        except RinjectError:
            return None

    def answers(self, prompts: Sequence[Sequence[str]]) -> list[str | None]:
        """The answer to each prompt's symbols; None where it is too long, or there is none that
        can be written."""
        found: list[str | None] = [None] * len(prompts)
        fitting = [i for i, symbols in enumerate(prompts) if len(symbols) <= self.longest]
        outputs = self.outputs_or_none([prompts[place] for place in fitting])
        for place, output in zip(fitting, outputs, strict=True):
            found[place] = self.answer(output)
        return found

    def output(self, text: str) -> Any:
        """The output at the end of the prompt around one input."""
        return self.outputs([self.read(text)])[0]

    def _spelled(self, prompts: Sequence[Sequence[str]]) -> list[tuple[Any, ...] | None]:
        seen, endless = [list(symbols) for symbols in prompts], set[int]()
        written: list[list[Any]] = [[] for _ in prompts]
        places = list(range(len(prompts)))
        while places:
            values = self._lasts([seen[place] for place in places])
            outputs, places = zip(places, values, strict=True), []
            for place, value in outputs:
                symbols = self._symbols_of_values.get((type(value), value))
                if symbols == []:
                    continue  # the empty text: here it ends
                written[place].append(value)
                if symbols is None:
                    continue
                seen[place] += symbols
                if len(seen[place]) <= self.longest:
                    places.append(place)
                else:
                    endless.add(place)
        return [None if i in endless else tuple(values) for i, values in enumerate(written)]

    @cached_property
    def _symbols_of_values(self) -> dict[tuple[type, Any], list[str]]:
        """What the program reads after it wrote a value."""
        answers = self.program.header.answers
        return {(type(one.value), one.value): self.reader.symbols(one.text) for one in answers}

    def _refuse_endless(self) -> None:
        header = self.program.header
        (end,) = header.ends
        raise InputError(
            f"an answer of `{header.name}` does not end within the {self.longest} tokens that it"
            " reads",
            hint=f"raise `longest`, or let its output be {end!r} once all is written",
        )

    def _lasts(self, prompts: Sequence[Sequence[str]]) -> list[Any]:
        """The outputs at the ends of many prompts."""
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
        found: list[Any] = [None] * len(prompts)
        for start in range(0, len(order), ROWS):
            places = order[start : start + ROWS]
            for place, value in zip(places, self._last([prompts[p] for p in places]), strict=True):
                found[place] = value
        return found

    def _last(self, prompts: Sequence[Sequence[str]]) -> list[Any]:
        node = self.graph.output_node
        ids = self.graph.encode(prompts)  # [B, T]
        ends = np.array([len(symbols) for symbols in prompts]) - 1  # [B]
        last = self.graph.evaluate(ids)[node][np.arange(len(ids)), ends]  # [B]
        values = (*node.values, None)
        return [values[index] for index in last]
