"""``rinject probe``: does the student use the program's variables, or merely carry them?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rinject.cli.bundle_task import TaskOption, TrustTask, find_bundle_task
from rinject.cli.console import note, print_json, progress_bar, stdout, waiting
from rinject.cli.drawing import FORMATS, check_picture
from rinject.cli.memory import last_bundle
from rinject.cli.options import BundleOption, Json, TrustRemoteCode
from rinject.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rinject.evaluate.probe import InterchangeReport, NoiseReport, SteeringReport
    from rinject.inject import Bundle
    from rinject.inject.rows import Rows

Experiment = Literal["noise", "interchange", "steering", "all"]
NORMS = "5,10,20,30,20%,40%,80%"
PICTURE = ".png"
UNUSED = {
    "--edges": ("experiment", "norms", "draws"),
    "--set": ("experiment", "variable", "norms", "positions", "draws"),
    "--experiment noise": ("variable", "positions"),
    "--experiment interchange": ("norms",),
    "--experiment steering": ("norms", "positions"),
}
"""Options that say nothing beside another."""


@dataclass(frozen=True)
class Reports:
    """What was measured; None was not."""

    noise: NoiseReport | None = None
    interchange: InterchangeReport | None = None
    steering: SteeringReport | None = None

    def to_record(self) -> dict[str, Any]:
        """Each by its name, ready for JSON."""
        return {
            one.name: report.to_record()
            for one in fields(self)
            if (report := getattr(self, one.name))
        }


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Examples: rinject probe --bundle bundles/dyck --html probe.html;"
        ' rinject probe --set "carry_from_ones=False" "12 + 39" --bundle bundles/sum;'
        " rinject probe --edges --plot edges.svg"
    )(probe)


def probe(
    context: typer.Context,
    text: Annotated[
        str | None,
        typer.Argument(help="With --set: a prompt, or an input.", show_default=False),
    ] = None,
    experiment: Annotated[
        Experiment, typer.Option("--experiment", "-e", help="What to try.")
    ] = "all",
    bundle: BundleOption = None,
    variable: Annotated[
        list[str] | None,
        typer.Option(
            "--variable", "-v", help="A variable to swap and to steer.", show_default="all"
        ),
    ] = None,
    setting: Annotated[
        str | None,
        typer.Option(
            "--set", metavar="VARIABLE=VALUE", help="Set a variable on one prompt, and answer it."
        ),
    ] = None,
    edges: Annotated[
        bool,
        typer.Option(
            "--edges", help="Instead: where its inputs are right, is each variable right too?"
        ),
    ] = False,
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite",
            "-s",
            metavar="NAME|all|none",
            help="With --edges: suites to measure too; `all` are those that the program supports.",
            show_default="all",
        ),
    ] = None,
    coverage: Annotated[
        bool,
        typer.Option(
            "--coverage",
            help="With --edges: also what of it no training example has. They are drawn again,"
            " which takes a while.",
        ),
    ] = False,
    n: Annotated[int, typer.Option("--n", min=2, help="Unseen examples.")] = 200,
    norms: Annotated[
        str, typer.Option(help="Of the noise: numbers, and shares of the stream's norm.")
    ] = NORMS,
    positions: Annotated[
        Literal["answer", "all"],
        typer.Option(
            help="Where variables are swapped or edges measured: where the answer is due, or"
            " everywhere (swaps between prompts of equal length)."
        ),
    ] = "answer",
    draws: Annotated[
        int,
        typer.Option(
            min=1,
            help="Noises of each norm; random subspaces to swap and to set are half as many.",
        ),
    ] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of examples and chance.")] = 42,
    task: TaskOption = None,
    trust_task: TrustTask = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Also draw: a picture of one experiment, or a folder for all."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page to look at.")] = None,
    trust_remote_code: TrustRemoteCode = False,
    json: Json = False,
) -> None:
    """Change the student's stream, and compare its answers with the program's.

    noise: in the final result's subspace and elsewhere. interchange: a variable's subspace comes
    from another prompt, as its value does in the program. steering: a variable is set to a value.
    Each beside random subspaces of the same rank. With --edges nothing is changed but tokens.
    """
    if edges or coverage or suite is not None:
        from rinject.cli.probe_edges import EdgesAsked, check_edges, probe_edges

        check_edges(edges, coverage, text=text, setting=setting, variable=variable, html=html)
        _check_used(context, "--edges")
        path = bundle or last_bundle()
        options = (positions, coverage, n, seed, task, trust_task, trust_remote_code)
        probe_edges(EdgesAsked(path, suite or "all", *options, plot, json))
        return
    _check(text, setting, experiment, plot, html)
    _check_used(context, "--set" if setting is not None else f"--experiment {experiment}")
    absolute, shares = read_norms(norms)
    path = bundle or last_bundle()
    loaded, rows = _loaded(path, trust_remote_code, task, trust_task, n, seed, quiet=json)
    if text is not None and setting is not None:
        _steer(loaded, text, setting, rows, quiet=json)
        return
    from rinject.evaluate.probe import interchange, noise, steering
    from rinject.evaluate.probe.effect import check_variables

    chosen = tuple(dict.fromkeys(variable or ()))
    check_variables(loaded.graph, chosen)
    runs: dict[str, Callable[..., Any]] = {
        "noise": lambda report: noise(
            loaded, rows, norms=absolute, shares=shares, draws=draws, seed=seed, report=report
        ),
        "interchange": lambda report: interchange(
            *(loaded, rows),
            variables=chosen,
            positions=positions,
            draws=max(1, draws // 2),
            seed=seed,
            report=report,
        ),
        "steering": lambda report: steering(
            *(loaded, rows), variables=chosen, draws=max(1, draws // 2), seed=seed, report=report
        ),
    }
    found = {}
    for name, measured in runs.items():
        if experiment in (name, "all"):
            with progress_bar(name, quiet=json) as update:
                found[name] = measured(update)
    _show(loaded, path, Reports(**found), plot, html, json=json)


def read_norms(text: str) -> tuple[list[float], list[float]]:
    """Norms, and shares of the stream's. Raises InputError for anything else."""
    absolute, shares = [], []
    for word in text.split(","):
        number = word.strip().removesuffix("%")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise InputError(
                f"--norms {text}: {word.strip()!r} is no norm", hint=f"write them as in {NORMS}"
            )
        if word.strip().endswith("%"):
            shares.append(value / 100)
        else:
            absolute.append(value)
    return absolute, shares


def _check(
    text: str | None,
    setting: str | None,
    experiment: Experiment,
    plot: Path | None,
    html: Path | None,
) -> None:
    """Raises InputError for what does not go together, before the work begins."""
    example = 'rinject probe --set "carry_from_ones=False" "12 + 39"'
    if text is not None and setting is None:
        raise InputError("a prompt goes with --set VARIABLE=VALUE", hint=example)
    if setting is not None and text is None:
        raise InputError("--set goes with a prompt", hint=example)
    if setting is not None:
        name, _, value = setting.partition("=")
        if not name.strip() or not value.strip():
            lacking = "value" if name.strip() else "variable"
            raise InputError(f"--set {setting}: there is no {lacking}", hint=example)
    if setting is not None and (plot or html):
        raise InputError("--set shows one answer: there is nothing to draw")
    if html is not None:
        from rinject.cli.pages.page import check_page

        check_page(html)
    if plot is not None and _is_picture(plot):
        if experiment == "all":
            raise InputError(
                f"{plot} is one picture, there are three experiments",
                hint="name a folder, or choose one with --experiment",
            )
        check_picture(plot)
    elif plot is not None:
        if (plot.suffix or plot.exists()) and not plot.is_dir():
            raise InputError(
                f"{plot} does not end like a picture",
                hint=f"the formats are {', '.join(FORMATS)}; or name a folder",
            )
        check_picture(plot / f"noise{PICTURE}")


def _check_used(context: typer.Context, what: str) -> None:
    """Raises InputError for options that were given and would be ignored."""
    sources = {name: context.get_parameter_source(name) for name in UNUSED.get(what, ())}
    given = [
        f"--{name}" for name, source in sources.items() if source and source.name == "COMMANDLINE"
    ]
    if given:
        raise InputError(f"{what} does not go with {', '.join(given)}")


def _is_picture(plot: Path) -> bool:
    return plot.suffix.lower() in FORMATS


def _loaded(
    path: Path,
    trust_remote_code: bool,
    task: str | None,
    trust_task: bool,
    n: int,
    seed: int,
    *,
    quiet: bool,
) -> tuple[Bundle, Rows]:
    from rinject.inject import load_bundle
    from rinject.tasks.task import up_to

    with waiting(f"loading {path}", quiet=quiet):
        loaded = load_bundle(path, trust_remote_code=trust_remote_code)
        chosen = find_bundle_task(loaded, task, trust_task)
        return loaded, loaded.rows(up_to(chosen, "test", n, seed))


def _steer(bundle: Bundle, text: str, setting: str, rows: Rows, *, quiet: bool) -> None:
    from rinject.cli.probe_tables import steered_lines
    from rinject.evaluate.probe import steer

    name, value = (part.strip() for part in setting.split("=", 1))
    with waiting("answering", quiet=quiet):
        steered = steer(bundle, text, name, value, rows)
    if quiet:
        print_json(steered.to_record())
        return
    for line in steered_lines(steered):
        stdout.print(line, soft_wrap=True)


# --- what was found -------------------------------------------------------------------------------


def _show(
    bundle: Bundle,
    path: Path,
    reports: Reports,
    plot: Path | None,
    html: Path | None,
    *,
    json: bool,
) -> None:
    from rinject.cli.probe_tables import tables

    if json:
        print_json({"bundle": str(path)} | reports.to_record())
    else:
        for table, notes in tables(reports):
            stdout.print(table)
            for line in notes:
                note(line)
    saved = _pictures(reports, plot) if plot else []
    if html:
        from rinject.cli.probe_page import write_probe

        write_probe(bundle, reports, html)
        saved.append(html)
    if not json and saved:
        note("written: " + ", ".join(map(str, saved)))


def drawings(reports: Reports) -> dict[str, Callable[[], Figure]]:
    """What draws each report."""
    from rinject.evaluate.probe import draw_interchange, draw_noise, draw_steering

    draws: dict[str, Callable[[Any], Figure]] = {
        "noise": draw_noise,
        "interchange": draw_interchange,
        "steering": draw_steering,
    }
    found = {name: getattr(reports, name) for name in draws}
    return {name: _drawing(draws[name], report) for name, report in found.items() if report}


def _drawing(draw: Callable[[Any], Figure], report: object) -> Callable[[], Figure]:
    return lambda: draw(report)


def _pictures(reports: Reports, plot: Path) -> list[Path]:
    from rinject.pictures import save_picture

    saved = []
    for name, draw in drawings(reports).items():
        saved.append(plot if _is_picture(plot) else plot / f"{name}{PICTURE}")
        save_picture(saved[-1], draw)
    return saved
