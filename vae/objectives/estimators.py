"""Gradient estimators: how the gradient of a bound reaches the posterior.

A bound is a function of the log-weights log w = log p(x, z) − log q(z|x), ``(K, B)``. Its gradient
with respect to the generative model is the same for all of them; they differ in what they do about
the posterior, from which z was drawn. All have the same expectation.
"""

__all__ = [
    "DReG",
    "Estimator",
    "Pathwise",
    "ScoreFunction",
    "StickTheLanding",
    "average",
    "slope",
]

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from vae.objectives.chains import along_paths, at_draws, is_chain, log_q_of_draws
from vae.trace import Latent, Trace, total, weighed

Reducer = Callable[[Tensor], Tensor]  # log-weights (*lead, K, B) to bounds (*lead, B)


def average(log_w: Tensor) -> Tensor:
    """Return the mean over samples, which makes log-weights the ELBO."""
    return log_w.mean(-2)


class Estimator(ABC):
    """How the gradient of a bound reaches the posterior.

    Attributes:
        corrects_average: Whether the mean of the log-weights needs a `correction` too.
    """

    corrects_average = False

    def taken(self, trace: Trace) -> Trace:
        """Return the trace that the bound is to be made of."""
        return trace

    @abstractmethod
    def log_q(self, trace: Trace) -> Tensor:
        """Return log q(z|x), ``(K, B)``, with the gradient that it is to have."""

    def kl(self, trace: Trace) -> Tensor:
        """Return KL(q ‖ p), ``(K, B)``, or an unbiased estimate of it."""
        return self.log_q(trace) - trace.log_p

    @abstractmethod
    def correction(self, bound: Reducer, log_w: Tensor, trace: Trace) -> Tensor | None:
        """Return what, added to ``bound(log_w).mean()``, makes its gradient right.

        Args:
            bound: Log-weights to a bound per example.
            log_w: ``(K, B)``, log p(x|z) − `kl`.
            trace: Where they come from.

        Returns:
            A scalar of value 0, or ``None`` if the gradient is right as it is.

        Raises:
            ValueError: If the estimator does not fit the bound or the number of samples.
        """

    def weights(self, bound: Reducer, log_w: Tensor, trace: Trace) -> Tensor:
        """Return the weights, ``(K, B)``, of the samples' gradients in the posterior's.

        Raises:
            ValueError: If there are no such weights.
        """
        raise ValueError(
            f"{type(self).__name__} cannot serve two bounds at once. "
            "Use estimator=pathwise or estimator=dreg."
        )


class Pathwise(Estimator):
    """The gradient through z = g(ε, φ), the reparameterization trick.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
    """

    def log_q(self, trace: Trace) -> Tensor:
        """Return log q(z|x), ``(K, B)``."""
        check_paths(self, trace)
        return trace.log_q

    def kl(self, trace: Trace) -> Tensor:
        """Return KL(q ‖ p), ``(K, B)``, in closed form where there is one."""
        check_paths(self, trace)
        return trace.kl

    def correction(self, bound: Reducer, log_w: Tensor, trace: Trace) -> None:
        """Return nothing."""

    def weights(self, bound: Reducer, log_w: Tensor, trace: Trace) -> Tensor:
        """Return the derivative of the bound by each log-weight, ``(K, B)``."""
        return slope(bound, log_w)


class StickTheLanding(Estimator):
    """The pathwise gradient of the ELBO without the score of q, whose expectation is zero.

    The KL is the sampled one, log q − log p: as q nears the true posterior the variance of the
    gradient falls to zero. Of a bound with several weights to a logarithm it would be biased.

    References:
        Sticking the Landing (Roeder, Wu, Duvenaud, 2017), 1703.09194.
    """

    def log_q(self, trace: Trace) -> Tensor:
        """Return log q(z|x), ``(K, B)``, whose gradient reaches z alone."""
        check_paths(self, trace)
        return log_q_of_draws(trace)

    def correction(self, bound: Reducer, log_w: Tensor, trace: Trace) -> None:
        """Return nothing, after a look at the bound.

        Raises:
            ValueError: If the bound is not the mean of the log-weights.
        """
        if bound is not average:
            raise ValueError(
                "sticking the landing is biased for bounds of several samples. "
                "Use estimator=dreg, or objective=elbo."
            )


class DReG(Estimator):
    r"""The doubly reparameterized gradient, of any bound.

    With :math:`f` the bound, the posterior's gradient is
    :math:`\sum_k (f'_k - f''_{kk})\,∂_{z_k} \log w_k\,∂_φ z_k`, where the derivatives of f are by
    the log-weights: for the IWAE bound the squares of the normalised weights, for the ELBO that
    of sticking the landing. It keeps its signal as K grows, where the pathwise one drowns.

    References:
        Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives
        (Tucker et al., 2019), 1810.04152.
        Tighter Variational Bounds are Not Necessarily Better (Rainforth et al., 2018), 1802.04537.
    """

    def log_q(self, trace: Trace) -> Tensor:
        """Return log q(z|x), ``(K, B)``, whose gradient reaches z alone."""
        check_paths(self, trace)
        return log_q_of_draws(trace)

    def correction(self, bound: Reducer, log_w: Tensor, trace: Trace) -> Tensor | None:
        """Return 0 with the gradient that takes ``f''`` off the path through z."""
        if not torch.is_grad_enabled():
            return None
        return along_paths(-curvature(bound, log_w), log_w, trace)

    def weights(self, bound: Reducer, log_w: Tensor, trace: Trace) -> Tensor:
        """Return ``f' − f''``, ``(K, B)``."""
        return slope(bound, log_w) - curvature(bound, log_w)


class ScoreFunction(Estimator):
    r"""The score-function gradient with a leave-one-out baseline, for any posterior.

    The posterior's gradient is :math:`\sum_k (L - L_{-k})\,∂_φ \log q(z_k|x)`, where in
    :math:`L_{-k}` the weight of sample k is replaced by the geometric mean of the others. For
    the ELBO this is REINFORCE leave-one-out (RLOO), for the IWAE bound it is VIMCO. It needs no
    `rsample`, so that latents may be discrete, and at least two samples.

    References:
        Variational Inference for Monte Carlo Objectives (Mnih, Rezende, 2016), 1602.06725.
        Buy 4 REINFORCE Samples, Get a Baseline for Free! (Kool, van Hoof, Welling, 2019), ICLR
        workshop on Deep Reinforcement Learning Meets Structured Prediction.
    """

    corrects_average = True

    def taken(self, trace: Trace) -> Trace:
        """Return the trace without the paths on which later posteriors depend on earlier draws.

        Raises:
            ValueError: If examples share a latent variable.
        """
        if any(latent.shared for latent in trace.latents):
            raise ValueError(
                "the score-function estimator needs latents that each example has for itself. "
                "Use estimator=pathwise."
            )
        moves = any(latent.z.requires_grad for latent in trace.latents)
        return at_draws(trace) if moves and is_chain(trace) else trace

    def log_q(self, trace: Trace) -> Tensor:
        """Return log q(z|x), ``(K, B)``, whose gradient does not go through z."""
        return total([weighed(a.q.log_prob(a.z.detach()), a.weight) for a in trace.latents])

    def kl(self, trace: Trace) -> Tensor:
        """Return KL(q ‖ p), ``(K, B)``, in closed form where there is one."""
        return total([self.kl_of(latent) for latent in trace.latents])

    def kl_of(self, latent: Latent) -> Tensor:
        """Return the KL of one variable."""
        if latent.closed_kl is not None:
            return latent.closed_kl.expand(latent.z.shape[:2])
        return weighed(latent.q.log_prob(latent.z.detach()), latent.weight) - latent.log_p

    def correction(self, bound: Reducer, log_w: Tensor, trace: Trace) -> Tensor | None:
        """Return 0 with the gradient of the score in place of that through z.

        Raises:
            ValueError: If there is only one sample.
        """
        if len(log_w) < 2:
            raise ValueError(
                "the score-function estimator needs a second sample as baseline. "
                "Use objective.num_samples=2 or more."
            )
        if not torch.is_grad_enabled():
            return None
        signal = leave_one_out(bound, log_w.detach())
        score = (signal * self.log_q(trace)).sum(0).mean()
        return score - score.detach() + along_paths(-slope(bound, log_w), log_w, trace)


def check_paths(estimator: Estimator, trace: Trace) -> None:
    """Refuse a posterior through whose draws no gradient can go.

    Raises:
        ValueError: Naming it.
    """
    if not torch.is_grad_enabled():
        return
    for latent in trace.latents:
        if not latent.q.has_rsample and latent.log_q.requires_grad:
            raise ValueError(
                f"{type(estimator).__name__} needs a posterior with rsample; got "
                f"{latent.q}. Use estimator=score with objective.num_samples=2 or more."
            )


def slope(bound: Reducer, log_w: Tensor) -> Tensor:
    """Return the derivative of each example's bound by its log-weights, ``(K, B)``."""
    return torch.func.grad(lambda weights: bound(weights).sum())(log_w.detach())


def curvature(bound: Reducer, log_w: Tensor) -> Tensor:
    """Return the second derivative of each example's bound by each log-weight, ``(K, B)``."""

    def scalar(column: Tensor) -> Tensor:
        return bound(column[:, None]).sum()

    # Twice in reverse: `hessian` goes forward, is slower here, and warns on its first use.
    hessian = torch.func.jacrev(torch.func.jacrev(scalar))
    return torch.func.vmap(hessian)(log_w.detach().T).diagonal(dim1=-2, dim2=-1).T


def leave_one_out(bound: Reducer, log_w: Tensor) -> Tensor:
    """Return what each sample adds to a bound if the others' mean stands in for it, ``(K, B)``."""
    num_samples = len(log_w)
    others = (log_w.sum(0) - log_w) / (num_samples - 1)
    mask = torch.eye(num_samples, dtype=torch.bool, device=log_w.device)
    replaced = torch.where(mask[..., None], others, log_w)  # (K, K, B)
    return bound(log_w) - bound(replaced)
