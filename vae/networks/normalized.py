"""Convolutions whose weights are kept at one norm, and their length learned apart."""

__all__ = ["normalized"]

from collections.abc import Callable
from typing import TypeVar

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

M = TypeVar("M", bound=nn.Module)
KINDS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "weight": weight_norm,
    "spectral": spectral_norm,
}


def normalized(net: M, kind: str | None) -> M:
    """Normalise the weight of every convolution of a net that does not start at zero.

    Those that do, which end residual branches, have no direction to keep.

    Args:
        net: Changed in place.
        kind: ``weight`` learns length and direction of each output's weights apart; ``spectral``
            divides the weights by their largest singular value, which bounds the net's slope;
            ``None`` leaves all as they are.

    Raises:
        ValueError: If it is none of them.

    References:
        Weight Normalization (Salimans, Kingma, 2016), 1602.07868.
        Spectral Normalization for Generative Adversarial Networks (Miyato et al., 2018),
        1802.05957.
    """
    if kind is None:
        return net
    if kind not in KINDS:
        raise ValueError(f"normalization must be {', '.join(KINDS)} or null; got {kind}")
    for layer in list(net.modules()):
        if isinstance(layer, nn.Conv1d | nn.Conv2d) and layer.weight.any():
            KINDS[kind](layer)
    return net
