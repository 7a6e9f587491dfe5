"""Log-joints whose posteriors are known."""

import torch
from torch.distributions import HalfCauchy, Normal, constraints

WIDE = torch.float64
EFFECTS = torch.tensor([28.0, 8, -3, 7, -1, 1, 18, 12], dtype=WIDE)
ERRORS = torch.tensor([15.0, 10, 16, 11, 9, 11, 10, 18], dtype=WIDE)
SCHOOLS = {
    "mu": constraints.real,
    "tau": constraints.positive,
    "z": (constraints.real, (8,)),
}


class Regression:
    """y = X w + 0.5 ε with w ~ N(0, 2²): the posterior N(mean, precision⁻¹) is known."""

    def __init__(self, n=60, dim=3):
        generator = torch.Generator().manual_seed(0)
        mixing = torch.eye(dim, dtype=WIDE) + 0.5 * torch.ones(dim, dim, dtype=WIDE).triu(1)
        self.x = torch.randn(n, dim, generator=generator, dtype=WIDE) @ mixing
        self.y = self.x.sum(1) + 0.5 * torch.randn(n, generator=generator, dtype=WIDE)
        self.latents = {"w": (constraints.real, (dim,))}
        self.data = {"x": self.x, "y": self.y}
        self.precision = self.x.T @ self.x / 0.25 + torch.eye(dim, dtype=WIDE) / 4
        self.mean = torch.linalg.solve(self.precision, self.x.T @ self.y / 0.25)

    @staticmethod
    def log_prior(w):
        return Normal(0.0, 2.0).log_prob(w).sum()

    @staticmethod
    def log_likelihood(batch, w):
        return Normal(batch["x"] @ w, 0.5).log_prob(batch["y"])

    def log_joint(self, w):
        return self.log_prior(w) + self.log_likelihood(self.data, w).sum()

    @property
    def log_evidence(self):
        covariance = 4 * self.x @ self.x.T + 0.25 * torch.eye(len(self.y), dtype=WIDE)
        zeros = torch.zeros_like(self.y)
        return torch.distributions.MultivariateNormal(zeros, covariance).log_prob(self.y)


def schools(mu, tau, z):
    """Eight schools, non-centred."""
    prior = Normal(0.0, 5.0).log_prob(mu) + HalfCauchy(5.0).log_prob(tau)
    likelihood = Normal(mu + tau * z, ERRORS).log_prob(EFFECTS)
    return prior + Normal(0.0, 1.0).log_prob(z).sum() + likelihood.sum()


def exact_schools():
    """Mean and standard deviation of μ and of log τ, by quadrature over log τ."""
    log_tau = torch.linspace(-14, 7, 20001, dtype=WIDE)
    tau = log_tau.exp()
    variance = ERRORS**2 + tau[:, None] ** 2
    precision = (1 / variance).sum(1) + 1 / 25
    mean = (EFFECTS / variance).sum(1) / precision
    log_p = -0.5 * (variance.log() + EFFECTS**2 / variance).sum(1)
    log_p = log_p + 0.5 * (mean**2 * precision - precision.log())
    weights = (log_p + HalfCauchy(5.0).log_prob(tau) + log_tau).softmax(0)
    found = {}
    for name, first, second in (
        ("mu", mean, mean**2 + 1 / precision),
        ("log_tau", log_tau, log_tau**2),
    ):
        center = (weights * first).sum()
        found[name] = center, ((weights * second).sum() - center**2).sqrt()
    return found


def banana(x):
    """N(0, 1) times N(x₁; x₀², 0.3²), a crescent of known moments; it is normalised."""
    return Normal(0.0, 1.0).log_prob(x[0]) + Normal(x[0] ** 2, 0.3).log_prob(x[1])
