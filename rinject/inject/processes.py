"""One process, or several that train one student together, through Hugging Face Accelerate.

Started alone, there is one. Started by ``accelerate launch`` or ``torchrun``, each process takes
its part of every batch, and gradients are added up. Each holds the whole student (DDP), or where
Accelerate is told to use FSDP, its share of every weight: a block is put together when it runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import FullyShardedDataParallelPlugin
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from rinject.errors import InputError, RinjectError
from rinject.inject.roll import Roll, roll_rows, roll_shared_rows
from rinject.inject.settings import InjectSettings, flag
from rinject.student import device_of

_LOST = re.compile(r"closed by peer|reset by peer|broken pipe|connection refused", re.IGNORECASE)
T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process among all that train."""

    accelerator: Accelerator
    device: torch.device
    """Where this process computes."""
    is_half: bool
    """Whether forward passes compute in bfloat16."""
    sharding: FullyShardedDataParallelPlugin | None
    """How weights are sharded; None where each process holds all of them."""
    talk: distributed.ProcessGroup | None
    """Over which the processes agree without waiting for a GPU; None for one alone."""

    @classmethod
    def join(cls, settings: InjectSettings) -> Processes:
        """Joins the others, if there are any.

        Raises InputError: a batch cannot be parted evenly, the device is not there, or Accelerate
        is configured for what cannot be done here.
        """
        launched = int(os.environ["WORLD_SIZE"]) if "LOCAL_RANK" in os.environ else 1
        device = device_of(settings.device)
        check_alone(settings, launched)
        if not settings.task_tokens:  # else they are known once the examples are
            check_shares(settings, launched)
        sharding = _sharding(settings) if launched > 1 else None
        # Accelerate's own mixed precision is left off: --precision decides.
        accelerator = Accelerator(
            cpu=launched > 1 and device.type == "cpu",
            device_placement=False,
            mixed_precision="no",
            kwargs_handlers=[DistributedDataParallelKwargs(gradient_as_bucket_view=True)],
        )
        return cls(
            accelerator,
            accelerator.device if launched > 1 else device,
            _is_half(settings, device),
            sharding,
            distributed.new_group(backend="gloo") if launched > 1 else None,
        )

    @property
    def rank(self) -> int:
        """This process's number, from 0."""
        return int(self.accelerator.process_index)

    @property
    def count(self) -> int:
        """Number of processes."""
        return int(self.accelerator.num_processes)

    @property
    def is_main(self) -> bool:
        """Whether this process writes what all of them have in common."""
        return self.rank == 0

    @property
    def loading(self) -> torch.device:
        """Where a whole student may be: under FSDP it may not fit where its share will be."""
        return self.device if self.sharding is None else torch.device("cpu")

    @property
    def is_sharded(self) -> bool:
        """Whether each process holds a part of the student only (FSDP)."""
        return self.sharding is not None

    @cached_property
    def roll(self) -> Roll:
        """The roll along the whole batch."""
        return roll_rows if self.count == 1 else roll_shared_rows

    def total(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The losses of all parts added up, without their gradients."""
        if self.count == 1:
            return {name: loss.detach() for name, loss in losses.items()}
        together = torch.stack([loss.detach().float() for loss in losses.values()])
        distributed.all_reduce(together)
        return dict(zip(losses, together.unbind(), strict=True))

    def any(self, here: bool) -> bool:
        """Whether something holds in any process: all of them learn the same."""
        if self.count == 1:
            return here
        held = torch.tensor(int(here))
        distributed.all_reduce(held, group=self.talk)
        return bool(held.item())

    def from_main(self, here: T) -> T:
        """What the main process has; all call this together."""
        if self.count == 1:
            return here
        held = [here]
        distributed.broadcast_object_list(held, src=0, group=self.talk)
        return held[0]

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            distributed.barrier(group=self.talk)

    def backward(self, loss: Tensor) -> None:
        """Gradients of the sum of all processes' losses: wrappers take their mean."""
        self.accelerator.backward(loss * self.count)

    # --- a model over several processes -----------------------------------------------------------

    def placed(self, module: nn.Module, parts: Iterable[nn.Module]) -> nn.Module:
        """A module on the device, in place; or its shares there, put together a part at a time."""
        if self.sharding is None:
            return module.to(self.device)
        half = torch.bfloat16 if self.is_half else None
        policy = MixedPrecisionPolicy(half, torch.float32, cast_forward_inputs=False)
        again = bool(self.sharding.reshard_after_forward)
        for part in parts:
            fully_shard(part, mesh=self._mesh, mp_policy=policy, reshard_after_forward=again)
        fully_shard(module, mesh=self._mesh)
        return module

    @cached_property
    def _mesh(self) -> DeviceMesh:
        return init_device_mesh(self.device.type, (self.count,))

    def wrapped(self, module: nn.Module) -> nn.Module:
        """A placed module that adds up the gradients of all processes; itself where it does."""
        if self.count == 1 or self.is_sharded:
            return module
        for parameter in module.parameters():
            if 1 in parameter.shape:
                parameter.register_hook(partial(_laid_out_like, parameter))
        prepared: nn.Module = self.accelerator.prepare_model(module, device_placement=False)
        return prepared

    @contextmanager
    def explained_loss(self) -> Iterator[None]:
        """Says so where another process ends within the block, as all others then must.

        Raises RinjectError in place of what torch raises.
        """
        try:
            yield
        except RuntimeError as error:
            is_loss = isinstance(error, distributed.DistError) or _LOST.search(str(error))
            if self.count == 1 or not is_loss:
                raise
            raise RinjectError(
                f"process {self.rank} of {self.count} lost another one, which says why above",
                hint="--resume continues from the last checkpoint",
            ) from error


def gathered(tensor: Tensor) -> Tensor:
    """A tensor as a whole, where all processes call this together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def fill(tensor: Tensor, whole: Tensor) -> None:
    """Copies a whole tensor into one that may be sharded: each process takes its share."""
    if not isinstance(tensor, DTensor):
        tensor.copy_(whole)
        return
    here = whole.to(tensor.device)
    share = distribute_tensor(here, tensor.device_mesh, tensor.placements, src_data_rank=None)
    tensor.to_local().copy_(share.to_local())


def share_of(tensor: Tensor) -> Tensor:
    """The part of a tensor that is here."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _laid_out_like(parameter: Tensor, gradient: Tensor) -> Tensor:
    """A gradient with the strides of its parameter: where they differ, DDP copies and complains.

    A dimension of size 1 can have any stride, and gradients come with other ones.
    """
    if not gradient.is_contiguous():
        return gradient
    return gradient.as_strided(parameter.shape, parameter.stride())


def within(module: nn.Module, work: Callable[[], T]) -> T:
    """What work yields with the weights of a module whole, for reading.

    The module's own forward pass does the work: it is what puts sharded weights together.
    """
    if not isinstance(module, FSDPModule):
        return work()
    try:
        found: T = module(work)
        return found
    finally:
        module.reshard()


def check_shares(settings: InjectSettings, processes: int) -> None:
    """Raises InputError where the processes cannot take as many rows each."""
    for name in ("task_rows", "text_rows"):
        rows = getattr(settings, name)
        if rows % processes:
            raise InputError(
                f"{flag(name)} is {rows}, which {processes} processes cannot share evenly",
                hint=f"make it a multiple of {processes}",
            )


def check_alone(settings: InjectSettings, processes: int) -> None:
    """Raises InputError where rows need each other, which several processes do not share."""
    choices = {
        "--method interchange": settings.is_interchange,
        "--roll-from answers": settings.roll_from == "answers" and settings.is_rolled,
    }
    for choice, is_made in choices.items():
        if is_made and processes > 1:
            raise InputError(
                f"{choice} takes parts of the stream from other rows of the batch, which"
                f" {processes} processes do not share",
                hint="train in one process",
            )


def _sharding(settings: InjectSettings) -> FullyShardedDataParallelPlugin | None:
    """What Accelerate's configuration says about FSDP, None where it does not ask for it.

    Raises InputError for what cannot be done.
    """
    if os.environ.get("ACCELERATE_USE_FSDP", "false").lower() != "true":
        return None
    if os.environ.get("FSDP_VERSION", "1") != "2":
        raise InputError(
            "weights are sharded by the second version of FSDP only",
            hint="set fsdp_version: 2 in Accelerate's configuration, or --fsdp_version 2",
        )
    if os.environ.get("FSDP_OFFLOAD_PARAMS", "false").lower() == "true":
        raise InputError(
            "weights cannot be kept in main memory",
            hint="set fsdp_offload_params: false in Accelerate's configuration",
        )
    if settings.optimizer == "muon":
        raise InputError(
            "--optimizer muon needs whole matrices, and the student's are sharded",
            hint="use --optimizer adamw with FSDP",
        )
    if settings.embedding_flags:
        name = settings.embedding_flags[0]
        raise InputError(
            f"{name} needs the whole embedding, and the student's is sharded",
            hint=f"give {name} 0 with FSDP",
        )
    return FullyShardedDataParallelPlugin()


def _is_half(settings: InjectSettings, device: torch.device) -> bool:
    if settings.precision != "auto":
        return settings.precision == "bfloat16"
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
