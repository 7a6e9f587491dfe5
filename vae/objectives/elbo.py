"""The evidence lower bound, with a weight on its KL."""

__all__ = ["ELBO"]

from collections.abc import Mapping

from torch import Tensor

from vae.objectives.estimators import Estimator, Pathwise, average
from vae.objectives.objective import START, Objective, Progress
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Trace, total

Weight = float | Schedule


class ELBO(Objective):
    r"""The negative ELBO, :math:`-E_q \log p(x|z) + β\,KL(q(z|x) ‖ p(z))`.

    Args:
        beta: Weight β of the KL, at least 0, or a schedule; 1 is the bound itself. Of a model of
            several latents also by name, of those not named 1: a warm-up of each level.
        num_samples: Latents drawn per example, at least 1, or a schedule.
        estimator: How the gradient reaches the posterior; pathwise by default.

    Raises:
        ValueError: If a weight is out of range, or there is one for each latent and the estimator
            is not pathwise; when a trace is given, if it has no latent of a name.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
        β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework
        (Higgins et al., 2017), ICLR.
        Ladder Variational Autoencoders (Sønderby et al., 2016), 1602.02282, for warm-up in a
        hierarchy.
    """

    of_each: Mapping[str, Weight] | None = None  # β of latents by name

    def __init__(
        self,
        beta: Weight | Mapping[str, Weight] = 1.0,
        *,
        num_samples: int | Schedule = 1,
        estimator: Estimator | None = None,
    ) -> None:
        super().__init__(num_samples)
        self.estimator = Pathwise() if estimator is None else estimator
        if isinstance(beta, Mapping):
            self.of_each = {name: check_weight(f"beta.{name}", b) for name, b in beta.items()}
            check_pathwise(self.estimator)
        self.beta: Weight = 1.0 if isinstance(beta, Mapping) else check_weight("beta", beta)
        self.is_elbo = self.beta == 1 and all(b == 1 for b in (self.of_each or {}).values())

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the terms ``reconstruction`` and ``kl``, the latter weighted."""
        beta = at(self.beta)
        trace = self.estimator.taken(trace)
        if self.of_each is None:  # `not` of a mapping is another branch where a step is compiled
            kl = self.estimator.kl(trace)
        else:
            kl = weighted_kl(trace, self.of_each, at)
        if self.beta != 1:
            kl = beta * kl
        log_px = trace.log_px.mean()
        if self.estimator.corrects_average:
            correction = self.estimator.correction(average, trace.log_px - kl, trace)
            log_px = log_px if correction is None else log_px + correction
        return {"reconstruction": -log_px, "kl": kl.mean()}


def weighted_kl(trace: Trace, weights: Mapping[str, Weight], at: Progress) -> Tensor:
    """Return the sum of the latents' KLs, each by its weight or 1, ``(K, B)``.

    Raises:
        ValueError: If there is a weight of no latent.
    """
    names = [latent.name for latent in trace.latents]
    if unknown := [name for name in weights if name not in names]:
        raise ValueError(
            f"beta: the model has no latent {', '.join(unknown)}; it has {', '.join(names)}"
        )
    return total([at(weights.get(a.name, 1.0)) * a.kl for a in trace.latents])


def check_pathwise(estimator: Estimator) -> None:
    """Refuse an estimator that gives the KL of all latents together.

    Raises:
        ValueError: If it is one.
    """
    if not isinstance(estimator, Pathwise):
        raise ValueError(
            f"a beta for each latent has the pathwise gradient only; got "
            f"{type(estimator).__name__}: use estimator=pathwise, or one beta for all"
        )
