"""A linear-Gaussian hierarchy of L levels of three latents, in which everything is known exactly.

z_L ~ N(0, I), z_i ~ N(a_i z_{i+1}, s_i), x ~ N(w z_1, σ²), dimension by dimension. Its posterior is
a chain of normal distributions upwards, q(z_1|x) q(z_2|z_1) …, and one downwards, in which what x
says of a level alone is merged with the prior: both models can say it.
"""

__all__ = ["SIGMA", "SIZE", "hierarchy", "set_weights"]

import torch
from torch import nn
from torch.distributions import Independent, Normal

from tests.compose import settings_of
from vae.build import build_model
from vae.data import DataSpec
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, inverse_soft_bound

SIZE, SIGMA = 3, 0.5
SPEC = DataSpec("linear", (SIZE,), "real")


def hierarchy(kind, levels):
    """Return a model with the exact posterior, built of its config, and log p(x)."""
    generator = torch.Generator().manual_seed(levels)
    a, s = 0.5 + torch.rand(2, levels - 1, SIZE, generator=generator)
    w = 0.5 + torch.rand(SIZE, generator=generator)
    model = build_model(settings_of(f"model={kind}", *overrides(kind, levels)), SPEC).eval()
    set_weights(model.decoder, w)
    for down, slope, variance in zip(model.downs, a, s, strict=True):
        set_weights(down, slope, variance)
    marginal = [torch.ones(SIZE)]  # variances of z_L, …, z_1
    for slope, variance in zip(a.flip(0), s.flip(0), strict=True):
        marginal.append(slope**2 * marginal[-1] + variance)
    of_x = w**2 * marginal[-1] + SIGMA**2
    if kind == "hvae":
        v = marginal[::-1]
        set_weights(model.encoder, w * v[0] / of_x, v[0] * SIGMA**2 / of_x)
        for i, up in enumerate(model.ups):
            set_weights(up, a[i] * v[i + 1] / v[i], v[i + 1] * s[i] / v[i])
    else:
        set_estimates(model, w, a, s)
    return model, Independent(Normal(torch.zeros(SIZE), of_x.sqrt()), 1).log_prob


def overrides(kind, levels):
    """Return the settings of linear nets."""
    own = [f"model.num_features={SIZE}"] if kind == "ladder" else []
    nets = ["model.encoder.hidden=[]", "model.between.hidden=[]", "likelihood=normal"]
    dims = [f"model.latent_dim={SIZE}", f"model.lower_dims={[SIZE] * (levels - 1)}"]
    return [*nets, *dims, *own, f"likelihood.scale.sigma={SIGMA}"]


def set_estimates(model, w, a, s):
    """Let each estimate be what x, a sum of c z_i and noise of variance n, says of z_i."""
    c, n = w, torch.full((SIZE,), SIGMA**2)
    for i, (feature, estimate) in enumerate(zip(model.features, model.estimates, strict=True)):
        set_weights(feature, torch.ones(SIZE))
        if i == len(a):  # the highest, of which the prior is N(0, I)
            set_weights(estimate, c / (c**2 + n), n / (c**2 + n))
        else:
            set_weights(estimate, 1 / c, n / c**2)
            c, n = c * a[i], n + c**2 * s[i]


def set_weights(part, slope, variance=None):
    """Let a linear net multiply by a slope, and what it feeds have a variance."""
    (net,) = (layer for layer in part.modules() if isinstance(layer, nn.Linear))
    bias = torch.zeros(len(net.bias))
    if variance is not None:
        raw = [inverse_soft_bound(v, *LOG_SCALE_BOUNDS) for v in (0.5 * variance.log()).tolist()]
        bias[SIZE:] = torch.tensor(raw)
    net.weight.data.zero_()
    net.weight.data[:SIZE] = slope.diag()
    net.bias.data = bias
