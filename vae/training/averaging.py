"""An exponential moving average of the weights."""

__all__ = ["EMA"]

from itertools import chain

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from vae.training.lightning_adapter import Averaging


class EMA(Averaging):
    r"""Keeps :math:`\bar θ ← d\,\bar θ + (1 - d)\,θ` after every optimizer step.

    The averages are what is validated and kept in checkpoints for `vae.load`; a resumed run goes on
    from the weights themselves.

    Args:
        decay: d, in [0, 1). The average looks back over some 1/(1 − d) steps.

    Raises:
        ValueError: If the decay is out of range.

    References:
        Acceleration of Stochastic Approximation by Averaging (Polyak, Juditsky, 1992).
    """

    needs_whole_weights = True
    holds_weights = True  # of the run, so that one that goes on keeps these settings

    def __init__(self, *, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must lie in [0, 1); got {decay}")
        super().__init__(multi_avg_fn=get_ema_multi_avg_fn(decay))
        self.decay = decay
        self.pairs: tuple[list[Tensor], list[Tensor]] | None = None

    @property
    def state_key(self) -> str:
        """The name of its state in a checkpoint, which does not depend on the settings."""
        return "EMA"

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Start afresh."""
        super().setup(trainer, pl_module, stage)
        self.pairs = None

    def after_step(self, module: pl.LightningModule, step: int) -> None:
        """Take the weights into the average, after the optimizer step of this number, from 1."""
        average = self.average
        if self.pairs is None:
            average.update_parameters(module)  # the very first time a copy
            self.pairs = weights(average.module), weights(module)
        else:  # what the update comes to, without looking at a counter that may be on a device
            torch._foreach_lerp_(*self.pairs, 1 - self.decay)
            average.n_averaged += 1
        self.count_update(step)


def weights(module: torch.nn.Module) -> list[Tensor]:
    """Return the parameters and buffers that can be averaged."""
    tensors = chain(module.parameters(), module.buffers())
    return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
