"""What a run was made with: versions, machine, git revision; and the settings of the process."""

__all__ = ["cpu_name", "describe_environment", "free_memory", "keep_memory", "prepare_process"]

import ctypes
import logging
import os
import platform
import subprocess
import sys
import warnings
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Any

import lightning.pytorch  # noqa: F401  (sets the variable that is changed below)
import torch

from vae.cli.search_path import config_folders

PACKAGES = ("torch", "torchvision", "lightning", "hydra-core", "zuko", "numpy")
# Loggers send word of their use and of their errors, also where they log to this machine alone.
AT_HOME = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false"}
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def describe_environment() -> dict[str, Any]:
    """Return what is needed to repeat a run, as plain values."""
    return {
        "command": " ".join(sys.argv),
        "configs": [str(folder) for folder in config_folders()[1:]],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in PACKAGES},
        "git_revision": git("rev-parse", "HEAD"),
        "git_changes": git("status", "--porcelain", "--untracked-files=no"),
        "threads": torch.get_num_threads(),
        "cpu": cpu_name(),
        "cpu_instructions": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "cuda_device": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def cpu_name() -> str:
    """Return what the processor calls itself: the last digits of a figure depend on it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def free_memory() -> float:
    """Return the bytes that are free, infinite where the system does not say so."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:  # not Linux
        return inf
    free = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return 1024 * float(next(free, inf))


def git(*arguments: str) -> str | None:
    """Return what git says of the folder of this file, ``None`` where there is no checkout."""
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        call = ["git", "-C", str(folder), *arguments]
        return subprocess.run(call, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None


def prepare_process(threads: int | None) -> None:
    """Set threads, memory and small numbers, and silence what a user cannot act on.

    Raises:
        ValueError: If ``threads`` is below 1.
    """
    if threads is not None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1; got {threads}")
        torch.set_num_threads(threads)
    keep_memory()
    # Before there are other threads, which inherit it. Adam's moments of a pixel that is rarely lit
    # decay to numbers below 1e-38, with which a processor is slow: on MNIST a quarter of the step.
    torch.set_flush_denormal(True)
    # Lightning has torch ask the driver's library for devices; the optimizer asks at every step,
    # and without a driver each question costs a search for the library, 0.2 ms.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
    for variable, value in AT_HOME.items():
        os.environ.setdefault(variable, value)
    for name in ("lightning.pytorch", "lightning.fabric", "alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Lightning counts groups of batches, we count optimizer steps.
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated.*")
    # Pillow warns of damaged metadata; what cannot be read is an error that names the file.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    # Batches come from tensors in memory: worker processes would make them slower.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # All but the prior that stage=prior fits are meant to be.
    warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
    # Nothing here changes the output of a net in place.
    warnings.filterwarnings("ignore", message=".*FSDP2-wrapped module .* returned a view tensor")
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")


def keep_memory() -> None:
    """Keep glibc from giving large blocks back to the kernel after each step.

    Page faults otherwise cost the 64×64 convolutional net 30 % of its step on CPU.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(M_TRIM_THRESHOLD, ctypes.c_int(2**31 - 1))
