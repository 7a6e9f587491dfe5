"""Whether a fit can be trusted, and what to try where it cannot."""

__all__ = ["Diagnosis", "diagnose", "khat_threshold"]

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, log, log10

import torch
from torch import Tensor, nn
from torch.distributions import constraints

from vae.evaluation.measures.importance_weights import FEWEST, effective_sample_size, pareto_k
from vae.inference.convergence import SEEN, Convergence, judge_trace
from vae.inference.families import Flow, FullRank, LowRank, MeanField, Mixture
from vae.inference.space import Space
from vae.supports import same_support

RICHER: Mapping[type[nn.Module], str] = {  # by family, what holds more posteriors
    MeanField: 'posterior="full_rank" or "flow"',
    LowRank: 'a larger rank, posterior="full_rank" or "flow"',
    FullRank: 'posterior="flow"',
    Mixture: 'more components, posterior="flow"',
    Flow: "a flow of more or wider transforms",
}
SLOWER = "train with a lower learning rate"
CLOSE = 0.02  # nats of KL(q ‖ p), below which no tail of the weights matters
HALF = 0.5  # and below which q is another distribution than the posterior
SCALES = (constraints.positive, constraints.nonnegative)


@dataclass(frozen=True)
class Diagnosis:
    """What a run and the importance weights of its fit say.

    Attributes:
        khat: Pareto k̂ of the weights p(x, u) / q(u); −∞ where they are all alike, +∞ where one is
            not finite, NaN of fewer than 25.
        threshold: Above which k̂ says that so many weights do not suffice.
        ess: Effective sample size of the weights, from 1 to S; NaN where one is not finite.
        num_samples: S.
        convergence: How the trace of the ELBO ends.
        kl: KL(q ‖ posterior) as the weights tell it, the log of their mean less the mean of their
            logs, nats.
        trusted: Whether the run has converged, k̂ is at most its threshold and at least half of the
            draws are effective, or the KL is below 0.02 nats.
        sentence: When not to trust the fit, and what to try.
    """

    khat: float
    threshold: float
    ess: float
    kl: float
    num_samples: int
    convergence: Convergence
    trusted: bool
    sentence: str

    @property
    def converged(self) -> bool:
        """Whether the ELBO has levelled off."""
        return self.convergence.converged

    def __str__(self) -> str:
        """Return the sentence."""
        return self.sentence


def khat_threshold(num_samples: int) -> float:
    r"""Return :math:`\min(1 - 1/\log_{10} S,\ 0.7)`, above which S weights do not suffice.

    References:
        Pareto Smoothed Importance Sampling (Vehtari, Simpson, Gelman, Yao, Gabry, 2024),
        1507.02646.

    Example:
        >>> [round(khat_threshold(n), 3) for n in (100, 1000, 10_000)]
        [0.5, 0.667, 0.7]
    """
    return min(1 - 1 / log10(max(num_samples, 2)), 0.7)


def diagnose(
    log_w: Tensor,
    elbo_trace: Tensor,
    elbo_errors: Tensor | None = None,
    *,
    space: Space | None = None,
    family: nn.Module | None = None,
) -> Diagnosis:
    """Judge a fit by its importance weights and by how its run ended.

    A small k̂ says that q is wide enough wherever its own draws go. It does not see a mode that no
    draw reaches, and of many dimensions it grows though each marginal may be right. Of weights that
    are nearly even it says nothing: a single draw in a tail that holds no mass makes it large, and
    the share of effective draws small, but leaves the KL as it is. A q too narrow by a third has a
    small k̂, too, but few effective draws.

    Args:
        log_w: log p(x, u) − log q(u) of draws of q, with all data, ``(S,)``.
        elbo_trace: Estimates of the ELBO of all data along the run, ``(V,)``, nats.
        elbo_errors: Their Monte Carlo standard errors, ``(V,)``.
        space: Of the latents: those that are positive may be scales of others; ``None`` of one
            real.
        family: Of q: what to try depends on it.

    References:
        Yes, but Did It Work?: Evaluating Variational Inference (Yao, Vehtari, Simpson, Gelman,
        2018), 1802.02538.
        Pareto Smoothed Importance Sampling (Vehtari, Simpson, Gelman, Yao, Gabry, 2024),
        1507.02646.
    """
    log_w = log_w.detach()
    convergence = judge_trace(elbo_trace, elbo_errors, dim=1 if space is None else space.dim)
    num_samples, threshold = len(log_w), khat_threshold(len(log_w))
    bad = int((~log_w.isfinite()).sum())
    khat = inf if bad else pareto_k(log_w[:, None]).item()
    ess = torch.nan if bad else effective_sample_size(log_w[:, None]).item()
    share = ess / num_samples
    kl = torch.nan if bad else (log_w.logsumexp(0) - log(num_samples) - log_w.mean()).item()
    if bad:
        weights = f"{bad} of its {num_samples:,} importance weights are not finite"
    elif num_samples < FEWEST:
        weights = f"its weights are judged from {FEWEST} on, and there are {num_samples}"
    elif kl <= CLOSE:
        weights = f"its {num_samples:,} weights are even (KL(q ‖ p) about {kl:.1g} nats)"
    else:
        side = "at most" if khat <= threshold else "above"
        weights = f"k̂ = {khat:.2f} is {side} {threshold:.2f}, the limit of {num_samples:,} weights"
    good = num_samples >= FEWEST and (kl <= CLOSE or khat <= threshold)
    near = kl <= CLOSE or share >= HALF
    sentence = said(convergence, weights, bad > 0, good, advice(family, space))
    if convergence.converged and good and not near:
        sentence = (
            f"Do not trust the draws as they are: {weights}, but only {share:.0%} of them are "
            "effective, so that q is not the posterior; weigh them by fit.log_weights, or try "
            f"{advice(family, space)}."
        )
    trusted = convergence.converged and good and near
    return Diagnosis(khat, threshold, ess, kl, num_samples, convergence, trusted, sentence)


def said(convergence: Convergence, weights: str, broken: bool, good: bool, tries: str) -> str:
    """Return the sentence of a diagnosis."""
    ended = f"the ELBO {convergence.text}"
    if broken:
        return (
            f"Do not trust the fit: {weights}, so that q reaches where the log-joint is zero or "
            "cannot be computed; look there for logarithms, divisions and supports."
        )
    longer = "train longer" if convergence.gain > 0 or convergence.short else SLOWER
    if not convergence.converged and (good or abs(convergence.gain) > SEEN or convergence.short):
        also = "" if good else f" (for the moment {weights})"
        return f"Do not trust the fit yet: {ended}; {longer}{also}."
    if not convergence.converged:
        return f"Do not trust the fit: {ended}, and {weights}; {longer}, or try {tries}."
    if not good:
        rises = convergence.blind or convergence.gain > 3 * convergence.error
        first = f"{longer}, or " if rises else ""
        return f"Do not trust the fit: {ended}, but {weights}; {first}try {tries}."
    return (
        f"Trust the fit as far as its draws reach: {ended} and {weights}; a mode that none of them "
        "visits would not show, so start it or a chain elsewhere where there may be several."
    )


def advice(family: nn.Module | None, space: Space | None) -> str:
    """Return what may fit where this family does not."""
    kind = next((kind for kind in RICHER if isinstance(family, kind)), MeanField)
    if space is not None and space.dim == 1 and kind in (MeanField, LowRank):
        kind = FullRank  # which is the same of one dimension
    scales = [] if space is None else scales_of_others(space)
    centred = f"a non-centred form of latents whose scale is {' or '.join(scales)}, "
    return f"{RICHER[kind]}, {centred if scales else ''}or vae.mcmc.nuts started from fit.q"


def scales_of_others(space: Space) -> list[str]:
    """Return the latents that may be scales of further ones, of which it takes several values.

    Beside a single value a scale is that of the data.
    """
    scales = [k for k, s in space.supports.items() if any(same_support(s, p) for p in SCALES)]
    sizes = zip(space.names, space.sizes, strict=True)
    others = sum(size for name, size in sizes if name not in scales)
    return scales if others > 1 else []
