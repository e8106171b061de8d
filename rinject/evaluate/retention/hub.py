"""Retention sets from the Hugging Face hub, by the library `datasets`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rinject.errors import InputError
from rinject.evaluate.retention.sets import LAMBADA, MRPC, SST2, TINY_SHAKESPEARE
from rinject.hub import hub_answers, streamed_rows

HERE = "give --retention-data FOLDER with the files; docs/retention.md names them"


@dataclass(frozen=True)
class HubSet:
    """Where a set lies on the hub."""

    repository: str
    configuration: str
    split: str


HUB: Mapping[str, HubSet] = {
    TINY_SHAKESPEARE: HubSet("karpathy/tiny_shakespeare", "default", "train"),
    LAMBADA: HubSet("EleutherAI/lambada_openai", "default", "test"),
    SST2: HubSet("nyu-mll/glue", "sst2", "validation"),
    MRPC: HubSet("nyu-mll/glue", "mrpc", "validation"),
}


def check_hub() -> None:
    """Raises InputError: `datasets` is not installed, or the hub is out of reach."""
    try:
        import datasets  # noqa: F401
    except ImportError:
        raise InputError(
            "the retention sets come from the Hugging Face hub by the package `datasets`, which is"
            " not installed",
            hint=f"pip install 'rinject[text]', or {HERE}",
        ) from None
    if not hub_answers(HUB[SST2].repository, "dataset"):
        raise InputError(
            "the retention sets come from the Hugging Face hub, which is out of reach", hint=HERE
        )


def hub_records(name: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The records of a set, each with its place. Raises InputError where it cannot be read."""
    at = HUB[name]
    problem = f"the set {name} cannot be read from the hub"
    rows = streamed_rows(at.repository, problem, name=at.configuration, split=at.split)
    for number, row in enumerate(rows):
        yield row, f"{at.repository}, row {number}"
