"""How many nats of z buy how faithful a reconstruction: codes of a decoder and their best."""

__all__ = ["Curve", "Excess", "excess_rate", "rate_and_distortion", "trace_curve"]

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from vae.distributions import draw
from vae.evaluation.measures.annealing import Stage
from vae.evaluation.measures.importance_weights import effective_sample_size, log_mean_weights
from vae.models import Model
from vae.models.importance import slices
from vae.trace import Latent


class Curve(NamedTuple):
    """Points of the rate–distortion curve of each example.

    Attributes:
        betas: ``(T,)``, rising.
        log_z: Logarithm of the estimated normalising constant of p(z) p(x|z)^β, ``(T, B)``.
        distortion: Mean of −log p(x|z) under that density, ``(T, B)``, nats.
        effective_chains: Effective sample size of the chains, ``(T, B)``.
    """

    betas: Tensor
    log_z: Tensor
    distortion: Tensor
    effective_chains: Tensor

    @property
    def rate(self) -> Tensor:
        """Upper bound, in expectation, of the KL from what the chains draw to p(z), ``(T, B)``."""
        return -self.log_z - self.betas[:, None] * self.distortion


def trace_curve(stages: Iterable[Stage]) -> Curve:
    r"""Return the curve that chains from the prior trace.

    At each β the weighted chains are a code for x. Its distortion is
    :math:`D_β = -\sum_c \tilde w_c \log p(x|z_c)` and its rate at most
    :math:`-\log \hat Z_β - β D_β` in expectation.

    Args:
        stages: Of `anneal`, with the prior as start and log p(x|z) as ``log_ratio``.

    References:
        Evaluating Lossy Compression Rates of Deep Generative Models (Huang, Makhzani, Cao, Grosse,
        2020), 2008.06653.
    """
    betas, columns = [], []
    for stage in stages:
        share = stage.log_w.softmax(0)
        betas.append(stage.beta)
        distortion = -(share * stage.log_ratio.double()).sum(0)
        log_z = log_mean_weights(stage.log_w, len(stage.log_w))
        columns.append(torch.stack([log_z, distortion, effective_sample_size(stage.log_w)]))
    log_z, distortion, effective = torch.stack(columns, 1)
    betas_of = torch.tensor(betas, dtype=torch.float64, device=log_z.device)
    return Curve(betas_of, log_z, distortion, effective)


class Excess(NamedTuple):
    """How far a model's posterior lies above the curve of its decoder.

    Attributes:
        beta: Minus the slope of the curve, where it is as faithful as the model.
        each: The excess per example, ``(B,)``; its mean is at least 0 but for noise.
    """

    beta: float
    each: Tensor


def excess_rate(curve: Curve, rate: Tensor, distortion: Tensor) -> Excess | None:
    r"""Return by how much a code's mean rate exceeds the curve at its mean distortion.

    The curve is convex with slope −β, so that the excess is
    :math:`\min_β E[R + βD + \log Z_β]`, and at β = 1 the gap of the ELBO.

    Args:
        curve: Of the decoder.
        rate: Of the code for each example, ``(B,)``, nats.
        distortion: Likewise.

    Returns:
        ``None`` where the code is more faithful than the curve's last point.
    """
    each = rate + curve.betas[:, None] * distortion + curve.log_z
    best = int(each.mean(1).argmin())
    if best == len(each) - 1:
        return None
    return Excess(curve.betas[best].item(), each[best])


@torch.no_grad()
def rate_and_distortion(
    model: Model, x: Tensor, *, num_samples: int, max_rows: int = 4096
) -> tuple[Tensor, Tensor]:
    """Return KL(q ‖ p) and −E_q log p(x|z) of each example, ``(B,)`` each, nats.

    Args:
        model: In evaluation mode, of one latent variable.
        x: ``(B, *event)``.
        num_samples: Draws of z per example, at least 1.
        max_rows: How many latents are decoded at once, which bounds the memory; the draws do not
            depend on it.

    References:
        Fixing a Broken ELBO (Alemi et al., 2018), 1711.00464.
    """
    p, rates, distortions = model(x[:1]).latents[0].p, [], []
    for part in x.split(max(1, model.drawn_at_once // num_samples)):
        q = model.encode(part)
        z, log_q = draw(q, num_samples)
        rates.append(Latent("z", q, p, z, log_q).kl.double().mean(0))
        log_px = part.new_empty(z.shape[:2])
        for k, b in slices(num_samples, len(part), max_rows):
            log_px[k, b] = model.decode(z[k, b]).log_prob(part[b])
        distortions.append(-log_px.double().mean(0))
    return torch.cat(rates), torch.cat(distortions)
