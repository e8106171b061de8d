"""Random programs that always compile: a few named variables of each other."""

from __future__ import annotations

from hypothesis import strategies as st

from rinject.lang import Program, load_program


def program_of(*lines: str) -> Program:
    """The program of some statements."""
    return load_program(text="".join(f"{line};\n" for line in lines))


FORMS = (
    "{a} + {b}",
    "{a} - {b}",
    "{a} * 2 - 1",
    "{a} % 3",
    "{a} if {b} > 1 else {c}",
    "1 if {a} == {b} else 0",
    "selector_width(select({a}, {b}, <=))",
    "selector_width(select(tokens, {a}, ==) and select(indices, {b}, <))",
    "aggregate(select(indices, indices - 1, ==), {a}, 0)",
    "aggregate(select({a}, {b}, !=), tokens, 2)",
)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    names, lines = ["tokens", "indices"], []
    for number in range(draw(st.integers(1, 4))):
        form = draw(st.sampled_from(FORMS))
        inputs = {slot: draw(st.sampled_from(names)) for slot in "abc"}
        lines.append(f"v{number} = {form.format(**inputs)}")
        names.append(f"v{number}")
    return program_of(*lines)
