"""The evidence lower bound, with a weight on its KL."""

__all__ = ["ELBO"]

from torch import Tensor

from vae.objectives.objective import Objective
from vae.objectives.schedule import Schedule, at_step, check_weight
from vae.trace import Trace


class ELBO(Objective):
    r"""The negative ELBO, :math:`-E_q \log p(x|z) + β\,KL(q(z|x) ‖ p(z))`.

    Args:
        beta: Weight β of the KL, at least 0, or a schedule; 1 is the bound itself.
        num_samples: Latents drawn per example, at least 1.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
        β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework
        (Higgins et al., 2017), ICLR.
    """

    def __init__(self, beta: float | Schedule = 1.0, *, num_samples: int = 1) -> None:
        super().__init__(num_samples)
        self.beta = check_weight("beta", beta)

    def forward(self, trace: Trace) -> dict[str, Tensor]:
        """Return the terms ``reconstruction`` and ``kl``, the latter weighted."""
        beta = at_step(self.beta, self.step)
        kl = trace.kl.mean()
        return {"reconstruction": -trace.log_px.mean(), "kl": kl if beta == 1 else beta * kl}
