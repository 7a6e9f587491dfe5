r"""Chains that follow noisy gradients: Langevin dynamics, with and without momentum.

One convention for both: a step of size ε moves by a drift of ε ∇log p and a noise of variance 2ε.
Welling & Teh write ε/2 and ε for the same; a step size of theirs is twice one of these.
"""

__all__ = ["sghmc", "sgld"]

from torch import Tensor
from torch.distributions import Distribution

from vae.inference.markov_chains import Chains
from vae.inference.target import Target
from vae.mcmc.walking import Plan, walked


def sgld(
    target: Target,
    start: Tensor | Distribution,
    *,
    step_size: float | None = None,
    num_samples: int = 1000,
    warmup_steps: int = 1000,
    thin: int = 1,
    num_chains: int | None = None,
    batch_size: int | None = None,
    scale: Tensor | None = None,
    seed: int = 0,
) -> Chains:
    r"""Draw by stochastic gradient Langevin dynamics, all chains at once.

    .. math:: u' = u + ε \nabla \log \hat p(u) + \sqrt{2 ε}\, ξ, \quad ξ \sim N(0, 1)

    No step is rejected, so that the draws are those of a slightly wider density: of N(0, 1/λ)
    their variance is :math:`1 / (λ (1 - ελ/2))`, and there is none from ελ = 2 on. Gradients of
    mini-batches add ε²/2ε = ε/2 times their own variance to the noise.

    Args:
        target: The density, of one latent vector in unconstrained space.
        start: A fit's q, of which every chain takes a draw; or points ``(C, D)``, or one ``(D,)``.
        step_size: ε; by default that which makes the variance 5 % too wide where the
            curvature is largest. Of mini-batches take less.
        num_samples: S, draws that each chain keeps.
        warmup_steps: Steps before the first of them.
        thin: Steps from one to the next.
        num_chains: C, by default 4, or as many as there are points.
        batch_size: Rows of each gradient, drawn with replacement and by each chain for itself;
            ``None`` takes all data.
        scale: ``(D,)``, standard deviations such as ``fit.q.stddev``: the dynamics run in
            u / scale, where one step suits all coordinates.
        seed: Of the chains; equal arguments give equal draws, and the global random state is
            not read.

    Returns:
        The draws, which follow the posterior as ε → 0.

    Raises:
        ValueError: If the step is so large that the chains would run off, or they did.

    References:
        Bayesian Learning via Stochastic Gradient Langevin Dynamics (Welling, Teh, 2011).
    """
    plan = Plan(step_size, 1.0, num_samples, warmup_steps, thin, batch_size, scale, seed)
    draws = walked(target, start, num_chains, plan)
    return Chains(target.space, draws, "SGLD")


def sghmc(
    target: Target,
    start: Tensor | Distribution,
    *,
    step_size: float | None = None,
    friction: float = 0.1,
    num_samples: int = 1000,
    warmup_steps: int = 1000,
    thin: int = 1,
    num_chains: int | None = None,
    batch_size: int | None = None,
    scale: Tensor | None = None,
    seed: int = 0,
) -> Chains:
    r"""Draw by stochastic gradient Hamiltonian Monte Carlo, all chains at once.

    .. math::

        v' = (1 - α) v + ε \nabla \log \hat p(u) + \sqrt{2 α ε}\, ξ, \qquad u' = u + v'

    With friction α = 1 this is `sgld`; with less, the velocity v remembers 1/α steps, and a step
    takes the chain farther. Of N(0, 1/λ) the variance of the draws is
    :math:`1 / (λ (1 - ελ / (4 - 2α)))`, and there is none from ελ = 4 − 2α on: any friction in
    (0, 1] is stable at twice the step of `sgld`, or nearly, since u moves with the new velocity
    rather than the old.

    Args:
        target: As of `sgld`.
        start: As of `sgld`.
        step_size: ε, as of `sgld`.
        friction: α, in (0, 1].
        num_samples: As of `sgld`.
        warmup_steps: As of `sgld`.
        thin: As of `sgld`.
        num_chains: As of `sgld`.
        batch_size: As of `sgld`; the gradients' own variance V adds ε²V to the noise 2αε, so that
            less friction asks for smaller steps.
        scale: As of `sgld`.
        seed: As of `sgld`.

    Returns:
        The draws, which follow the posterior as ε → 0.

    Raises:
        ValueError: If the step is so large that the chains would run off, or they did; or if the
            friction is out of range.

    References:
        Stochastic Gradient Hamiltonian Monte Carlo (Chen, Fox, Guestrin, 2014), 1402.4102, whose η
        and α these are (equation 15), with the velocity renewed first.
    """
    if not isinstance(friction, int | float) or not 0 < friction <= 1:
        raise ValueError(f"friction must be above 0 and at most 1; got {friction!r:.60}")
    plan = Plan(step_size, friction, num_samples, warmup_steps, thin, batch_size, scale, seed)
    draws = walked(target, start, num_chains, plan)
    return Chains(target.space, draws, "SGHMC")
