"""The likelihood of sequences whose steps are independent given the latents."""

__all__ = ["EachStep", "over_steps"]

from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.distributions.head import Likelihood
from vae.distributions.joint import Joint
from vae.distributions.likelihoods.bernoulli import LogitBernoulli


class EachStep(Likelihood):
    r"""The same likelihood at every step, :math:`p(x|z) = \prod_t p(x_t|z)`.

    Sequences of any number of steps are scored; the event's shape names that of the data.

    Args:
        step: The likelihood of one step.
        num_steps: T of the data, at least 1.

    Example:
        >>> import torch
        >>> from vae.distributions import Bernoulli
        >>> px = EachStep(Bernoulli((3,)), 7)(torch.zeros(2, 5, 7, 3))
        >>> px.batch_shape, px.event_shape
        (torch.Size([2, 5]), torch.Size([7, 3]))
    """

    def __init__(self, step: Likelihood, num_steps: int) -> None:
        super().__init__((num_steps, *step.event_shape), (num_steps, *step.param_shape))
        self.step = step
        self.support = step.support
        self.levels = step.levels

    @property
    def starts_at_examples(self) -> bool:
        """Whether that of a step does."""
        return self.step.starts_at_examples

    def params_of_mean(self, mean: Tensor) -> Tensor:
        """Return raw parameters of one step, of a mean of the data ``(T, *event)``."""
        return self.step.params_of_mean(mean.mean(0))

    def start_at(self, x: Tensor) -> Tensor | None:
        """Start a learned scale at sequences ``(N, T, *event)``; see `Likelihood.start_at`."""
        return self.step.start_at(x.flatten(0, 1))

    def forward(self, params: Tensor) -> Distribution:
        """Map parameters of T steps, ``(*lead, T, *param_shape)``, to a distribution."""
        return over_steps(self.step(params))


def over_steps(px: Distribution) -> Distribution:
    """Return steps, the last dimension of the batch, as a part of the event."""
    if isinstance(px, LogitBernoulli):
        return LogitBernoulli(px.base_dist.logits, px.reinterpreted_batch_ndims + 1)
    if isinstance(px, Independent) and not px.base_dist.event_shape:  # which a mask can divide
        return Joint(px.base_dist, px.reinterpreted_batch_ndims + 1)
    return Joint(px, 1)
