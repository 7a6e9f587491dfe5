"""Mean and width of each dimension of the data, which a model holds and its nets never see."""

__all__ = ["Standardize"]

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.distributions.rescaled import rescaled


class Standardize(nn.Module):
    r"""Stands between x in its own units and nets that see :math:`u = (x - m)/s`.

    A model that holds one takes and gives x in the units of the data: it encodes ``self(x)`` and
    returns `restored` of what its decoder says. m has the type of the data, so that float64 with a
    large offset (time stamps) keeps its differences; s has that of the nets.

    Args:
        shape: Of one example. It changes nothing before `set`.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(*shape))
        self.register_buffer("scale", torch.ones(*shape))

    def set(self, shift: Tensor, scale: Tensor) -> None:
        """Take mean m and width s > 0 of the training data, ``(*shape)`` each.

        Of sequences these are of each channel, ``(*event)``: of all steps, if shape has them.
        """
        device, dtype, shape = self.scale.device, self.scale.dtype, self.scale.shape
        self.shift = shift.to(device).expand(shape).clone()
        self.scale = scale.to(device, dtype).expand(shape).clone()

    @property
    def unset(self) -> bool:
        """Whether it changes nothing, as before `set`."""
        return not (self.shift.any() or (self.scale != 1).any())

    def forward(self, x: Tensor) -> Tensor:
        """Return u of x, ``(*lead, *shape)``, in the type of the nets."""
        return (x - self.shift).to(self.scale.dtype) / self.scale

    def restored(self, px: Distribution) -> Distribution:
        """Return the distribution of x where `px` is that of u; its density counts ``1/s``."""
        return rescaled(px, self.shift, self.scale)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        # Loading rounds to the type that is there; that of the data is known to the file alone.
        shift = state.get(f"{prefix}shift")
        if shift is not None and shift.is_floating_point():
            self.shift = self.shift.to(shift.dtype)
        super()._load_from_state_dict(state, prefix, *rest)
