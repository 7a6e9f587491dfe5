"""Missing values drawn given the observed ones, by a Markov chain on the latents."""

__all__ = ["Imputed", "impute"]

from collections.abc import Callable, Iterable
from math import log
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.models import Model


class Imputed(NamedTuple):
    """What the chains of each example found.

    Attributes:
        mean: The example with its missing values replaced by their conditional mean,
            ``(B, *event)``.
        draw: The same with the last draw of the first chain.
        log_density: Log p(missing | observed), ``(B,)`` in nats; ``None`` where p(x|z) does not
            factorise over the values.
        acceptance: Mean share of the proposals that were accepted.
        r_hat: How far the chains of an example disagree, ``(B,)``: 1 if they do not, infinite if
            none has moved; ``None`` of one chain or one step. See `r_hat`.
    """

    mean: Tensor
    draw: Tensor
    log_density: Tensor | None
    acceptance: float
    r_hat: Tensor | None


@torch.no_grad()
def impute(
    model: Model,
    x: Tensor,
    missing: Tensor,
    start: Tensor,
    *,
    chains: int = 1,
    burn_in: int = 20,
    steps: int = 60,
    track: Callable[[Iterable[int]], Iterable[int]] = lambda steps: steps,
) -> Imputed:
    r"""Draw missing values from p(missing | observed) by Metropolis-within-Gibbs.

    In turn x_missing ~ p(x|z), and z' ~ q(z|x) is accepted with probability min(1, w(z') / w(z)),
    :math:`w(z) = p(x, z) / q(z|x)`. In the burn-in every z' is accepted, which is pseudo-Gibbs
    sampling: it moves fast and its limit is biased by q ≠ p(z|x); the accepted chain's is exact.
    The conditional mean is the average of E[x|z] over the steps, and p(missing | observed) that
    of p(missing|z).

    Args:
        model: In evaluation mode, with one latent variable.
        x: Whole examples, ``(B, *event)``; missing ones count in ``log_density`` alone.
        missing: Which values are missing, bool ``(B, *event)``.
        start: What stands in for them at first, ``(*event)``, ``(B, *event)`` or, for each chain
            another, ``(chains, B, *event)``.
        chains: How many for each example, at least 1: one may stay in one mode for long.
        burn_in: Steps of pseudo-Gibbs sampling, ≥ 0.
        steps: Steps that count, at least 1.
        track: Given the steps, gives them back.

    References:
        Stochastic Backpropagation and Approximate Inference in Deep Generative Models (Rezende,
        Mohamed, Wierstra, 2014), 1401.4082: pseudo-Gibbs sampling.
        Leveraging the Exact Likelihood of Deep Latent Variable Models (Mattei, Frellsen, 2018),
        1802.04826: its correction.
    """
    start = start.expand(chains, *x.shape).flatten(0, 1)
    copies = (chains, *[1] * (x.dim() - 1))
    x, missing = x.repeat(copies), missing.repeat(copies)
    filled = torch.where(missing, start, x)
    z = model(filled).latents[0].z[0]
    px = model.decode(z)
    total, accepted = torch.zeros_like(x), 0.0
    seen = torch.zeros_like(model.standardized(x))  # columns of all units count alike in R̂
    squares = torch.zeros_like(seen)
    densities: list[Tensor | None] = []
    for step in track(range(burn_in + steps)):
        filled = torch.where(missing, px.sample(), x)
        trace = model(filled)
        latent = trace.latents[0]
        if step < burn_in:
            z = latent.z[0]
        else:
            log_w = px.log_prob(filled) + latent.p.log_prob(z) - latent.q.log_prob(z)
            better = torch.rand_like(log_w).log() < trace.log_weight[0] - log_w
            z = torch.where(better.view(-1, *[1] * (z.dim() - 1)), latent.z[0], z)
            accepted += better.double().mean().item() / steps
        px = model.decode(z)
        if step >= burn_in:
            total += px.mean / steps
            alike = model.standardized(px.mean)
            seen += alike / steps
            squares += alike.square() / steps
            densities.append(log_density_at(px, x, missing))
    per_chain = (chains, -1)
    first = slice(len(x) // chains)
    mean = torch.where(missing[first], total.unflatten(0, per_chain).mean(0), x[first])
    disagreement = None
    if min(chains, steps) > 1:
        within = (squares - seen.square()).unflatten(0, per_chain)
        disagreement = r_hat(seen.unflatten(0, per_chain), within, missing[first], steps)
    return Imputed(mean, filled[first], average(densities, chains), accepted, disagreement)


def r_hat(means: Tensor, variances: Tensor, missing: Tensor, steps: int) -> Tensor:
    r"""Return the Gelman–Rubin statistic of E[x|z] at each example's missing values, ``(B,)``.

    :math:`\hat R^2 = \frac{n-1}{n} + B / W` with B the variance of the chains' means and W the mean
    of the variances within them, both summed over the missing values.

    Args:
        means: Of each chain over its steps, ``(chains, B, *event)``.
        variances: Within each chain, not corrected, ``(chains, B, *event)``.
        missing: Bool ``(B, *event)``.
        steps: Of each chain, n ≥ 2.

    References:
        Inference from Iterative Simulation Using Multiple Sequences (Gelman, Rubin, 1992).
    """
    share = (steps - 1) / steps
    between = (means.double().var(0) * missing).flatten(1).sum(1)
    within = (variances.double().clamp(min=0).mean(0) / share * missing).flatten(1).sum(1)
    ratio = torch.where(between > 0, between / within, 0.0)
    return (share + ratio).sqrt()


def log_density_at(px: Distribution, x: Tensor, chosen: Tensor) -> Tensor | None:
    """Return the log-density of chosen values, ``(B,)``; ``None`` if they are not independent."""
    if not isinstance(px, Independent) or px.base_dist.event_shape:
        return None
    return (px.base_dist.log_prob(x) * chosen).flatten(1).sum(1)


def average(densities: list[Tensor | None], chains: int) -> Tensor | None:
    """Return the log of the mean density over steps and chains, ``(B,)``, if there is one."""
    known = [density for density in densities if density is not None]
    if not known:
        return None
    log_values = torch.cat([density.double().unflatten(0, (chains, -1)) for density in known])
    return log_values.logsumexp(0) - log(len(log_values))
