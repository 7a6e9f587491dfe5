"""A run whose processes were started from outside, by torchrun or Slurm: they agree on one folder.

Nothing here imports torch, unless torchrun started this process.
"""

__all__ = ["agree_on_folder", "check_launch", "launcher"]

import os
from datetime import datetime
from typing import Any

INTERACTIVE = ("bash", "interactive")  # Slurm's jobs in which Lightning starts the processes
MOMENT = "vae/moment"  # the key under which torchrun's store keeps when the run began


def launcher() -> str | None:
    """Return who started this process beside others: ``torchrun``, ``Slurm`` or nobody."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return "torchrun"
    several = int(os.environ.get("SLURM_NTASKS", 1)) > 1 and "SLURM_PROCID" in os.environ
    return "Slurm" if several and os.environ.get("SLURM_JOB_NAME") not in INTERACTIVE else None


def agree_on_folder(arguments: list[str]) -> None:
    """Add the run folder that all processes of a run share, unless one is given.

    Each process would otherwise name it after the second in which it started.

    Raises:
        ValueError: If the processes were to do a sweep.
    """
    who = launcher()
    if who is None:
        return
    if "-m" in arguments or "--multirun" in arguments:
        raise ValueError(
            f"{who} starts the processes of one run, and -m asks for several runs: leave {who} "
            "out, and each run starts its own processes"
        )
    if not any(argument.startswith("hydra.run.dir=") for argument in arguments):
        arguments.append(f"hydra.run.dir='outputs/${{name}}/{shared_name(who)}'")


def shared_name(who: str) -> str:
    """Return a name that is the same in every process of this run, also after a restart."""
    if who == "Slurm":
        return f"{os.environ['SLURM_JOB_ID']}.{os.environ.get('SLURM_STEP_ID', '0')}"
    from torch.distributed import TCPStore

    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    # Of torchrun itself, which outlives its processes; the first of them sets the name.
    return TCPStore(address, port, is_master=False).compare_set(MOMENT, "", now).decode()


def check_launch(num_nodes: int, devices: Any) -> None:
    """Refuse other processes than those that were started, and machines on which nobody did.

    Raises:
        ValueError: Saying how many processes there are, and how many were asked for.
    """
    who = launcher()
    if who is None:
        if num_nodes > 1:
            raise ValueError(
                f"trainer.num_nodes={num_nodes} needs torchrun or Slurm to start the processes on "
                "each machine: see docs/scaling.md"
            )
        return
    started = int(os.environ["WORLD_SIZE" if who == "torchrun" else "SLURM_NTASKS"])
    if isinstance(devices, int) and devices * num_nodes != started:
        raise ValueError(
            f"{who} started {started} processes, but trainer.num_nodes={num_nodes} times "
            f"trainer.devices={devices} are {devices * num_nodes}: let them agree"
        )
