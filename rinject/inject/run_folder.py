"""What an unfinished bundle keeps beside it: its checkpoints, the figures so far, and a lock.

``NAME.run/`` stands beside the bundle ``NAME`` and holds

- ``step-000400.safetensors``: checkpoints, the last two, each complete or not there;
- ``metrics.jsonl``: a line for each report, which the bundle takes over in the end;
- ``tensorboard/``: event files, where TensorBoard is installed; they stay after the end;
- ``lock`` and ``holder``: that a process works here, and which. The system gives the lock back when
  the process ends, however it ends.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

from rinject.errors import InputError
from rinject.inject.failures import explained_writing
from rinject.inject.state import DamagedCheckpoint, State, read_run
from rinject.placing import clear_leftovers

KEPT = 2
"""Checkpoints kept: should the newest turn out damaged, there is the one before it."""
TRIES = 20
"""Times that a folder is made anew while others take it away."""
METRICS_FILE = "metrics.jsonl"
_LOCK, _HOLDER, _BOARD = "lock", "holder", "tensorboard"
_CHECKPOINT = re.compile(r"step-(\d+)\.safetensors")
_ROOM = "make room, then continue with --resume"
Say = Callable[[str], None]


def run_path(directory: str | Path) -> Path:
    """Where an unfinished bundle keeps its checkpoints."""
    directory = Path(directory).resolve()
    return directory.with_name(directory.name + ".run")


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; where several processes train together, only the main one writes."""

    path: Path
    is_main: bool = True

    @property
    def metrics(self) -> Path:
        """The figures so far."""
        return self.path / METRICS_FILE

    @property
    def board(self) -> Path:
        """The event files of TensorBoard."""
        return self.path / _BOARD

    def checkpoints(self) -> list[Path]:
        """All that are complete, the newest first."""
        found = ((path, _step(path)) for path in self.path.glob("step-*"))
        steps = {path: step for path, step in found if step is not None}
        return sorted(steps, key=steps.__getitem__, reverse=True)

    def check_new(self) -> None:
        """Raises InputError where an unfinished run would be lost to a new one."""
        if found := self.checkpoints():
            raise InputError(
                f"{self.path} holds an unfinished run, stopped after step {_step(found[0])}",
                hint="continue it with --resume, or remove the folder to begin anew",
            )

    def settings(self) -> dict[str, Any]:
        """The settings of the run, by name, of the newest checkpoint that can be read.

        Raises InputError where there is none.
        """
        for path, before in self._from_newest():
            try:
                return dict(read_run(path)["settings"])
            except DamagedCheckpoint:
                if before is None:
                    raise
        raise AssertionError  # there is a checkpoint, so the loop has returned or raised

    def begin(self) -> None:
        """Makes room for a new run. Raises InputError where an unfinished one would be lost."""
        self.check_new()
        if self.is_main:
            self.metrics.unlink(missing_ok=True)
            shutil.rmtree(self.board, ignore_errors=True)

    def save(self, state: State, run: Mapping[str, Any]) -> Path:
        """Writes a checkpoint; those that are older than the last two go.

        All processes call this together. Raises RinjectError where it cannot be written; the others
        are there still.
        """
        path = self.path / f"step-{state.step:06d}.safetensors"
        before = self.checkpoints()
        stays = f"{before[0].name} stays: " if before else ""
        with explained_writing(f"the checkpoint {path}", f"{stays}{_ROOM}"):
            state.save(path, run)
        if self.is_main:
            self._rotate(state.step)
        return path

    def _rotate(self, step: int) -> None:
        """Leaves the last ones up to a step; later ones were damaged, as the run came from here."""
        found = self.checkpoints()
        until = [path for path in found if (_step(path) or 0) <= step]
        for path in set(found) - set(until[:KEPT]):
            path.unlink()

    def resume(self, state: State, run: Mapping[str, Any], say: Say) -> None:
        """Continues from the newest checkpoint that is whole; warns of those that are not.

        Raises InputError: there is none, or it belongs to another run.
        """
        for path, before in self._from_newest():
            try:
                return state.load(path, run)
            except DamagedCheckpoint as error:
                if before is None:
                    raise
                say(f"{error.message}: continuing from {before.name}")

    def _from_newest(self) -> list[tuple[Path, Path | None]]:
        """The checkpoints, each with the one before it. Raises InputError where there is none."""
        found = self.checkpoints()
        if not found:
            raise InputError(
                f"there is no checkpoint in {self.path}", hint="start without --resume"
            )
        return list(zip(found, [*found[1:], None], strict=True))

    def clear(self) -> None:
        """After the end: all goes but what TensorBoard may be showing."""
        if self.is_main:
            for path in (*self.checkpoints(), self.metrics):
                path.unlink(missing_ok=True)


def _step(path: Path) -> int | None:
    found = _CHECKPOINT.fullmatch(path.name)
    return int(found[1]) if found else None


@contextmanager
def held_run_folder(directory: str | Path, *, is_main: bool = True) -> Iterator[RunFolder]:
    """The folder of a bundle's run, held for this process alone while the block runs.

    What killed runs left half written is removed; so is the folder afterwards, if nothing is in it.
    Raises InputError, naming the process, where another one works on the same bundle.
    """
    folder = RunFolder(run_path(directory), is_main)
    if not is_main:  # the main process holds it for all
        yield folder
        return
    lock = _locked(folder.path)
    try:
        _say_who(folder.path)
        _tidy(folder.path)
        clear_leftovers(directory)
        yield folder
    finally:
        _leave(folder.path)
        lock.release()


def _locked(folder: Path) -> BaseFileLock:
    lock = FileLock(folder / _LOCK)
    for _ in range(TRIES):
        if folder.is_file():
            raise InputError(f"{folder} is a file", hint="choose another --output")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
            return lock
        except (FileNotFoundError, FileExistsError):
            continue  # a run that just ended took the folder away: once more
        except Timeout:
            raise InputError(
                f"another run is writing {folder.stem}: {_holder(folder)}",
                hint="wait for it, stop it, or choose another --output",
            ) from None
    raise InputError(f"{folder} cannot be made", hint="choose another --output")


def _holder(folder: Path) -> str:
    try:
        return (folder / _HOLDER).read_text() or "an unknown process"
    except OSError:
        return "an unknown process"


def _say_who(folder: Path) -> None:
    since = datetime.now().astimezone().isoformat(" ", "seconds")
    who = f"process {os.getpid()} on {socket.gethostname()}, since {since}"
    (folder / _HOLDER).write_text(who)


def _tidy(folder: Path) -> None:
    """Removes half-written files: ours, and the hidden ones under which safetensors writes them."""
    for pattern in ("*.partial", ".tmp*"):
        for path in folder.glob(pattern):
            path.unlink()


def _leave(folder: Path) -> None:
    """Removes the lock while it is held, and the folder if it is empty then."""
    for name in (_HOLDER, _LOCK):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # it holds something: an unfinished run, or the next run's lock
        folder.rmdir()
