"""One variable set to one value on one prompt, to see what is answered then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from rinject.errors import InputError
from rinject.evaluate.decode_answers import write_answers
from rinject.evaluate.decode_reading import full_prompt
from rinject.evaluate.probe.answers import Answers
from rinject.evaluate.probe.effect import Probed, check_variables, probed_variables
from rinject.evaluate.probe.steering import Means, with_value
from rinject.graph import Variable
from rinject.graph.record import value_to_json
from rinject.graph.tables import NONE
from rinject.inject.bundle import Bundle
from rinject.inject.rows import FILLER, Rows, rows_of
from rinject.lang.diagnostics import did_you_mean
from rinject.student.surgery import rewrite_stream

SHOWN = 20  # values listed in a hint


@dataclass(frozen=True)
class Steered:
    """What student and program answer before and after a variable is set."""

    prompt: str
    variable: str
    value: Any
    layer: int
    """The compiled stream in which it is set: the first that holds it."""
    student_layer: int
    occurrences: int
    """Answer positions of other prompts that the student's mean was taken over."""
    before: str
    """What the student writes, greedily."""
    after: str
    program_before: str | None
    """What the program answers; None where it has no answer that can be written."""
    program_after: str | None
    is_endless: bool
    """Whether the program then writes on up to the end of its positions; both answers after it are
    cut to as much."""

    @property
    def follows(self) -> bool:
        """Whether the student answers as the program does after it."""
        return self.after == self.program_after

    def to_record(self) -> dict[str, Any]:
        """All by name, ready for JSON; the value with its type."""
        return (
            {"experiment": "steering"}
            | asdict(self)
            | {"value": value_to_json(self.value), "follows": self.follows}
        )


def steer(bundle: Bundle, text: str, variable: str, value: str, rows: Rows) -> Steered:
    """Sets a variable to a value, as it is written, at the answer positions of a prompt.

    `text` is a prompt or a bare input. `rows` are other examples, whose mean stream with the value
    the student is given. Raises InputError: no such variable or value, no row with that value at an
    answer position, or a prompt that the program cannot read.
    """
    check_variables(bundle.graph, [variable])
    means = Means(bundle, rows)
    (one,) = probed_variables(bundle, [variable], means.streams, draws=0, seed=0)
    place = find_value(bundle.graph.variables[one.index], value)
    occurrences = int((means.values[:, one.index] == place).sum())
    if not occurrences:
        raise InputError(
            f"in {len(rows)} examples `{variable}` is never {value} where the answer is due",
            hint=_seen(bundle.graph.variables[one.index], means, one.index),
        )
    prompt = full_prompt(bundle, text)
    ids = bundle.reconciliation.student_ids(prompt)
    if not ids:
        raise InputError("the prompt is empty")
    said, _ = _program(bundle, ids, None)
    meant, is_endless = _program(bundle, ids, (one, place))
    hook = _setting(one, means.of(one, place), len(ids) - 1, bundle.program.header.spelled)
    before = write_answers(bundle, [ids], [said])[0].answer
    with rewrite_stream(bundle.model, one.student_layer, hook):
        after = write_answers(bundle, [ids], [meant])[0].answer
    if is_endless and meant is not None:
        after = after[: len(meant)]
    return Steered(
        prompt=prompt,
        variable=variable,
        value=bundle.graph.variables[one.index].values[place],
        layer=one.layer,
        student_layer=one.student_layer,
        occurrences=occurrences,
        before=before,
        after=after,
        program_before=said,
        program_after=meant,
        is_endless=is_endless,
    )


def find_value(variable: Variable, text: str) -> int:
    """The index of the value that is written so. Raises InputError where there is none."""
    written = [str(value) for value in variable.values]
    exactly = [repr(value) for value in variable.values]
    for texts in (exactly, written):
        if text in texts:
            return texts.index(text)
    more = "" if len(written) <= SHOWN else ", …"
    raise InputError(
        f"`{variable.name}` has no value {text}",
        hint=did_you_mean(text, written, otherwise=_listed(written[:SHOWN], more)),
    )


def _listed(values: Sequence[str], more: str) -> str:
    return f"its values are {', '.join(values)}{more}"


def _seen(variable: Variable, means: Means, index: int) -> str:
    found = sorted({int(value) for value in means.values[:, index]} - {NONE})
    seen = ", ".join(str(variable.values[value]) for value in found[:SHOWN])
    return f"take more examples with --n, or one of {seen}" if seen else "it has no value there"


def _setting(one: Probed, mean: Tensor, first: int, onwards: bool) -> Callable[[Tensor], Tensor]:
    """Sets the variable's part at the end of the prompt, `onwards` at all places after it too."""

    def rewrite(stream: Tensor) -> Tensor:
        last = stream.shape[1] if onwards else first + 1
        changed = stream.clone()
        part = one.subspace.part(mean.to(stream.device) - stream[:, first:last].float())
        changed[:, first:last] += part.to(stream.dtype)
        return changed

    return rewrite


def _program(
    bundle: Bundle, prompt: list[int], setting: tuple[Probed, int] | None
) -> tuple[str | None, bool]:
    """What the program answers, a spelled answer symbol by symbol, and whether it has no end."""
    header, text = bundle.program.header, ""
    written: list[int] = []
    while True:
        rows = rows_of([prompt], [[*written, FILLER]], spelled=header.spelled)
        answers = Answers(bundle, rows)
        values = with_value(answers, *setting) if setting else answers.values
        index = values[0, -1, answers.output]
        value = None if index == NONE else bundle.graph.variables[answers.output].values[index]
        found = header.answer_texts.get((type(value), value))
        if found is None or not header.spelled:
            return found, False
        if not found:
            return text, False
        written, text = [*written, *bundle.reconciliation.student_ids(found)], text + found
        if len(prompt) + len(written) > bundle.graph.max_seq_len:
            return text, True
