"""The bound whose KL trains the prior and the posterior at rates of their own."""

__all__ = ["BalancedELBO"]

from torch import Tensor
from torch.distributions import Distribution

from vae.distributions import fixed, unrelaxed
from vae.distributions.joint import kl_divergence
from vae.objectives.objective import START, Objective, Progress
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Latent, Trace, total, weighed


class BalancedELBO(Objective):
    r"""The negative ELBO with its KL taken twice, each time with one of the two held fixed.

    .. math::
        -E_q \log p(x|z) + \sum_t α \max(λ, KL(\bar q_t ‖ p_t)) + β \max(λ, KL(q_t ‖ \bar p_t))

    with :math:`\bar q`, :math:`\bar p` without gradient. The first trains the prior towards the
    posterior, the second the posterior towards the prior; α > β keeps the posterior from giving
    way to a prior that has yet to learn. Free nats λ are those of each latent, and so of each step
    of a world, of one example. With λ = 0 and α + β = 1 the value is that of the negative ELBO.

    The divergences are those of the exact value of a relaxed category or bit.

    Args:
        dynamics: α, at least 0, or a schedule.
        representation: β, at least 0, or a schedule.
        free_nats: λ, at least 0; less is not penalised.
        num_samples: Latents drawn per example, at least 1, or a schedule.

    Raises:
        ValueError: If a number is out of range; when a trace is given, if a divergence has no
            closed form.

    References:
        Mastering Atari with Discrete World Models (Hafner et al., 2020), 2010.02193.
        Mastering Diverse Domains through World Models (Hafner et al., 2023), 2301.04104.
    """

    def __init__(
        self,
        *,
        dynamics: float | Schedule = 1.0,
        representation: float | Schedule = 0.1,
        free_nats: float = 1.0,
        num_samples: int | Schedule = 1,
    ) -> None:
        super().__init__(num_samples)
        self.dynamics = check_weight("dynamics", dynamics)
        self.representation = check_weight("representation", representation)
        if not free_nats >= 0:
            raise ValueError(f"free_nats must be at least 0; got {free_nats}")
        self.free_nats = free_nats

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the terms ``reconstruction``, ``dynamics`` and ``representation``."""
        dynamics, representation = [], []
        for latent in trace.latents:
            q, p = unrelaxed(latent.q), unrelaxed(latent.p)
            dynamics.append(self.charged(fixed(q), p, latent))
            representation.append(self.charged(q, fixed(p), latent))
        return {
            "reconstruction": -trace.log_px.mean(),
            "dynamics": at(self.dynamics) * total(dynamics).mean(),
            "representation": at(self.representation) * total(representation).mean(),
        }

    def charged(self, q: Distribution, p: Distribution, latent: Latent) -> Tensor:
        """Return KL(q ‖ p) of a latent, or the free nats if they are more, ``(K, B)``."""
        try:
            kl = kl_divergence(q, p)
        except NotImplementedError as error:
            raise ValueError(
                f"objective=balanced_elbo needs KL(q ‖ p) in closed form; {latent.name} has q "
                f"{type(q).__name__}, p {type(p).__name__}. Use objective=elbo, or "
                "posterior=normal or categorical."
            ) from error
        kl = kl.expand(latent.z.shape[:2]).clamp_min(self.free_nats)
        return weighed(kl, latent.weight)
