"""The ELBO of a posterior that is a mixture, by draws of every component instead of one."""

__all__ = ["StratifiedELBO"]

from torch import Tensor

from vae.checks import check_int
from vae.distributions import ImplicitMixture
from vae.distributions.joint import dimension_of
from vae.draws import Replay
from vae.objectives.objective import START, Objective, Progress
from vae.trace import Trace


class StratifiedELBO(Objective):
    r"""The negative ELBO, :math:`-\sum_m w_m(x)\,E_{q_m(z|x)}[\log p(x, z) - \log q(z|x)]`.

    Which component a draw is from is summed over, so that the weights w have the gradient of this
    sum and no draw is differentiated by them. The variance no longer grows as components part, as
    that of `ImplicitMixture.rsample` does, for M decodings instead of one.

    Args:
        num_samples: Latents drawn of each of the M components per example, at least 1.

    Raises:
        ValueError: If the number is below 1, or when a trace is given whose only latent is not of
            a mixture.

    References:
        Automatic Differentiation Variational Inference with Mixtures (Morningstar, Vikram, Ham,
        Gallagher, Dillon, 2020), 2003.01687.
    """

    is_elbo = True

    def __init__(self, *, num_samples: int = 1) -> None:
        super().__init__()
        check_int("num_samples", num_samples)
        self.of_each = num_samples

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the terms ``reconstruction`` and ``kl``, the latter without closed form."""
        every, weights = by_component(trace, self.of_each)
        log_px = (weights * every.log_px).sum(0)
        kl = (weights * (every.log_q - every.log_p)).sum(0)
        return {"reconstruction": -log_px.mean(), "kl": kl.mean()}


def by_component(trace: Trace, num_samples: int) -> tuple[Trace, Tensor]:
    """Return the trace of the same batch with draws of every component, and what each counts.

    Raises:
        ValueError: If the trace is of no model, or its only latent is not of a mixture.
    """
    if trace.rerun is None:
        raise ValueError("draws of every component need a trace that a Model returned")
    kinds = [type(dimension_of(latent.q)).__name__ for latent in trace.latents]
    q = trace.latents[0].q
    if len(kinds) > 1 or not isinstance(q, ImplicitMixture):
        raise ValueError(
            f"components are drawn in turn of one latent that has some; q is {', '.join(kinds)}. "
            "Use posterior=mixture, or objective=elbo"
        )
    z, weights = q.by_component(num_samples)
    draws = Replay({trace.latents[0].name: z}, num_examples=trace.num_examples)
    trace.rerun(draws)
    return draws.trace(), weights
