"""``rinject eval``: what a bundle knows, and what it has forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rinject.cli.console import print_json, stdout, waiting
from rinject.cli.memory import last_bundle
from rinject.cli.metrics import fidelity_table, summary_table
from rinject.cli.options import BundleOption, Json
from rinject.errors import InputError

if TYPE_CHECKING:
    from rinject.evaluate import EvalReport
    from rinject.inject import Bundle
    from rinject.student import Student


def register(app: typer.Typer) -> None:
    app.command(name="eval", epilog="Example: rinject eval --bundle bundles/dyck")(evaluate)


def evaluate(
    bundle: BundleOption = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Unseen examples.")] = 1000,
    json: Json = False,
) -> None:
    """Measure accuracy, perplexity beside the base model's, and each variable's fidelity."""
    path = bundle or last_bundle()
    metrics = _measure(path, n, quiet=json).to_record()
    if json:
        print_json(metrics)
        return
    stdout.print(summary_table(metrics))
    stdout.print(fidelity_table(metrics))


def _measure(path: Path, n: int, *, quiet: bool) -> EvalReport:
    from rinject.evaluate import evaluate
    from rinject.inject import load_bundle
    from rinject.tasks import find_task
    from rinject.tasks.text import documentation_pages

    with waiting(f"loading {path}", quiet=quiet):
        bundle = load_bundle(path)
        base = _base(bundle)
        texts = [page.text for page in documentation_pages() if page.held_out]
    with waiting("measuring", quiet=quiet):
        return evaluate(bundle, base.model, find_task(bundle.program), texts, n=n)


def _base(bundle: Bundle) -> Student:
    """The student before the injection, as the bundle remembers it."""
    from rinject.student import load_student, weight_hash

    base = load_student(bundle.record.base.name)
    if weight_hash(base.model) != bundle.record.base.weight_hash:
        raise InputError(
            f"the model {base.name!r} is not the one that the bundle was made from",
            hint="its weights have changed since; inject the program again",
        )
    return base
