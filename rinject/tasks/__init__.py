"""Prompts and answers for each program, and ordinary text."""

from rinject.tasks.registry import find_task
from rinject.tasks.sampler import Sampler
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
    up_to,
)

__all__ = [
    "SPLITS",
    "Example",
    "Exhausted",
    "Sampler",
    "Split",
    "Task",
    "answer_text",
    "example",
    "examples",
    "fill_prompt",
    "find_task",
    "split_of",
    "stream",
    "up_to",
]
