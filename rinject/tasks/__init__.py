"""Prompts and answers for each program, and ordinary text."""

from rinject.tasks.registry import find_task
from rinject.tasks.task import (
    SPLITS,
    Example,
    Exhausted,
    Split,
    Task,
    answer_text,
    example,
    examples,
    fill_prompt,
    split_of,
    stream,
)

__all__ = [
    "SPLITS",
    "Example",
    "Exhausted",
    "Split",
    "Task",
    "answer_text",
    "example",
    "examples",
    "fill_prompt",
    "find_task",
    "split_of",
    "stream",
]
