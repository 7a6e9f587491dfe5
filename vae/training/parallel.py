"""Several processes, one per device: with all of the weights each, or with a part of them."""

__all__ = ["DataParallel", "ShardedParallel", "leave_processes", "summed_if_sharded", "unsharded"]

import atexit
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import FSDPModule, FullyShardedDataParallel, fully_shard
from torch.distributed.fsdp import OptimStateKeyType as KeyType
from torch.distributed.tensor import DTensor

from vae.networks import Network
from vae.training.lightning_adapter import share_over_all


class DataParallel(DDPStrategy):
    """Averages gradients over processes, none of which waits for another for ever.

    Args:
        timeout: Seconds that a process waits for the others before the run fails, above 0.

    Raises:
        ValueError: If the time is out of range.
    """

    def __init__(self, *, timeout: float = 1800.0) -> None:
        super().__init__(timeout=checked_timeout(timeout))

    def setup_environment(self) -> None:
        """Join the other processes, until this one ends."""
        super().setup_environment()
        atexit.register(leave_processes)


class ShardedParallel(ModelParallelStrategy):
    """Keeps of every weight, gradient and moment a part in each process.

    Each net is gathered for the time of its use; what else the model has, while a step lasts.
    Checkpoints are whole files, as those of one process.

    Args:
        timeout: Seconds that a process waits for the others before the run fails, above 0.

    Raises:
        ValueError: If the time is out of range.

    References:
        PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel (Zhao et al., 2023),
        2304.11277.
    """

    shards_weights = True

    def __init__(self, *, timeout: float = 1800.0) -> None:
        super().__init__(
            tensor_parallel_size=1,
            save_distributed_checkpoint=False,
            timeout=checked_timeout(timeout),
        )

    def setup_environment(self) -> None:
        """Let every process hold a part, on whatever machine it is."""
        share_over_all(self)
        super().setup_environment()
        atexit.register(leave_processes)
        # Lightning asks the module to shard itself; the same module serves every strategy.
        assert self.lightning_module is not None
        self.lightning_module.configure_model = self.shard  # type: ignore[method-assign]

    def shard(self) -> None:
        """Leave in each process its part of the model's weights, once."""
        assert self.lightning_module is not None
        mesh, model = self.device_mesh["data_parallel"], self.lightning_module.model
        assert isinstance(model, nn.Module)
        if isinstance(model, FSDPModule):
            return
        for part in model.modules():
            if isinstance(part, Network):
                fully_shard(part, mesh=mesh)
        fully_shard(model, mesh=mesh)

    def load_checkpoint(
        self, checkpoint_path: str | Path, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a whole checkpoint and give each process its part, without running code from it.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not a whole checkpoint of this framework.
        """
        checkpoint = self.checkpoint_io.load_checkpoint(checkpoint_path)
        model, options = self.model, StateDictOptions(full_state_dict=True)
        assert model is not None
        set_model_state_dict(model, checkpoint["state_dict"], options=options)
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            named = FullyShardedDataParallel.rekey_optim_state_dict(
                state, KeyType.PARAM_NAME, model
            )
            set_optimizer_state_dict(model, optimizer, named, options=options)
        return checkpoint


def leave_processes() -> None:
    """Leave the process group, if there is one.

    Its threads would otherwise meet an interpreter that ends, which now and then aborts the
    process after its work is done ("terminate called without an active exception"; gloo of
    torch 2.14.1, under load). Lightning leaves groups of NCCL only.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@contextmanager
def unsharded(model: nn.Module) -> Iterator[None]:
    """Gather what a model has besides its nets; all processes must enter, and do the same."""
    if not isinstance(model, FSDPModule):
        yield
        return
    model.unshard()
    try:
        yield
    finally:
        model.reshard()


def summed_if_sharded(gradients: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return gradients, or if they are sharded their sum over all processes."""
    parts = [g.to_local().sum() for g in gradients if isinstance(g, DTensor)]
    if not parts:
        return gradients
    total = torch.stack(parts).sum()
    torch.distributed.all_reduce(total)
    return [total]


def checked_timeout(seconds: float) -> timedelta:
    """Return the time that a process waits for the others, or refuse it."""
    if not (seconds > 0 and isfinite(seconds)):
        raise ValueError(f"timeout must be a finite number above 0; got {seconds}")
    return timedelta(seconds=seconds)
