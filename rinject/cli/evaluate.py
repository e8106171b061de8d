"""``rinject eval``: what a bundle knows, and what it has forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rinject.cli.bundle_task import TaskOption, TrustTask, find_bundle_task
from rinject.cli.console import print_json, stdout, waiting
from rinject.cli.memory import last_bundle
from rinject.cli.metrics import fidelity_table, summary_table
from rinject.cli.options import BundleOption, Json, TrustRemoteCode
from rinject.errors import InputError

if TYPE_CHECKING:
    from rinject.evaluate import EvalReport
    from rinject.inject import Bundle
    from rinject.student import Student
    from rinject.tasks import Task


def register(app: typer.Typer) -> None:
    app.command(name="eval", epilog="Example: rinject eval --bundle bundles/dyck")(evaluate)


def evaluate(
    bundle: BundleOption = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Unseen examples.")] = 1000,
    task: TaskOption = None,
    trust_task: TrustTask = False,
    trust_remote_code: TrustRemoteCode = False,
    json: Json = False,
) -> None:
    """Measure accuracy, perplexity beside the base model's, and each variable's fidelity."""
    path = bundle or last_bundle()
    with waiting(f"loading {path}", quiet=json):
        loaded = _load(path, trust_remote_code)
        chosen = find_bundle_task(loaded, task, trust_task)
    metrics = _measure(loaded, n, chosen, quiet=json).to_record()
    if json:
        print_json(metrics)
        return
    stdout.print(summary_table(metrics))
    stdout.print(fidelity_table(metrics))


def _load(path: Path, trust_remote_code: bool) -> Bundle:
    from rinject.inject import load_bundle

    return load_bundle(path, trust_remote_code=trust_remote_code)


def _measure(bundle: Bundle, n: int, task: Task, *, quiet: bool) -> EvalReport:
    from rinject.evaluate import evaluate
    from rinject.tasks.text import read_texts

    settings = bundle.record.settings
    with waiting(f"loading {bundle.record.base.name}", quiet=quiet):
        base = _base(bundle)
    with waiting("reading the text", quiet=quiet):
        texts = read_texts(settings.text, settings.tokens_of_text)
    with waiting("measuring", quiet=quiet):
        return evaluate(bundle, base.model, task, texts.held_out, n=n)


def _base(bundle: Bundle) -> Student:
    """The student before the injection, as the bundle remembers it."""
    from rinject.student import load_student, weight_hash

    kept = bundle.record.base
    base = load_student(
        kept.name,
        revision=kept.revision,
        dtype=kept.dtype,
        trust_remote_code=kept.runs_own_code,  # as the bundle's was, which is loaded by now
    )
    if weight_hash(base.model) != kept.weight_hash:
        raise InputError(
            f"the model {base.name!r} is not the one that the bundle was made from",
            hint="its weights have changed since; inject the program again",
        )
    return base
