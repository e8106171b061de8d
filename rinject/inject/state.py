"""All mutable state of a training run, saved without pickle and resumed bit for bit on the CPU."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel

from rinject.errors import InputError
from rinject.inject.coordinates import Coordinates
from rinject.inject.projection import Projection
from rinject.inject.settings import InjectSettings, flag
from rinject.student import blocks
from rinject.student.muon import Muon

STUDENT, MAP = 0, 1  # the optimizer's groups


@dataclass
class State:
    """What changes from step to step. Random generators are functions of the step."""

    model: PreTrainedModel
    projection: Projection
    optimizer: torch.optim.AdamW
    """Of all parameters, or of those that `matrices` leaves."""
    matrices: Muon | None = None
    """Of the matrices of the student's blocks, where the settings say so."""
    coordinates: Coordinates | None = None
    """What the optimizer moves in place of the map, where the settings say so."""
    step: int = 0
    """Steps done."""

    @classmethod
    def start(
        cls,
        model: PreTrainedModel,
        projection: Projection,
        settings: InjectSettings,
        coordinates: Coordinates | None = None,
    ) -> State:
        """The state before the first step; the model's parameters are trained in place."""
        muon = settings.optimizer == "muon"
        matrices = [p for p in blocks(model).parameters() if p.ndim == 2] if muon else []
        inside = {id(matrix) for matrix in matrices}
        groups = [
            {
                "params": [p for p in model.parameters() if id(p) not in inside],
                "lr": settings.student_rate,
            },
            {"params": list((coordinates or projection).parameters()), "lr": settings.map_rate},
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
        muon_of = Muon(matrices, decay=0.0) if muon else None
        return cls(model, projection, optimizer, muon_of, coordinates)

    def descend(self, loss: Tensor, settings: InjectSettings) -> None:
        """One step down the gradient of a loss."""
        for parameter in (*self.model.parameters(), *self.projection.parameters()):
            parameter.grad = None
        loss.backward()
        self._set_rates(settings)
        if self.coordinates is not None:
            self.coordinates.take_gradient(self.projection)
        self.optimizer.step()
        if self.matrices is not None:
            self.matrices.step()
        if self.coordinates is not None:
            self.coordinates.settle(self.projection)
        self.step += 1

    def _set_rates(self, settings: InjectSettings) -> None:
        """The learning rates of the next step."""
        factor = rate_factor(self.step, settings)
        if self.matrices is not None:
            self.matrices.param_groups[0]["lr"] = factor * settings.matrix_rate
        self.optimizer.param_groups[STUDENT]["lr"] = factor * settings.student_rate
        self.optimizer.param_groups[MAP]["lr"] = factor * settings.map_rate

    def save(self, path: Path, run: Mapping[str, Any]) -> None:
        """Writes all of it to one file, atomically; `run` says which run it belongs to."""
        header = {"step": self.step, "run": run}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        tensors = {name: tensor.detach().contiguous() for name, tensor in self._tensors().items()}
        save_file(tensors, partial, metadata={"checkpoint": json.dumps(header)})
        os.replace(partial, path)

    def load(self, path: Path, run: Mapping[str, Any]) -> None:
        """Continues from a file that :meth:`save` wrote.

        Raises InputError: there is none, it is damaged, or it belongs to another run.
        """
        header, saved = _read(path)
        _check_run(header["run"], run)
        self._begin_optimizer()
        own = self._tensors()
        if {k: t.shape for k, t in own.items()} != {k: t.shape for k, t in saved.items()}:
            raise InputError(f"the checkpoint {path} holds another student or program")
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(saved[name])
        self.step = int(header["step"])

    def _tensors(self) -> dict[str, Tensor]:
        """Every tensor by a stable name; they are the live ones, so copying into them loads."""
        named = [("model", self.model), ("map", self.projection)]
        tensors: dict[str, Tensor] = {}
        if self.coordinates is not None:
            named.append(("coordinates", self.coordinates))
            tensors = {f"coordinates.{k}": v for k, v in self.coordinates.named_buffers()}
        for part, module in named:
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


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}", hint="start without --resume")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["checkpoint"])
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(
            f"the checkpoint {path} is damaged", hint="start without --resume"
        ) from error


def _check_run(saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    for name in own["settings"]:
        before, now = saved["settings"].get(name), own["settings"][name]
        if before != now:
            raise InputError(
                f"the checkpoint was made with {flag(name)} {before}, now it is {now}",
                hint="resume with the same settings, or start without --resume",
            )
    for name, thing in (("program", "program"), ("student", "student")):
        if saved.get(name) != own[name]:
            raise InputError(
                f"the checkpoint belongs to another {thing}", hint="start without --resume"
            )
