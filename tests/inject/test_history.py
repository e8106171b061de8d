"""The figures of a run: a line for each report, each step once, and the curves drawn from them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inject import small_injection
from inject.small_injection import SmallTask
from inject.small_run import run, stop_after
from matplotlib.image import imread

from rinject.errors import InputError
from rinject.inject import METRICS_FILE, Interrupted, Progress, run_path, save_curves
from rinject.inject.curves import curves_figure
from rinject.inject.history import History, read_history
from rinject.tasks import Suite


def progress(step, **changed):
    given = {
        "step": step, "steps": 100, "losses": {"answer": 1 / step, "alignment": 2.0},
        "accuracy": None, "tokens_per_second": 1000.0, "seconds_left": 1.0, "seconds": step / 10,
        "rate": 1.0,
    }  # fmt: skip
    return Progress(**(given | changed))


def test_a_run_writes_every_report(tmp_path):
    reports = []
    run(tmp_path / "b", steps=8, log_every=2, eval_every=4, report=reports.append, eval_examples=60)
    history = read_history(tmp_path / "b" / METRICS_FILE)
    assert [line["step"] for line in history] == [2, 4, 6, 8]
    assert [line["losses"] for line in history] == [report.losses for report in reports]
    assert [line.get("accuracy") for line in history] == [report.accuracy for report in reports]
    assert [line.get("fidelity") for line in history] == [report.fidelity for report in reports]
    assert [report.fidelity is not None for report in reports] == [False, True, False, True]
    assert reports[-1].fidelity.keys() >= {"tokens", "answer"}
    assert 0 <= reports[-1].mean_fidelity <= 1
    times = [line["seconds"] for line in history]
    assert times == sorted(times)


@dataclass(frozen=True)
class WithSuites(SmallTask):
    """Two suites, one of which the student has no room for."""

    suites: tuple[Suite, ...] = (
        Suite("short", "one bracket", lambda _: iter("()"), lambda _: False),
        Suite("endless", "eighty brackets", lambda _: iter(["(" * 80]), lambda _: False),
    )


def test_suites_are_watched_where_that_is_asked(tmp_path):
    reports = []
    changed = {"steps": 4, "eval_every": 2, "log_every": 1, "report": reports.append}
    changed |= {"task": WithSuites(small_injection.program().header)}
    run(tmp_path / "b", suite_examples=5, **changed)
    assert [report.suites is not None for report in reports] == [False, True, False, True]
    assert reports[-1].suites.keys() == {"short"}
    assert reports[-1].suites["short"] in (0.0, 0.5, 1.0)
    history = read_history(tmp_path / "b" / METRICS_FILE)
    assert [line.get("suites") for line in history] == [report.suites for report in reports]
    run(tmp_path / "c", **changed)
    assert reports[-1].suites is None


def test_the_rate_is_that_of_the_last_step(tmp_path):
    run(tmp_path / "b", steps=4, warmup=0.5, decay=0.5, log_every=1)
    rates = [line["rate"] for line in read_history(tmp_path / "b" / METRICS_FILE)]
    assert rates == [0.5, 1.0, 1.0, 0.5]


def test_each_step_once_after_a_break(tmp_path):
    with pytest.raises(Interrupted):
        run(tmp_path / "b", report=stop_after(3), log_every=1)
    metrics = run_path(tmp_path / "b") / METRICS_FILE
    metrics.write_text(metrics.read_text() + json.dumps({"step": 4, "losses": {}, "seconds": 9}))
    run(tmp_path / "b", log_every=1, extra={"resume": True})
    history = read_history(tmp_path / "b" / METRICS_FILE)
    assert [line["step"] for line in history] == [1, 2, 3, 4, 5, 6]
    times = [line["seconds"] for line in history]
    assert times == sorted(times)
    assert times[-1] < 9


def test_a_new_run_begins_with_nothing(tmp_path):
    folder = run_path(tmp_path / "b")
    folder.mkdir()
    (folder / METRICS_FILE).write_text('{"step": 1, "losses": {}, "seconds": 1}\n')
    run(tmp_path / "b", log_every=2)
    assert [line["step"] for line in read_history(tmp_path / "b" / METRICS_FILE)] == [2, 3, 4, 6]


@given(cut=st.integers(0, 400), step=st.integers(0, 6))
def test_whatever_a_killed_process_left(tmp_path_factory, cut, step):
    """The lines before the cut and up to the step stay, and new ones follow."""
    path = tmp_path_factory.mktemp("cut") / METRICS_FILE
    history = History(path, 0)
    for number in range(1, 6):
        history.add(progress(number))
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    whole = [number for number in range(1, data.count(b"\n") + 2) if number <= step]
    History(path, step).add(progress(step + 1))
    kept = [line["step"] for line in read_history(path)]
    assert kept in ([*whole, step + 1], [*whole[:-1], step + 1])  # the last may be cut
    assert path.read_bytes().endswith(b"\n")


@pytest.mark.parametrize("text", ["", "no JSON", "[1]\n", '{"step": 1}\n'])
def test_no_history(tmp_path, text):
    with pytest.raises(InputError, match="there is no file"):
        read_history(tmp_path / METRICS_FILE)
    (tmp_path / METRICS_FILE).write_text(text)
    with pytest.raises(InputError, match="holds no report"):
        read_history(tmp_path / METRICS_FILE)


# --- curves ---------------------------------------------------------------------------------------


def test_curves_of_a_run(tmp_path):
    run(tmp_path / "b", steps=8, log_every=2, eval_every=4, eval_examples=60)
    metrics, picture = tmp_path / "b" / METRICS_FILE, tmp_path / "new" / "curves.png"
    save_curves(metrics, picture)
    first = picture.read_bytes()
    assert imread(picture).shape[1] > 900
    save_curves(metrics, picture)
    assert picture.read_bytes() == first
    assert [path.name for path in picture.parent.iterdir()] == ["curves.png"]


def labels(axes):
    return [line.get_label() for line in axes.lines]


def test_one_panel_for_what_was_measured(tmp_path):
    history = History(tmp_path / METRICS_FILE, 0)
    history.add(progress(1))
    history.add(progress(2))
    (losses,) = curves_figure(read_history(tmp_path / METRICS_FILE)).axes
    assert labels(losses) == ["answer", "alignment"]
    assert losses.get_yscale() == "log"
    assert losses.lines[0].get_xydata().tolist() == [[1, 1.0], [2, 0.5]]

    measured = {"accuracy": 0.5, "fidelity": {"x": 0.25, "$y$": 1.0}, "mean_fidelity": 0.625}
    history.add(progress(3, losses={"answer": 0.0}, **measured))
    losses, shares, variables = curves_figure(read_history(tmp_path / METRICS_FILE)).axes
    assert losses.get_yscale() == "log"  # without the 0
    assert losses.get_ylim()[0] > 0
    assert labels(shares) == ["accuracy", "mean fidelity"]
    assert [line.get_ydata().tolist() for line in shares.lines] == [[50.0], [62.5]]
    assert labels(variables) == ["x", "$y$"]

    history.add(progress(4, suites={"longer": 0.25}))
    *_, suites, _ = curves_figure(read_history(tmp_path / METRICS_FILE)).axes
    assert labels(suites) == ["longer"]
    assert suites.lines[0].get_xydata().tolist() == [[4, 25.0]]


def test_no_names_where_there_are_too_many(tmp_path):
    history = History(tmp_path / METRICS_FILE, 0)
    names = [f"variable_{number}" for number in range(40)]
    history.add(progress(1, fidelity=dict.fromkeys(names, 0.5), mean_fidelity=0.5))
    *_, variables = curves_figure(read_history(tmp_path / METRICS_FILE)).axes
    assert len(variables.lines) == 40
    assert variables.get_legend() is None


# --- TensorBoard ----------------------------------------------------------------------------------


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="TensorBoard is not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own
def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with pytest.raises(Interrupted):
        run(tmp_path / "b", report=stop_after(3), log_every=1)
    run(tmp_path / "b", log_every=1, extra={"resume": True})
    folder = run_path(tmp_path / "b")
    assert [path.name for path in folder.iterdir()] == ["tensorboard"]
    found = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert {"loss/answer", "loss/alignment", "accuracy"} <= set(found.Tags()["scalars"])
    steps = [event.step for event in found.Scalars("loss/answer")]
    assert steps == [1, 2, 3, 4, 5, 6]
    run(tmp_path / "b", log_every=1)  # a new run leaves nothing of the old one
    found = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert len(found.Scalars("loss/answer")) == 6


@pytest.mark.skipif(find_spec("tensorboard") is not None, reason="TensorBoard is installed")
def test_without_tensorboard(tmp_path):
    run(tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
