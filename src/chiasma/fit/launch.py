"""How the command was started: chiasma starts its own processes, one for each device. No torch here."""

from __future__ import annotations

import os

from chiasma.core.errors import UsageError


def refuse_launcher(*, nodes: int = 1) -> None:
    """Refuse to be one of several processes that a launcher started: each would do the whole verb.

    Args:
        nodes: machines that share the training; the command is started once on each.

    Raises:
        UsageError: started by torchrun, or by srun with more tasks than nodes; or several nodes without NODE_RANK,
            MASTER_ADDR and MASTER_PORT.
    """
    tasks = int(os.environ.get("SLURM_NTASKS", "1") or 1)  # SLURM_PROCID stands in any job, so it says nothing
    for many, got in (
        ("LOCAL_RANK" in os.environ, "torchrun (LOCAL_RANK is set)"),
        (tasks > 1 and tasks != nodes and "SLURM_STEP_ID" in os.environ, f"srun with {tasks} tasks"),
    ):
        if many:
            raise UsageError(
                "started by a launcher of processes, and each would do the whole work",
                got=got,
                expected="one command, which starts a process for each device itself",
                do="start it once, with --devices N; for several nodes once on each (srun --ntasks-per-node=1) with "
                "--nodes N, an -o of its own, and MASTER_ADDR, MASTER_PORT and NODE_RANK set",
            )
    if nodes > 1:
        absent = [name for name in ("MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
        if "NODE_RANK" not in os.environ and tasks != nodes:
            absent.append("NODE_RANK")
        if absent:
            raise UsageError(
                "several nodes must know of each other",
                got=f"nodes = {nodes} without {', '.join(absent)}",
                expected="MASTER_ADDR and MASTER_PORT of the first node, and NODE_RANK from 0 (srun's rank serves)",
                do="set them in the environment of each node's command",
            )
