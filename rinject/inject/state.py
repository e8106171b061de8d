"""All mutable state of a training run, saved without pickle and resumed bit for bit on the CPU."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.inject.codes import TrainedMaps
from rinject.inject.objective import Objective
from rinject.inject.processes import Processes, fill, gathered, share_of, within
from rinject.inject.rarity import ErrorHistory
from rinject.inject.settings import InjectSettings, flag
from rinject.placing import sync
from rinject.student import blocks
from rinject.student.muon import Muon

STUDENT, MAP = 0, 1  # the optimizer's groups
T = TypeVar("T")


class DamagedCheckpoint(InputError):
    """A checkpoint cannot be read."""


@dataclass
class State:
    """What changes from step to step. Random generators are functions of the step."""

    objective: Objective
    """The student and its maps, trained in place."""
    wrapped: nn.Module
    """The same, as several processes call it."""
    processes: Processes
    """Those that hold it together."""
    optimizer: torch.optim.AdamW
    """Of all parameters, or of those that `matrices` leaves."""
    matrices: Muon | None = None
    """Of the matrices of the student's blocks, where the settings say so."""
    errors: ErrorHistory = field(default_factory=ErrorHistory)
    """What was read wrong on the way, which decides what is drawn next."""
    step: int = 0
    """Steps done."""

    @classmethod
    def start(
        cls, objective: Objective, processes: Processes, errors: ErrorHistory | None = None
    ) -> State:
        """The state before the first step; the objective is moved to where it is trained.

        `errors` are shared with the batches.
        """
        settings = objective.settings
        processes.placed(objective, blocks(objective.student))
        muon = settings.optimizer == "muon"
        matrices = [p for p in blocks(objective.student).parameters() if p.ndim == 2 and muon]
        inside = {id(matrix) for matrix in matrices}
        rest = [p for p in objective.student.parameters() if id(p) not in inside]
        groups = [
            {"params": rest, "lr": settings.student_rate},
            {"params": list(objective.projection.parameters()), "lr": settings.map_rate},
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
        found = Muon(matrices, decay=settings.weight_decay) if muon else None
        wrapped = processes.wrapped(objective)
        return cls(objective, wrapped, processes, optimizer, found, errors or ErrorHistory())

    @property
    def model(self) -> PreTrainedModel:
        """The student."""
        return self.objective.student

    @property
    def projection(self) -> TrainedMaps:
        """Its maps."""
        return self.objective.projection

    def within(self, work: Callable[[], T]) -> T:
        """What work yields while the student's weights are whole; all processes call it together.

        Nothing is trained in it.
        """
        return within(self.wrapped, work)

    def descend(self, settings: InjectSettings) -> None:
        """One step down the gradients, which are then gone."""
        self._set_rates(settings)
        self.optimizer.step()
        if self.matrices is not None:
            self.matrices.step()
        if settings.anchor:
            self.objective.pull_back(self._pulls(settings.anchor))
        self.objective.settle_vocabulary()
        self.objective.zero_grad(set_to_none=True)
        self.step += 1

    def _pulls(self, anchor: float) -> dict[Tensor, float]:
        """How far each parameter of the student is pulled back: in proportion to its rate."""
        groups = [self.optimizer.param_groups[STUDENT]]
        groups += [] if self.matrices is None else self.matrices.param_groups
        return {one: anchor * group["lr"] for group in groups for one in group["params"]}

    def _set_rates(self, settings: InjectSettings) -> None:
        """The learning rates of the next step."""
        factor = rate_factor(self.step, settings)
        if self.matrices is not None:
            self.matrices.param_groups[0]["lr"] = factor * settings.matrix_rate
        self.optimizer.param_groups[STUDENT]["lr"] = factor * settings.student_rate
        self.optimizer.param_groups[MAP]["lr"] = factor * settings.map_rate

    def save(self, path: Path, run: Mapping[str, Any]) -> None:
        """Writes all of it to one file, which is on the disk before it takes its name.

        `run` says which run it belongs to. All processes call this together, for shares of weights
        are gathered; the main one writes. Raises OSError or SafetensorError where that fails.
        """
        tensors = self._whole(self._tensors())
        if self.processes.is_main:
            self._write(tensors, path, run)

    def _whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors on the CPU, in the main process; nothing in others."""
        found, keeps = {}, self.processes.is_main
        for name, tensor in tensors.items():
            whole = gathered(tensor.detach())
            if keeps:
                found[name] = whole.cpu().contiguous()
        return found

    def weights(self) -> dict[str, Tensor]:
        """The student's own by name, tied ones once, in the main process; see :meth:`save`."""
        parts = (*self.model.named_parameters(), *self.model.named_buffers())
        names = {name for name, _ in parts}
        state = self.model.state_dict()
        return self._whole({name: tensor for name, tensor in state.items() if name in names})

    def _write(self, tensors: dict[str, Tensor], path: Path, run: Mapping[str, Any]) -> None:
        header = {"step": self.step, "run": run, "errors": self.errors.to_record()}
        partial = path.with_name(path.name + ".partial")
        try:
            save_file(tensors, partial, metadata={"checkpoint": json.dumps(header)})
            sync(partial)
            os.replace(partial, path)
            sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)

    def is_finite(self) -> bool:
        """Whether all weights and moments are numbers, none infinite."""
        shares = map(share_of, self._tensors().values())
        return not self.processes.any(not all(bool(torch.isfinite(one).all()) for one in shares))

    def load(self, path: Path, run: Mapping[str, Any]) -> None:
        """Continues from a file that :meth:`save` wrote.

        Raises DamagedCheckpoint, or InputError for one of another run; nothing has changed then.
        """
        header, saved = _read(path)
        _check_run(header["run"], run)
        self._begin_optimizer()
        own = self._tensors()
        if {k: t.shape for k, t in own.items()} != {k: t.shape for k, t in saved.items()}:
            raise InputError(f"the checkpoint {path} holds another student or program")
        for name, tensor in own.items():
            fill(tensor, saved[name])
        self.errors.restore(header["errors"])
        self.step = int(header["step"])

    def _tensors(self) -> dict[str, Tensor]:
        """Every tensor by a stable name; they are the live ones, so copying into them loads."""
        parts = [("model", self.model), ("map", self.projection)]
        tensors = {f"map.{name}": buffer for name, buffer in self.projection.named_buffers()}
        for part, module in parts:
            for name, parameter in module.named_parameters():
                tensors[f"{part}.{name}"] = parameter
                for key, value in self._moments(parameter).items():
                    tensors[f"optimizer.{key}.{part}.{name}"] = value
        return tensors

    def _moments(self, parameter: Tensor) -> dict[str, Tensor]:
        if self.matrices is not None and parameter in self.matrices.state:
            return dict(self.matrices.state[parameter])
        return dict(self.optimizer.state.get(parameter, {}))

    def _begin_optimizer(self) -> None:
        """Gives the optimizer's moments their places, as its first step does."""
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                self.optimizer.state[parameter] = {
                    "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
        if self.matrices is not None:
            self.matrices.begin()


def rate_factor(step: int, settings: InjectSettings) -> float:
    """Share of the full learning rates at one step: a rise, a plateau, a fall."""
    rise = settings.warmup * settings.steps
    fall = settings.decay * settings.steps
    rising = (step + 1) / rise if rise else 1.0
    falling = (settings.steps - step) / fall if fall else 1.0
    return min(1.0, rising, falling)


def read_run(path: Path) -> dict[str, Any]:
    """Which run a checkpoint belongs to. Raises DamagedCheckpoint."""
    with _opened(path) as (_, header):
        return dict(header["run"])


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    with _opened(path) as (file, header):
        return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file, json.loads((file.metadata() or {})["checkpoint"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DamagedCheckpoint(
            f"the checkpoint {path} is damaged", hint=f"remove {path.parent} to begin anew"
        ) from error


_OTHERWISE = {
    "program": "name the program of the run, or choose another --output",
    "student": "give --model, --revision and --dtype as the run had, or choose another --output",
    "task": "give --task as the run had, or choose another --output",
    "text": "the text has changed since; choose another --output",
}
"""What to do where a checkpoint belongs to something else."""


def _check_run(saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    since = InjectSettings().to_record()  # a setting that came later: before, all was as it says
    for name in own["settings"]:
        before, now = saved["settings"].get(name, since[name]), own["settings"][name]
        if before != now:
            raise InputError(
                f"the checkpoint was made with {flag(name)} {before}, now it is {now}",
                hint="resume with the same settings",
            )
    for name in _OTHERWISE:
        if saved.get(name) != own.get(name):
            raise InputError(f"the checkpoint belongs to another {name}", hint=_OTHERWISE[name])
