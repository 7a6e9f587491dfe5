"""Self-attention between the pixels of a picture or the samples of a signal."""

__all__ = ["SelfAttention"]

from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from vae.networks.blocks import group_norm, zero_init


@final
class SelfAttention(nn.Module):
    """The residual map y = x + W softmax(q kᵀ / √C) v over positions, the identity at first.

    Its cost grows with the square of the number of positions: use it at the lowest resolution.

    Args:
        channels: Channels of the input, ≥ 1, which one head spans.

    References:
        Attention Is All You Need (Vaswani et al., 2017), arXiv:1706.03762.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = zero_init(nn.Linear(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, *size)`` to the same shape."""
        tokens = self.norm(x).flatten(2).mT
        q, k, v = self.qkv(tokens).chunk(3, dim=-1)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return x + self.project(mixed).mT.reshape(x.shape)
