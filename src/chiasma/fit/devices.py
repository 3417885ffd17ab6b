"""Where the work runs: devices, precision and processes, as lightning-fabric wants them told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from chiasma.core.errors import UsageError
from chiasma.fit.config import TrainingConfig
from chiasma.fit.launch import refuse_launcher


def pick_device(name: str) -> torch.device:
    """The device of that name; "auto" takes cuda, then mps, then cpu.

    Raises:
        UsageError: unknown, or absent on this machine.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, here in present.items() if here))
    if not present.get(name, False):
        here = ", ".join(kind for kind, there in present.items() if there)
        raise UsageError("no such device on this machine", got=name, expected=f"auto, or one of: {here}")
    return torch.device(name)


def pick_precision(name: str, device: torch.device) -> str:
    """The precision in Fabric's words; "auto" is bfloat16 mixed on a GPU that has it, else 32 bits."""
    if name == "auto":
        return "bf16-mixed" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "32-true"
    if name == "16-mixed" and device.type == "cpu":
        raise UsageError(
            "float16 needs a GPU", got=name, expected="auto, 32 or bf16-mixed", do="--set training.precision=32"
        )
    return "32-true" if name == "32" else name


def make_fabric(config: TrainingConfig, device: torch.device, *, in_turn: bool = False) -> tuple[Any, bool]:
    """A Fabric for the devices and nodes asked for, not yet launched, and whether its launch spawns processes.

    The command is started once on each node, and there it spawns one process for each device. Every node does the
    whole verb in a run folder of its own; only the training is shared, and it leaves the same weights on all.

    Args:
        config: devices, nodes, precision.
        device: of what kind.
        in_turn: a batch has gradients for some parameters only (of one head of several): processes look for these.

    Raises:
        UsageError: started by a launcher of processes, nodes that do not know of each other, or more devices than
            there are.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment
    from lightning_fabric.strategies import DDPStrategy

    refuse_launcher(nodes=config.nodes)
    if device.type == "cuda" and config.devices > torch.cuda.device_count():
        raise UsageError("more devices than there are", got=config.devices, expected=torch.cuda.device_count())
    several = config.devices * config.nodes > 1
    if config.nodes > 1 and "NODE_RANK" not in os.environ:
        os.environ["NODE_RANK"] = os.environ["SLURM_PROCID"]
    fabric = Fabric(
        accelerator=device.type,
        devices=config.devices,
        num_nodes=config.nodes,
        strategy=DDPStrategy(start_method="spawn", find_unused_parameters=in_turn) if several else "auto",
        precision=pick_precision(config.precision, device),  # type: ignore[arg-type]
        plugins=[LightningEnvironment()],  # what a batch system says of processes is not for us: we spawn our own
    )
    return fabric, several


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Deterministic kernels on a CPU, and torch's global generators given back as they were."""
    before = torch.are_deterministic_algorithms_enabled()
    devices = [device] if device.type == "cuda" else []
    try:
        if device.type == "cpu":
            torch.use_deterministic_algorithms(True)
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        torch.use_deterministic_algorithms(before)
