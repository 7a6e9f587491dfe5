"""A distribution that many steps of a chain make with the same part, at once where that can be."""

__all__ = ["OfStep", "made_together"]

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, register_kl
from torch.types import _size

from vae.distributions.concatenated import parted
from vae.distributions.joint import kl_divergence
from vae.distributions.tempering import tempered


class OfStep(Distribution):
    """What a part makes of tensors, when it is first asked for.

    A prior p(z_t | z_{t−1}) of a chain whose draws come from a posterior is not needed before all
    are drawn: then `made_together` calls the part once for all steps.

    Args:
        part: From the tensors to a distribution; what it says of a row depends on this row alone.
        given: ``(*lead, ...)`` each, of one number of dimensions of an event, 1.
        event: Shape of one event.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> p = OfStep(lambda z: Independent(Normal(z / 2, 1.0), 1), torch.ones(5, 3), event=(3,))
        >>> p.batch_shape, p.mean[0]
        (torch.Size([5]), tensor([0.5000, 0.5000, 0.5000]))
    """

    arg_constraints = {}  # noqa: RUF012  (torch's own interface)

    def __init__(
        self, part: Callable[..., Distribution], *given: Tensor, event: Sequence[int]
    ) -> None:
        self.part, self.given = part, given
        self.found: Distribution | None = None
        lead = given[0].shape[:-1]
        for other in given[1:]:
            lead = torch.broadcast_shapes(lead, other.shape[:-1])
        super().__init__(lead, Size(event), validate_args=False)

    @property
    def made(self) -> Distribution:
        """The distribution itself."""
        if self.found is None:
            self.found = self.part(*self.given)
        return self.found

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether its draws have gradients."""
        return self.made.has_rsample

    @property
    def support(self) -> Any:
        """Where it lives."""
        return self.made.support

    @property
    def mean(self) -> Tensor:
        """Its mean, ``(*batch, *event)``."""
        return self.made.mean

    @property
    def variance(self) -> Tensor:
        """Its variance, ``(*batch, *event)``."""
        return self.made.variance

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, *event)``."""
        return self.made.sample(Size(sample_shape))

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw with a gradient, where there is one."""
        return self.made.rsample(Size(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of ``(*lead, *batch, *event)``."""
        log_prob: Tensor = self.made.log_prob(value)
        return log_prob

    def expand(self, batch_shape: _size, _instance: Any = None) -> Distribution:
        """Return the distribution itself with another, broadcast batch shape."""
        return self.made.expand(Size(batch_shape))


@tempered.register
def _(p: OfStep, temperature: float) -> Distribution:
    return tempered(p.made, temperature)


@register_kl(Distribution, OfStep)
def _kl_of_step(q: Distribution, p: OfStep) -> Tensor:
    return kl_divergence(q, p.made)


def made_together(steps: Iterable[OfStep]) -> None:
    """Let distributions be made, all of one part and of equal shapes by one call."""
    alike: dict[tuple[object, ...], list[OfStep]] = {}
    for step in steps:
        if step.found is None:
            shapes = tuple(tensor.shape for tensor in step.given)
            alike.setdefault((id(step.part), shapes), []).append(step)
    for group in alike.values():
        given, count = [step.given for step in group], len(group)
        if count == 1 or any(tensor.dim() < 2 for tensor in given[0]):
            continue
        found = parted(
            group[0].part(*(torch.cat(each) for each in zip(*given, strict=True))), count
        )
        for step, each in zip(group, found or [], strict=False):
            step.found = each
