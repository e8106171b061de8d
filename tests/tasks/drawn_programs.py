"""Small programs without a task of their own."""

from __future__ import annotations

from rinject.lang import Program, load_program

HEADER = """
program alike {{
    vocabulary "a", "b", "c", "end", "_";
    longest    40;
    attention  causal;
    output     answer;

    prompt     "Equal counts in {{input}}:";
    symbol     ":" is "end";
    otherwise  "_";
    answer     True is " yes";
    answer     False is " no";
    {fields}
}}
"""
EQUAL_COUNTS = """
ones = selector_width(select(tokens, "a", ==));
others = selector_width(select(tokens, "b", ==));
answer = ones == others and ones > 0 if tokens == "end" else False;
"""
FIELDS = 'separator " "; lengths 2, 12;'


def alike(fields: str = FIELDS, body: str = EQUAL_COUNTS) -> Program:
    """Are there as many `a` as `b`, and some?"""
    return load_program(text=HEADER.format(fields=fields) + body)
