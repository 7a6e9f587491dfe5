"""p(z_t | z_{t−1}) and q(z_t | z_{t−1}, h_t) of the deep Markov model, as nets."""

__all__ = ["Combiner", "GatedTransition"]

import torch
from torch import Tensor, nn


class GatedTransition(nn.Module):
    r"""The gated transition: :math:`μ = (1 - g) ⊙ W z + g ⊙ h(z)`, with log σ from relu(h).

    g is the gate, h the proposal, nets of one hidden layer each; W starts as the identity.

    Args:
        latent_dim: D, at least 1.
        hidden: Width of the hidden layers, at least 1.
    """

    def __init__(self, latent_dim: int, hidden: int) -> None:
        super().__init__()
        # Hidden layers of gate and proposal side by side, which is one matrix product.
        self.hidden = nn.Linear(latent_dim, 2 * hidden)
        self.gate = nn.Linear(hidden, latent_dim)
        self.proposal = nn.Linear(hidden, latent_dim)
        self.linear = nn.Linear(latent_dim, latent_dim)
        self.log_scale = nn.Linear(latent_dim, latent_dim)
        nn.init.eye_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, z: Tensor) -> Tensor:
        """Map ``(*lead, D)`` to μ and raw log σ side by side, ``(*lead, 2D)``."""
        of_gate, of_proposal = self.hidden(z).relu().chunk(2, -1)
        proposal = self.proposal(of_proposal)
        loc = torch.lerp(self.linear(z), proposal, self.gate(of_gate).sigmoid())
        return torch.cat([loc, self.log_scale(proposal.relu())], -1)


class Combiner(nn.Module):
    r"""The parameters of q from :math:`\frac12(\tanh(W z_{t-1}) + h_t)`.

    Args:
        latent_dim: D, at least 1.
        features: Width of h, at least 1.
        out_size: How many parameters.
    """

    def __init__(self, latent_dim: int, features: int, out_size: int) -> None:
        super().__init__()
        self.latent = nn.Linear(latent_dim, features)
        self.out = nn.Linear(features, out_size)

    def forward(self, z: Tensor, h: Tensor) -> Tensor:
        """Map ``(*lead, D)`` and ``(B, H)`` to ``(*lead, out_size)``."""
        combined: Tensor = self.out(0.5 * (self.latent(z).tanh() + h))
        return combined
