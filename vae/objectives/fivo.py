"""The filtering bound: importance weights of chains, of which the likely ones are kept."""

__all__ = ["FIVO"]

from torch import Tensor

from vae.checks import check_int
from vae.draws import Particles, Posterior
from vae.objectives.log_weight_bound import refuse_shared
from vae.objectives.objective import START, Objective, Progress
from vae.trace import Trace


class FIVO(Objective):
    r"""The negative filtering bound, :math:`-\sum_t \log \frac1K \sum_k w_t^k` over resamplings.

    K samples of a chain go side by side; where few of them hold most of the weight they are drawn
    anew, each with its whole state. The exponential of the bound is an unbiased estimate of p(x).
    The gradient goes through draws and weights, not through the choice of the samples: that term
    of the score has a variance that is not worth its absence of bias, as in the paper.

    Args:
        num_samples: K, at least 1; 1 is the ELBO.
        threshold: The samples of an example are drawn anew where their effective number is below
            this share of K, in [0, 1]: 1 does it after each step, 0 never, which is IWAE.

    Raises:
        ValueError: If a number is out of range, or when a trace is given of no model with a chain
            that hands on its state.

    References:
        Filtering Variational Objectives (Maddison et al., 2017), 1705.09279.
        Variational Sequential Monte Carlo (Naesseth et al., 2017), 1705.11140.
        Auto-Encoding Sequential Monte Carlo (Le et al., 2017), 1705.10306.
    """

    def __init__(self, *, num_samples: int = 4, threshold: float = 0.5) -> None:
        super().__init__()  # of the trace that tells the ELBO, one sample is enough
        check_int("num_samples", num_samples)
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must lie in [0, 1]; got {threshold}")
        self.num_particles, self.threshold = num_samples, threshold

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the one term."""
        refuse_shared(trace)
        if trace.rerun is None:
            raise ValueError("the filtering bound needs a trace that a Model returned")
        draws = Posterior(self.num_particles, likelihoods=False)
        draws.particles = Particles(self.threshold)
        trace.rerun(draws)
        return {"fivo": -draws.particles.log_bound.mean()}
