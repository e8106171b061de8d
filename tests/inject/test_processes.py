"""Two processes that train together do what one does, and end together."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from inject import small_injection, trained_together
from inject.small_run import stop_after
from inject.trained_together import COMMON, SCENARIOS, SEEKING, Seen, train
from torch import Tensor

from rinject.errors import InputError
from rinject.inject import METRICS_FILE, Bundle, Interrupted, load_bundle, run_path
from rinject.inject.history import read_history
from rinject.inject.interrupts import held_interrupts
from rinject.inject.processes import Processes
from rinject.student import residual_streams

TESTS = Path(__file__).parent.parent
COUNT = 2
LONGEST = 300  # seconds; processes that wait for each other must not wait for ever
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Together:
    """What the processes left."""

    directory: Path
    codes: list[int]
    errors: list[str]

    def seen(self, name: str) -> list[Seen]:
        """What each process saw of a run."""
        paths = [self.directory / f"{name}.{rank}.json" for rank in range(COUNT)]
        return [Seen(**json.loads(path.read_text())) for path in paths]


@pytest.fixture(scope="module")
def module_ctrl_c() -> Iterator[None]:
    """As `ctrl_c`, for what a whole module shares."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory, module_ctrl_c: None) -> Together:
    """All scenarios, in two processes."""
    directory = tmp_path_factory.mktemp("together")
    with pytest.raises(Interrupted):  # one process begins what two continue
        train(directory / "continued-fsdp", Seen(), report=stop_after(3))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [start(directory, rank, port) for rank in range(COUNT)]
    try:
        errors = [process.communicate(timeout=LONGEST)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    return Together(directory, [process.returncode for process in started], errors)


def start(directory: Path, rank: int, port: int) -> subprocess.Popen[str]:
    """A process with what torchrun tells it."""
    told = {
        "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": COUNT, "LOCAL_WORLD_SIZE": COUNT,
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "FSDP_VERSION": 2,
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-W", "error", trained_together.__file__, directory],
        env=os.environ | {name: str(value) for name, value in told.items()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@dataclass(frozen=True)
class Pair:
    """One scenario, run by one process and by two."""

    name: str
    whole: Seen
    parts: list[Seen]
    alone: Path
    shared: Path


@pytest.fixture(scope="module", params=SCENARIOS)
def pair(
    request: pytest.FixtureRequest, together: Together, tmp_path_factory: pytest.TempPathFactory
) -> Pair:
    name, whole = request.param, Seen()
    alone = tmp_path_factory.mktemp("alone") / name
    train(alone, whole, **SCENARIOS[name])
    return Pair(name, whole, together.seen(name), alone, together.directory / name)


def test_the_figures_are_those_of_one(pair):
    main, other = pair.parts
    assert len(main.losses) == 6
    assert not other.losses  # the main process alone reports
    histories = [read_history(path / METRICS_FILE) for path in (pair.alone, pair.shared)]
    assert [line["losses"] for line in histories[1]] == main.losses
    for one, two in zip(*histories, strict=True):
        assert two["losses"] == pytest.approx(one["losses"], abs=TOLERANCE)
        assert two.get("accuracy") == one.get("accuracy")
        assert two.get("fidelity") == pytest.approx(one.get("fidelity"), abs=TOLERANCE)


def test_the_bundle_is_that_of_one(pair):
    one, other = load_bundle(pair.alone), load_bundle(pair.shared)
    assert_alike(one, other)
    assert other.record.metrics == pytest.approx(one.record.metrics, abs=TOLERANCE)
    assert other.record.base == one.record.base
    assert {path.name for path in pair.shared.iterdir()} == {p.name for p in pair.alone.iterdir()}
    assert not run_path(pair.shared).exists()


def test_each_sees_other_rows(pair):
    mine, others = ({tuple(row) for row in seen.rows} for seen in pair.parts)
    assert len(mine) == len(others) > 0
    assert not mine & others
    assert mine | others == {tuple(row) for row in pair.whole.rows}


def assert_alike(one: Bundle, other: Bundle) -> None:
    """Students and maps that compute the same; a change of 100 times the tolerance was learned.

    Weights are not compared: those that no loss depends on, such as the biases of keys, go where
    the noise of the last bits tells the optimizer to.
    """
    ids = torch.arange(40).view(2, 20)
    kind = "llama" if one.model.config.model_type == "llama" else "gpt2"
    untrained = small_injection.student(kind).model
    assert torch.dist(logits(one.model, ids), logits(untrained, ids), torch.inf) > 0.01
    torch.testing.assert_close(
        logits(one.model, ids), logits(other.model, ids), atol=TOLERANCE, rtol=0
    )
    torch.testing.assert_close(read(one, ids), read(other, ids), atol=TOLERANCE, rtol=1e-4)


def read(bundle: Bundle, ids: Tensor) -> Tensor:
    layer = bundle.record.layers[-1]
    with torch.no_grad():
        stream = residual_streams(bundle.model, ids, layers=[layer])[layer]
        return bundle.projection.maps().slices_at(-1, stream)


def logits(model: torch.nn.Module, ids: Tensor) -> Tensor:
    with torch.no_grad():
        return model(input_ids=ids).logits


def test_processes_seek_alike(together, tmp_path):
    """What was measured decides what is drawn: both must go by the same."""
    whole = Seen()
    train(tmp_path / "alone", whole, **SEEKING)
    main, other = together.seen("seeking")
    assert sorted(main.rows + other.rows) == sorted(whole.rows)
    for ours, expected in zip(main.losses, whole.losses, strict=True):
        assert ours == pytest.approx(expected, abs=10 * TOLERANCE)


@pytest.mark.parametrize("name", ["stopped", "stopped-fsdp"])
def test_a_signal_to_one_stops_all(tmp_path, together, name):
    """After the same step, with one checkpoint, from which one process continues."""
    ends = {seen.end for seen in together.seen(name)}
    (end,) = ends
    step = len(together.seen(name)[0].losses)
    assert end == f"Interrupted: stopped after step {step} of 6"
    assert 0 < step < 6
    (checkpoint,) = run_path(together.directory / name).glob("*.safetensors")
    assert checkpoint.name == f"step-{step:06d}.safetensors"

    shutil.copytree(run_path(together.directory / name), run_path(tmp_path / name))
    train(tmp_path / name, Seen(), resume=True)
    assert_alike(load_bundle(together.directory / "ddp"), load_bundle(tmp_path / name))


def test_two_continue_what_one_began(together):
    pair = [load_bundle(together.directory / name) for name in ("ddp", "continued-fsdp")]
    assert_alike(*pair)


def test_where_one_fails_none_goes_on(together):
    main, other = together.seen("lost")
    assert other.end == "RinjectError: as asked"
    assert main.end.startswith("RinjectError: process 0 of 2 lost another one")
    assert together.codes == [1, 1], together.errors


def test_a_ctrl_c_may_come_twice(monkeypatch):
    """From the terminal, and from the launcher that it stopped."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    with held_interrupts() as is_stopped:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert is_stopped()


@pytest.mark.parametrize(
    ("told", "changed", "message"),
    [
        ({}, {"text_rows": 3}, "--text-rows is 3, which 2 processes cannot share evenly"),
        ({"FSDP_VERSION": "1"}, {}, "the second version of FSDP only"),
        ({"FSDP_OFFLOAD_PARAMS": "true"}, {}, "cannot be kept in main memory"),
        ({}, {"optimizer": "muon"}, "--optimizer muon needs whole matrices"),
        (
            {},
            {"vocabulary": 0.1, "codes": "orthogonal"},
            "--vocabulary needs the whole embedding",
        ),
        (
            {},
            {"clear_later": 0.1, "codes": "orthogonal"},
            "--clear-later needs the whole embedding",
        ),
    ],
)
def test_what_processes_cannot_share(monkeypatch, told, changed, message):
    started = {
        "WORLD_SIZE": "2",
        "LOCAL_RANK": "0",
        "ACCELERATE_USE_FSDP": "true",
        "FSDP_VERSION": "2",
    }
    for name, value in (started | told).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=message):
        Processes.join(small_injection.settings(**COMMON | changed))
