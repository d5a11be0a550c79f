"""The processes of a run, by Lightning Fabric: devices, precision, and what each does of a batch."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from stemwise.training.settings import Machine

NORMS = nn.modules.batchnorm._BatchNorm


def is_first_process() -> bool:
    """Return whether this process is the one that writes and speaks: the only one, or torchrun's rank 0."""
    return not _torchrun() or os.environ["RANK"] == "0"


def _torchrun() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_torchelastic_launched()


def launch(machine: Machine) -> Any:
    """Return a Fabric on this machine's device, joined with the other processes that torchrun started.

    Raises:
        ValueError: lightning-fabric or the device is missing, or the device cannot be shared so.
    """
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise ValueError("training needs lightning-fabric: pip install 'stemwise[train]'") from error
    if machine.threads:
        torch.set_num_threads(machine.threads)
    device = usable_device(machine.device)
    here, nodes = _processes(device)
    bf16 = machine.precision == "bf16" or (machine.precision == "auto" and _computes_bf16(device))
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = Fabric(
        accelerator=device, devices=here, num_nodes=nodes, precision="bf16-mixed" if bf16 else "32-true"
    )
    fabric.launch()
    if fabric.global_rank:
        logging.getLogger("stemwise").setLevel(logging.WARNING)
    return fabric


def _processes(device: str) -> tuple[int, int]:
    """Return how many processes torchrun started on this node, and on how many nodes."""
    if not _torchrun():
        return 1, 1
    here, all_of_them = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    if all_of_them % here:
        raise ValueError(
            f"expected as many processes on every node, got {here} here of {all_of_them}; mend torchrun's "
            "--nproc-per-node"
        )
    if device == "mps" and all_of_them > 1:
        raise ValueError("device: several processes cannot share mps; choose --device cpu")
    if device == "cuda" and here > torch.cuda.device_count():
        raise ValueError(
            f"device: expected {here} GPUs for as many processes, this machine has "
            f"{torch.cuda.device_count()}; lower torchrun's --nproc-per-node"
        )
    return here, all_of_them // here


def usable_device(name: str) -> str:
    """Return a device by name; `auto` is the fastest of this machine: CUDA, then MPS, then the CPU.

    Raises:
        ValueError: this machine, or this build of torch, has no such device.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    usable = [device for device, there in present.items() if there]
    if name == "auto":
        return usable[0]
    if name not in usable:
        raise ValueError(f"device: this machine has no {name}; choose auto or {' or '.join(usable)}")
    return name


def _computes_bf16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()


@dataclass(frozen=True)
class Share:
    """What this process does of every batch: its own rows, in as many parts as gradients are accumulated.

    Attributes:
        number: of its first part, among all parts of all processes.
        parts: how many it has.
        rows: of one part.
    """

    number: int
    parts: int
    rows: int

    def slices(self) -> dict[int, slice]:
        """Return the rows of each part, by the part's number among those of all processes."""
        numbers = range(self.number, self.number + self.parts)
        return {number: slice(number * self.rows, (number + 1) * self.rows) for number in numbers}


def share(batch_size: int, accumulate: int, rank: int, processes: int) -> Share:
    """Return what a process does of a batch.

    Raises:
        ValueError: the batch cannot be cut into equal parts.
    """
    parts = accumulate * processes
    if batch_size % parts:
        raise ValueError(
            f"batch_size: expected a multiple of {parts} ({processes} processes, {accumulate} parts each), "
            f"got {batch_size}; change batch_size, accumulate or the number of processes"
        )
    return Share(rank * accumulate, accumulate, batch_size // parts)


def synchronised(module: nn.Module, fabric: Any) -> nn.Module:
    """Return a network whose batch statistics span all processes, where the device can do that."""
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(module)
    return module


def batch_statistics(module: nn.Module, fabric: Any, share: Share) -> str:
    """Say whose statistics the batch normalisation of a network uses."""
    if not any(isinstance(part, NORMS) for part in module.modules()):
        return "no batch statistics"
    rows = f"{share.rows} rows" if share.rows > 1 else "one row"
    if fabric.world_size == 1:
        return f"batch statistics of {rows}"
    if fabric.device.type == "cuda":
        return f"batch statistics synchronised, of {share.rows * fabric.world_size} rows"
    return f"batch statistics of each process's own {rows}, running statistics of the first process"


def gathered(fabric: Any, value: Any) -> list[Any]:
    """Return the values of all processes."""
    if fabric.world_size == 1:
        return [value]
    values = [None] * fabric.world_size
    torch.distributed.all_gather_object(values, value)
    return values
