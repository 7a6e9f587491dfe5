"""The parts of a recurrent state-space model that run once a step."""

__all__ = [
    "Inputs",
    "RecurrentState",
    "StatePosterior",
    "WorldCell",
    "inputs_of",
    "nothing_seen",
    "shown",
]

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vae.batch import Batch, within


class RecurrentState(NamedTuple):
    """Where a world is after a step.

    Attributes:
        h: The deterministic part, ``(*lead, S)``.
        z: The stochastic part as the nets read it, ``(*lead, *latent)``.
    """

    h: Tensor
    z: Tensor

    def begun_anew(self, where: Tensor) -> "RecurrentState":
        """Return the state with both parts 0 where a new episode begins, bool ``(B,)``."""
        return RecurrentState(*(torch.where(matching(where, v, self.h), 0.0, v) for v in self))

    def kept(self, before: "RecurrentState", where: Tensor) -> "RecurrentState":
        """Return the state of before where a step is padding; it counts where ``(B,)`` is true."""
        pairs = zip(self, before, strict=True)
        return RecurrentState(
            *(torch.where(matching(where, v, self.h), v, old) for v, old in pairs)
        )


class Inputs(NamedTuple):
    """What moves a world, besides what is seen of it.

    Attributes:
        steps: T.
        actions: What the cell makes of them, ``(B, T, hidden)``; ``None`` if none are read.
        reset: Where an episode begins, bool ``(B, T)``; ``None``: at the start alone.
        there: Which steps are no padding, bool ``(B, T)``; ``None``: all.
    """

    steps: int
    actions: Tensor | None
    reset: Tensor | None
    there: Tensor | None

    def seen(self, mask: Tensor | None, dims: int) -> Tensor | None:
        """Return which values of x count, of ``1 + dims`` dimensions; ``None``: all.

        Args:
            mask: ``(B, T)``, or of each value ``(B, T, *event)``, if there is one.
            dims: Of the shape of one sequence ``(T, *event)``.
        """
        each = None
        if mask is not None:
            each = mask.bool().reshape(*mask.shape, *[1] * (1 + dims - mask.dim()))
        if self.there is None:
            return each
        there = self.there.reshape(*self.there.shape, *[1] * (dims - 1))
        return there if each is None else there & each


def matching(where: Tensor, value: Tensor, lead: Tensor) -> Tensor:
    """Return truth values ``(B,)`` that meet a value ``(*lead, *event)``, of as many leads as h."""
    return where.reshape(-1, *[1] * (value.dim() - lead.dim() + 1))


class WorldCell(nn.Module):
    r"""The deterministic step :math:`h_t = \mathrm{GRU}(h_{t-1}, φ(W z_{t-1} + V a_t))`.

    Args:
        latent_size: Numbers of z, at least 1.
        action_size: Numbers of an action; 0 if none is read.
        state_dim: Numbers of h, at least 1.
        hidden_dim: Numbers between, at least 1.
    """

    def __init__(
        self, latent_size: int, action_size: int, *, state_dim: int, hidden_dim: int
    ) -> None:
        super().__init__()
        self.latent = nn.Linear(latent_size, hidden_dim)
        self.action = nn.Linear(action_size, hidden_dim, bias=False) if action_size else None
        self.gru = nn.GRUCell(hidden_dim, state_dim)

    def forward(self, h: Tensor, z: Tensor, action: Tensor | None) -> Tensor:
        """Return the next h, ``(*lead, S)``.

        Args:
            h: ``(*lead, S)``.
            z: ``(*lead, D)``.
            action: What ``self.action`` makes of actions, broadcastable to ``(*lead, hidden)``.
        """
        read = self.latent(z)
        hidden = nn.functional.silu(read if action is None else read + action)
        h = self.gru(hidden.flatten(0, -2), h.flatten(0, -2))
        return h.unflatten(0, hidden.shape[:-1])


class StatePosterior(nn.Module):
    """From h and what the encoder makes of x to the parameters of q: one hidden layer of both.

    Of that layer's map of (h, e) the encoder's last layer is the part that reads e, so that it is
    computed for all steps at once.

    Args:
        state_dim: Numbers of h, at least 1.
        hidden_dim: Numbers that the encoder makes of x, at least 1.
        param_shape: Of the parameters of q.
    """

    def __init__(self, state_dim: int, hidden_dim: int, param_shape: Sequence[int]) -> None:
        super().__init__()
        self.param_shape = tuple(param_shape)
        self.state = nn.Linear(state_dim, hidden_dim, bias=False)
        self.params = nn.Linear(hidden_dim, prod(param_shape))

    def forward(self, h: Tensor, features: Tensor) -> Tensor:
        """Map h ``(*lead, S)`` and features ``(B, hidden)`` to ``(*lead, *param_shape)``."""
        params: Tensor = self.params(nn.functional.silu(self.state(h) + features))
        return params if len(self.param_shape) == 1 else params.unflatten(-1, self.param_shape)


def inputs_of(cell: WorldCell, batch: Batch, steps: int, *, begins: bool = True) -> Inputs:
    """Return what moves a world by the fields of a batch.

    Args:
        cell: Reads the actions.
        batch: Some fields, or none.
        steps: T, where no field tells.
        begins: Whether an episode begins with the first step.

    Raises:
        ValueError: If actions have another shape.
    """
    known = [batch[name] for name in ("x", "action", "reset") if name in batch]
    steps = known[0].shape[1] if known else steps
    reset = batch["reset"].bool() if "reset" in batch else None
    there = steps_there(batch, steps)
    if cell.action is None:
        return Inputs(steps, None, reset, there)
    size, like = cell.action.in_features, cell.action.weight
    action = batch["action"] if "action" in batch else like.new_zeros(1, steps, size)
    if action.shape[1:] != (steps, size):
        raise ValueError(
            f"action must be (B, T, A), here (B, {steps}, {size}); got {tuple(action.shape)}"
        )
    action = action.to(like)
    if reset is not None:
        action = torch.where(reset[..., None], 0.0, action)
    if begins:
        action = torch.cat([torch.zeros_like(action[:, :1]), action[:, 1:]], 1)
    return Inputs(steps, cell.action(action), reset, there)


def steps_there(batch: Batch, steps: int) -> Tensor | None:
    """Return which steps are no padding, ``(B, T)``; ``None``: all.

    A mask of steps says it where there is no length. Beside a length it says which steps are
    missing: a world goes on there, though nothing is seen of it.
    """
    mask = batch.get("mask")
    if "length" in batch:
        return within(batch["length"], steps)
    return mask.bool() if mask is not None and mask.dim() == 2 else None


def shown(x: Tensor, seen: Tensor | None) -> Tensor:
    """Return x with 0 for what is not known of it, whatever stands there."""
    return x if seen is None else torch.where(seen, x, 0.0)


def nothing_seen() -> Tensor:
    """Stand for what q reads of x where x is not known."""
    raise AssertionError
