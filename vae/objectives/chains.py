"""Gradients along the paths by which draws depend on their posteriors, in chains of draws too.

Where a later posterior is made of an earlier draw, holding the parameters of the distributions at
hand is not enough: those of the later ones hang on the earlier draw. There the model is run again
at its own draws as they are, without what they were made of; each then has a slope of its own, and
what they were made of is reached through the draws of the first run.
"""

__all__ = ["along_paths", "at_draws", "is_chain", "log_q_of_draws"]

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vae.distributions import fixed_log_prob
from vae.draws import Replay
from vae.trace import Trace, total, weighed


def is_chain(trace: Trace) -> bool:
    """Say whether a posterior may have been made of an earlier draw.

    Raises:
        ValueError: If the first one was made of samples, which could only be its own.
    """
    if len(trace.latents[0].q.batch_shape) > 1:
        latent = trace.latents[0]
        raise ValueError(
            f"q of {latent.name}, the first latent, has batch shape {tuple(latent.q.batch_shape)}, "
            "as if it depended on its own draw: this estimator needs a latent of its own for each "
            "step of a chain. Use draws.latent once a step, or estimator=pathwise."
        )
    return any(len(latent.q.batch_shape) > 1 for latent in trace.latents[1:])


def at_draws(trace: Trace, *, moving: bool = False, scored: bool = True) -> Trace:
    """Return the trace of the model at the same draws, of which they are leaves.

    Args:
        trace: Of a model.
        moving: Whether gradients of the draws can be asked for.
        scored: Whether priors and likelihoods are made too.

    Raises:
        ValueError: If no model made the trace.
    """
    if trace.rerun is None:
        raise ValueError("the gradient along a chain of draws needs a trace that a Model returned")
    values = {a.name: a.z.detach().requires_grad_(moving) for a in trace.latents}
    draws = Replay(values, priors=scored, likelihoods=scored, num_examples=trace.num_examples)
    trace.rerun(draws)
    again = draws.trace()
    check_alike(trace.log_q, again.log_q)
    return again


def check_alike(before: Tensor, again: Tensor) -> None:
    """Refuse densities that are others when the model is run again at the same draws.

    Looked at on the processor alone: an accelerator would be waited for.

    Raises:
        ValueError: If they are.
    """
    if not before.is_cpu or torch.compiler.is_compiling():
        return
    before, again = before.detach(), again.detach()
    if ((before - again).abs() > 0.1 + 0.01 * before.abs()).any():
        raise ValueError(
            "a posterior is another when the model is run again at the same draws, as it must be "
            "here along a chain of them: its nets draw noise of their own, such as dropout. Leave "
            "that out, or use estimator=pathwise."
        )


def log_q_of_draws(trace: Trace) -> Tensor:
    """Return log q(z|x), ``(K, B)``, whose gradient reaches what z was made of and nothing else.

    References:
        Sticking the Landing (Roeder, Wu, Duvenaud, 2017), 1703.09194.
        Generalized Doubly Reparameterized Gradient Estimators (Bauer, Mnih, 2021), 2101.11046.
    """
    for latent in trace.latents:
        latent.need_draw()
    if not (torch.is_grad_enabled() and is_chain(trace)):
        return total([weighed(fixed_log_prob(a.q, a.z), a.weight) for a in trace.latents])
    again = at_draws(trace, moving=True, scored=False)
    slopes = slopes_of(again.log_q, again)
    path = total([inner(slope, a.z) for slope, a in zip(slopes, trace.latents, strict=True)])
    return again.log_q.detach() + (path - path.detach())


def along_paths(
    weights: Tensor,
    log_w: Tensor,
    trace: Trace,
    again: Callable[[Trace], Tensor] = lambda trace: trace.log_weight,
) -> Tensor:
    """Return 0 with the gradient Σ_k weight_k ∂(log w_k)/∂z_k ∂z_k/∂φ, averaged over examples.

    It reaches what z was made of and nothing else.

    Args:
        weights: ``(K, B)``.
        log_w: ``(K, B)``, a function of z.
        trace: Where z stands.
        again: Returns ``log_w`` of a trace.
    """
    if not any(latent.z.requires_grad for latent in trace.latents):
        return log_w.new_zeros(())  # discrete latents, or a posterior that is not trained
    if is_chain(trace):
        replayed = at_draws(trace, moving=True)
        slopes = slopes_of(again(replayed), replayed)
    else:
        slopes = slopes_of(log_w, trace)
    each = [
        inner(weights.reshape(*weights.shape, *[1] * (a.z.dim() - 2)) * slope, a.z)
        for slope, a in zip(slopes, trace.latents, strict=True)
    ]
    path = total(each).sum(0).mean()
    return path - path.detach()


def slopes_of(value: Tensor, trace: Trace) -> Sequence[Tensor]:
    """Return the slopes of the sum of values along the draws of a trace, zero where it has none."""
    moving = [latent.z for latent in trace.latents if latent.z.requires_grad]
    found = iter(torch.autograd.grad(value.sum(), moving, retain_graph=True, allow_unused=True))
    slopes = []
    for latent in trace.latents:
        slope = next(found) if latent.z.requires_grad else None
        slopes.append(torch.zeros_like(latent.z) if slope is None else slope)
    return slopes


def inner(slope: Tensor, z: Tensor) -> Tensor:
    """Return the inner product over the event, ``(K, B)``."""
    product = slope * z
    return product.flatten(2).sum(2) if product.dim() > 2 else product  # of a scalar variable
