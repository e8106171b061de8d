"""Prompts and answers for each program, and ordinary text."""

from rinject.tasks.registry import find_task, task_source
from rinject.tasks.sampler import Sampler
from rinject.tasks.source import TaskSource
from rinject.tasks.suites import Suite, find_suites
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
    "Suite",
    "Task",
    "TaskSource",
    "answer_text",
    "example",
    "examples",
    "fill_prompt",
    "find_suites",
    "find_task",
    "split_of",
    "stream",
    "task_source",
    "up_to",
]
