"""Training steps of one deep Markov model or VRNN: of this project, as a bare loop, and in Pyro.

All contestants of a model hold the same nets. The loop is what one writes by hand for this model
alone: everything that does not have to wait for the step before is computed for all steps at once
in `batched_loop`; `plain_loop` calls each net at each step, as the formulas are written.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils import clip_grad_norm_

from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, soft_bound
from vae.models import DMM, Model
from vae.objectives import ELBO, Progress
from vae.training.step import terms_and_figures

CLIP = 10.0
Batch = dict[str, Tensor]
Step = Callable[[Batch], float]


def finished(model: Model, optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
    """Take the gradient and the optimizer's step."""
    loss.backward()
    clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def adam(model: Model) -> torch.optim.Optimizer:
    """Return the optimizer of all but Pyro."""
    return torch.optim.Adam(model.parameters(), lr=3e-4, betas=(0.96, 0.999), fused=True)


def ours(model: Model) -> Step:
    """Return the step of this project."""
    optimizer, objective = adam(model), ELBO()

    def step(batch: Batch) -> float:
        terms, _ = terms_and_figures(model, objective, batch, Progress())
        return finished(model, optimizer, sum(terms.values(), torch.zeros(())))

    return step


def loop(model: Model, *, batched: bool) -> Step:
    """Return a step written by hand."""
    optimizer = adam(model)
    run = of_chain if isinstance(model, DMM) else of_vrnn

    def step(batch: Batch) -> float:
        return finished(model, optimizer, run(model, batch, batched=batched))

    return step


def halves(params: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log-deviation, in the bounds that ours has."""
    loc, log_scale = params.chunk(2, -1)
    return loc, soft_bound(log_scale, *LOG_SCALE_BOUNDS)


def divergence(q: tuple[Tensor, Tensor], p: tuple[Tensor, Tensor]) -> Tensor:
    """Return the KL of normal distributions, by dimension."""
    d = 2 * (q[1] - p[1])
    return 0.5 * (torch.expm1(d) - d + ((q[0] - p[0]) * (-p[1]).exp()).square())


def loss_of(logits: Tensor, kl: Tensor, batch: Batch) -> Tensor:
    """Return the negative ELBO of an example, of logits ``(B, T, D)`` and KL ``(T, B, L)``."""
    x, steps = batch["x"], batch["x"].shape[1]
    valid = (torch.arange(steps) < batch["length"][:, None]).float()
    error = binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    return ((error + kl.sum(-1).T) * valid).sum() / len(x)


def of_chain(model: Any, batch: Batch, *, batched: bool) -> Tensor:
    """Return the loss of a deep Markov model."""
    x = batch["x"]
    features = model.inference(x, batch["length"]).unbind(1)
    size = (len(x), model.latent_dim)
    before, z = model.start.expand(size), model.posterior_start.expand(size)
    chain, given, q, p = [], [], [], []
    for h in features:
        q.append(halves(model.posterior.net(z, h)))
        given.append(before)
        if not batched:
            p.append(halves(model.transition.net(before)))
        before = z = q[-1][0] + q[-1][1].exp() * torch.randn(size)
        chain.append(z)
    if batched:
        of_p = halves(model.transition.net(torch.stack(given)))
        logits = model.emission.step.net(torch.stack(chain, 1))
    else:
        of_p = joined(p)
        logits = torch.stack([model.emission.step.net(z) for z in chain], 1)
    return loss_of(logits, divergence(joined(q), of_p), batch)


def of_vrnn(model: Any, batch: Batch, *, batched: bool) -> Tensor:
    """Return the loss of a VRNN."""
    x, q, p, states, latents, logits = batch["x"], [], [], [], [], []
    h = model.start.expand(len(x), -1)
    known = model.x_features(x).unbind(1) if batched else None
    for t in range(x.shape[1]):
        features = model.x_features(x[:, t]) if known is None else known[t]
        q.append(halves(model.posterior.net(features, h)))
        z = q[-1][0] + q[-1][1].exp() * torch.randn_like(q[-1][0])
        u = model.z_features(z)
        if not batched:
            p.append(halves(model.prior.net(h)))
            logits.append(model.emission.step.net(u, h))
        states.append(h)
        latents.append(u)
        h = model.cell(features, u, h)
    if not batched:
        return loss_of(torch.stack(logits, 1), divergence(joined(q), joined(p)), batch)
    of_p = halves(model.prior.net(torch.stack(states)))
    both = model.emission.step.net(torch.stack(latents, 1), torch.stack(states, 1))
    return loss_of(both, divergence(joined(q), of_p), batch)


def joined(params: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return parameters of all steps, ``(T, B, L)`` each."""
    return torch.stack([loc for loc, _ in params]), torch.stack([scale for _, scale in params])


def in_pyro(model: Any) -> Step:
    """Return the step of a deep Markov model as Pyro's tutorial writes it, of the same nets.

    Its usual bound takes each KL at a draw, with a noisier gradient; here KLs are in closed form.
    """
    import pyro
    import pyro.distributions as dist
    from pyro.infer import TraceMeanField_ELBO

    def sample(name: str, params: Tensor, valid: Tensor) -> Tensor:
        loc, log_scale = halves(params)
        normal = dist.Normal(loc, log_scale.exp()).mask(valid[:, None]).to_event(1)
        z: Tensor = pyro.sample(name, normal)
        return z

    def joint(x: Tensor, length: Tensor) -> None:
        pyro.module("chain", model)
        z = model.start.expand(len(x), -1)
        with pyro.plate("examples", len(x)):
            for t in pyro.markov(range(x.shape[1])):
                z = sample(f"z_{t}", model.transition.net(z), t < length)
                bits = dist.Bernoulli(logits=model.emission.step.net(z))
                bits = bits.mask((t < length)[:, None]).to_event(1)
                pyro.sample(f"x_{t}", bits, obs=x[:, t])

    def guide(x: Tensor, length: Tensor) -> None:
        pyro.module("chain", model)
        h = model.inference(x, length)
        z = model.posterior_start.expand(len(x), -1)
        with pyro.plate("examples", len(x)):
            for t in pyro.markov(range(x.shape[1])):
                z = sample(f"z_{t}", model.posterior.net(z, h[:, t]), t < length)

    pyro.clear_param_store()
    optimizer, bound = adam(model), TraceMeanField_ELBO()

    def step(batch: Batch) -> float:
        loss = bound.differentiable_loss(joint, guide, batch["x"], batch["length"])
        return finished(model, optimizer, loss / len(batch["x"]))

    return step
