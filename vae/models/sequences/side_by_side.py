"""Nets of several vectors, which stand side by side whatever dimensions are before them."""

__all__ = ["GRUStep", "SideBySide"]

import torch
from torch import Tensor, nn

from vae.from_data import StartsAtOutput


class SideBySide(nn.Module, StartsAtOutput):
    """A net of vectors, given several that are joined.

    Args:
        net: From ``(*lead, D_1 + D_2 + …)``.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.start_at_mean = isinstance(net, StartsAtOutput) and net.start_at_mean

    def forward(self, *given: Tensor) -> Tensor:
        """Map vectors ``(*lead, D_i)``, broadcast to one lead."""
        lead = torch.broadcast_shapes(*(each.shape[:-1] for each in given))
        output: Tensor = self.net(torch.cat([each.expand(*lead, -1) for each in given], -1))
        return output

    def start_at(self, output: Tensor) -> None:
        """Let the net start at this output, if it can."""
        if isinstance(self.net, StartsAtOutput):
            self.net.start_at(output)


class GRUStep(nn.Module):
    """One step of a gated recurrent unit, given two vectors and the state before.

    Args:
        input_size: Of both vectors together.
        hidden_size: H.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.cell = nn.GRUCell(input_size, hidden_size)

    def forward(self, x: Tensor, u: Tensor, h: Tensor) -> Tensor:
        """Map ``(*lead, D_1)``, ``(*lead, D_2)`` and ``(*lead, H)``, broadcast to the lead of u."""
        lead = u.shape[:-1]
        given = torch.cat([x.expand(*lead, -1), u], -1)
        state = h.expand(*lead, -1).reshape(-1, h.shape[-1])
        new: Tensor = self.cell(given.reshape(-1, given.shape[-1]), state)
        return new.view(*lead, -1)
