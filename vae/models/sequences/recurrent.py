"""Recurrent nets over sequences of unequal lengths, which never see what stands behind them."""

__all__ = ["CELLS", "BackwardRNN", "Cell", "recurrent", "run_over"]

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

Cell = Literal["relu", "tanh", "gru", "lstm"]
CELLS: dict[str, Callable[..., nn.RNNBase]] = {
    "relu": partial(nn.RNN, nonlinearity="relu"),
    "tanh": partial(nn.RNN, nonlinearity="tanh"),
    "gru": nn.GRU,
    "lstm": nn.LSTM,
}


def recurrent(cell: Cell, input_size: int, hidden_size: int) -> nn.RNNBase:
    """Return a recurrent net of one layer, from ``(B, T, I)`` to ``(B, T, H)``."""
    return CELLS[cell](input_size, hidden_size, batch_first=True)


def run_over(
    rnn: nn.RNNBase, inputs: Tensor, length: Tensor | None, start: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Run a net over the steps that sequences have.

    Args:
        rnn: Of one layer, batch first.
        inputs: ``(B, T, I)``.
        length: Steps of each, ``(B,)``; ``None`` means all.
        start: The state before the first step, ``(1, B, H)``; ``None`` means zeros.

    Returns:
        The outputs, ``(B, T, H)``, 0 behind a sequence's end, and the state at it, ``(B, H)``.
    """
    states = (start, torch.zeros_like(start)) if is_lstm(rnn) and start is not None else start
    if length is None:
        outputs, end = rnn(inputs, states)
        return outputs, last(end)
    counts = length.clamp(1, inputs.shape[1]).cpu()  # blank batches have lengths of 0
    packed = pack_padded_sequence(inputs, counts, batch_first=True, enforce_sorted=False)
    found, end = rnn(packed, states)
    assert isinstance(found, PackedSequence)
    outputs, _ = pad_packed_sequence(found, batch_first=True, total_length=inputs.shape[1])
    return outputs, last(end)


def is_lstm(rnn: nn.RNNBase) -> bool:
    """Say whether the state of a net has two parts."""
    return isinstance(rnn, nn.LSTM)


def last(end: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """Return the hidden part of a state ``(1, B, H)`` as ``(B, H)``."""
    return (end if isinstance(end, Tensor) else end[0])[0]


def turned_round(steps: Tensor, length: Tensor | None) -> Tensor:
    """Return sequences ``(B, T, F)`` from their last step to their first; padding stays."""
    if length is None:
        return steps.flip(1)
    at = torch.arange(steps.shape[1], device=steps.device)
    places = torch.where(at < length[:, None], length[:, None] - 1 - at, at)
    return steps.gather(1, places[..., None].expand_as(steps))


class BackwardRNN(nn.Module):
    """h_t of x_t, x_{t+1}, …, x_length, with a state behind the end that is learned.

    Args:
        input_size: I.
        hidden_size: H.
        cell: Kind of net.
    """

    def __init__(self, input_size: int, hidden_size: int, cell: Cell) -> None:
        super().__init__()
        self.rnn = recurrent(cell, input_size, hidden_size)
        self.start = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, inputs: Tensor, length: Tensor | None) -> Tensor:
        """Map ``(B, T, I)`` to ``(B, T, H)``, 0 behind a sequence's end."""
        start = self.start.expand(1, len(inputs), -1).contiguous()
        outputs, _ = run_over(self.rnn, turned_round(inputs, length), length, start)
        return turned_round(outputs, length)
