"""The linear-Gaussian model, probabilistic PCA, in which everything is known exactly.

p(z) = N(0, I), p(x|z) = N(Wz + b, σ²I), so log p(x) = log N(x; b, WWᵀ + σ²I) and
p(z|x) = N(M⁻¹Wᵀ(x − b), σ²M⁻¹) with M = WᵀW + σ²I.

Reference: Probabilistic Principal Component Analysis (Tipping, Bishop, 1999).
"""

from math import log

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, MultivariateNormal

from vae.distributions import Conditional, FixedScale, Normal, NormalPosterior
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, inverse_soft_bound
from vae.models import VAE
from vae.priors import StandardNormal

SIGMA = 0.5


class ExactPosterior(nn.Module):
    """p(z|x) with its full covariance."""

    def __init__(self, gain: Tensor, offset: Tensor, covariance: Tensor) -> None:
        super().__init__()
        self.gain, self.offset, self.covariance = gain, offset, covariance

    def forward(self, x: Tensor) -> Distribution:
        return MultivariateNormal((x - self.offset) @ self.gain.T, self.covariance)


class LinearGaussian:
    """Exact quantities, and VAEs with the exact and with the best factorised posterior."""

    def __init__(self, data_dim: int = 6, latent_dim: int = 3, *, orthogonal: bool = False) -> None:
        generator = torch.Generator().manual_seed(7)
        w = torch.randn(data_dim, latent_dim, generator=generator, dtype=torch.float64)
        if orthogonal:
            w = torch.linalg.qr(w).Q * torch.tensor([2.0, 1.0, 0.5])[:latent_dim].double()
        self.w = w
        self.b = torch.randn(data_dim, generator=generator, dtype=torch.float64)
        precision = w.T @ w / SIGMA**2 + torch.eye(latent_dim)
        self.covariance = torch.linalg.inv(precision)
        self.gain = self.covariance @ w.T / SIGMA**2
        self.marginal = MultivariateNormal(self.b, w @ w.T + SIGMA**2 * torch.eye(data_dim))
        self.latent_dim, self.data_dim = latent_dim, data_dim

    def log_p(self, x: Tensor) -> Tensor:
        return self.marginal.log_prob(x)

    def posterior(self, x: Tensor) -> Distribution:
        return MultivariateNormal((x - self.b) @ self.gain.T, self.covariance)

    def decoder(self) -> Conditional:
        net = nn.Linear(self.latent_dim, self.data_dim)
        net.weight.data, net.bias.data = self.w.clone(), self.b.clone()
        return Conditional(net, Normal((self.data_dim,), scale=FixedScale(SIGMA)))

    def exact(self) -> VAE:
        encoder = ExactPosterior(self.gain, self.b, self.covariance)
        return VAE(encoder, self.decoder(), StandardNormal((self.latent_dim,)))

    def factorised(self, *, width: float = 1.0) -> VAE:
        """The factorised Gaussian closest to the posterior in KL(q ‖ p), or a wider one.

        One of twice the width has bounded importance weights.
        """
        net = nn.Linear(self.data_dim, 2 * self.latent_dim)
        log_scale = -0.5 * torch.linalg.inv(self.covariance).diagonal().log() + log(width)
        raw = [inverse_soft_bound(s, *LOG_SCALE_BOUNDS) for s in log_scale.tolist()]
        net.weight.data = torch.cat([self.gain, torch.zeros_like(self.gain)])
        net.bias.data = torch.cat([-self.gain @ self.b, torch.tensor(raw)])
        encoder = Conditional(net, NormalPosterior(self.latent_dim))
        return VAE(encoder, self.decoder(), StandardNormal((self.latent_dim,)))
