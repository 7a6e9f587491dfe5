"""The evidence lower bound, with a weight on its KL."""

__all__ = ["ELBO"]

from torch import Tensor

from vae.objectives.estimators import Estimator, Pathwise, average
from vae.objectives.objective import START, Objective, Progress
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Trace


class ELBO(Objective):
    r"""The negative ELBO, :math:`-E_q \log p(x|z) + β\,KL(q(z|x) ‖ p(z))`.

    Args:
        beta: Weight β of the KL, at least 0, or a schedule; 1 is the bound itself.
        num_samples: Latents drawn per example, at least 1, or a schedule.
        estimator: How the gradient reaches the posterior; pathwise by default.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
        β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework
        (Higgins et al., 2017), ICLR.
    """

    def __init__(
        self,
        beta: float | Schedule = 1.0,
        *,
        num_samples: int | Schedule = 1,
        estimator: Estimator | None = None,
    ) -> None:
        super().__init__(num_samples)
        self.beta = check_weight("beta", beta)
        self.is_elbo = self.beta == 1
        self.estimator = Pathwise() if estimator is None else estimator

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the terms ``reconstruction`` and ``kl``, the latter weighted."""
        beta = at(self.beta)
        trace = self.estimator.taken(trace)
        kl = self.estimator.kl(trace)
        if self.beta != 1:
            kl = beta * kl
        log_px = trace.log_px.mean()
        if self.estimator.corrects_average:
            correction = self.estimator.correction(average, trace.log_px - kl, trace)
            log_px = log_px if correction is None else log_px + correction
        return {"reconstruction": -log_px, "kl": kl.mean()}
