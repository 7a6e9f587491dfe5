"""How the dimensions of each latent variable are used."""

__all__ = ["ACTIVE_VARIANCE", "LatentStatistics", "Use", "number_shape", "present"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.distributions import center
from vae.stems import stems
from vae.trace import Latent, Trace

ACTIVE_VARIANCE = 0.01


class LatentStatistics:
    """KL, variance of the posterior's centre and mean posterior variance of each latent dimension.

    A dimension is active if the variance of E[z_j|x] over examples exceeds 0.01. Examples of which
    a latent variable has the weight 0 do not count in its figures. Latents of any event shape are
    flattened. The properties are of all latents that examples have of their own, in a row.

    Attributes:
        by_name: Of each of these; the steps of a chain are one, see `vae.stems`.
        shared: Of the latents that all examples share: their KL per example.

    References:
        Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.
    """

    def __init__(self) -> None:
        self.count = 0
        self.by_name: dict[str, Use] = {}
        self.shared: dict[str, Use] = {}

    @torch.no_grad()
    def update(self, trace: Trace) -> None:
        """Add a batch."""
        num_examples = max(latent.z.shape[1] for latent in trace.latents)
        self.count += num_examples
        for name, steps in stems(trace.latents).items():
            place = self.shared if steps[0].shared else self.by_name
            place.setdefault(name, Use(steps[0])).update(steps, num_examples)

    @property
    def kl_per_dim(self) -> Tensor | None:
        """Mean KL of each latent variable in nats, ``(D,)``; ``None`` where it does not split."""
        found = [use.kl_per_dim for use in self.by_name.values()]
        known = [kl for kl in found if kl is not None]
        return torch.cat(known) if known and len(known) == len(found) else None

    @property
    def variances(self) -> Tensor:
        """Variance over examples of each coordinate of the posterior's centre."""
        if not self.by_name:
            raise ValueError("no batch was added")
        return torch.cat([use.variances for use in self.by_name.values()])

    @property
    def posterior_variances(self) -> Tensor | None:
        """Mean over examples of each coordinate's variance in q(z|x), ``None`` where unknown."""
        found = [use.posterior_variances for use in self.by_name.values()]
        known = [variance for variance in found if variance is not None]
        return torch.cat(known) if known and len(known) == len(found) else None

    @property
    def active_units(self) -> int:
        """Number of active coordinates."""
        return sum(use.active_units for use in self.by_name.values())


class Use:
    """The figures of one latent variable, or of the steps of one chain.

    Those of a chain are means over its steps, but for the KL, which is summed over them.

    Args:
        latent: The variable, or the first step.

    Attributes:
        shape: Of the variables that the event holds: ``(D,)``, ``(C, H, W)``; of one-hot ones
            ``(D,)`` again.
        categories: Coordinates of each: 1, or how many categories a one-hot variable has.
        count: Number of examples that have it.
        steps: Sums of each step, by name.
    """

    def __init__(self, latent: Latent) -> None:
        self.shape = number_shape(latent.q)
        self.categories = latent.q.event_shape[len(self.shape) :].numel()
        self.count = 0
        self.steps: dict[str, Sums] = {}

    @torch.no_grad()
    def update(self, steps: Sequence[Latent], num_examples: int) -> None:
        """Add a batch of as many examples."""
        masks = [present(latent) for latent in steps]
        known = [mask for mask in masks if mask is not None]
        all_here = len(known) < len(masks)
        self.count += num_examples if all_here else int(torch.cat(known).any(0).sum())
        for latent, mask in zip(steps, masks, strict=True):
            self.steps.setdefault(latent.name, Sums()).add(latent, mask, num_examples)

    @property
    def kl_per_dim(self) -> Tensor | None:
        """Mean KL of each variable in nats, ``(D,)``; ``None`` where it does not split."""
        found = [sums.kl for sums in self.steps.values()]
        known = [kl for kl in found if kl is not None]
        return torch.stack(known).sum(0) / self.count if len(known) == len(found) else None

    @property
    def variances(self) -> Tensor:
        """Variance over examples of each coordinate of the posterior's centre."""
        return averaged([(sums.rows, sums.variances) for sums in self.steps.values() if sums.rows])

    @property
    def posterior_variances(self) -> Tensor | None:
        """Mean over examples of each coordinate's variance in q(z|x), ``None`` where unknown."""
        found = [(sums.rows, sums.width) for sums in self.steps.values() if sums.rows]
        known = [(rows, width / rows) for rows, width in found if width is not None]
        return averaged(known) if len(known) == len(found) else None

    @property
    def active_units(self) -> int:
        """Number of active coordinates."""
        return int((self.variances > ACTIVE_VARIANCE).sum())

    @property
    def active(self) -> int | None:
        """Number of active variables; ``None`` of a latent that examples share."""
        known = any(sums.rows for sums in self.steps.values())
        return int(self.is_active.sum()) if known else None

    @property
    def is_active(self) -> Tensor:
        """Which variables have an active coordinate, bool ``(D,)``."""
        return (self.variances > ACTIVE_VARIANCE).view(-1, self.categories).any(1)


class Sums:
    """Sums over the examples that have one latent variable, of its flattened coordinates."""

    def __init__(self) -> None:
        self.rows = 0
        self.sum: Tensor | None = None
        self.square: Tensor | None = None
        self.width: Tensor | None = None
        self.kl: Tensor | None = None

    def add(self, latent: Latent, mask: Tensor | None, num_examples: int) -> None:
        """Add a batch.

        Args:
            latent: The variable.
            mask: Which draws count, bool ``(K, B)``; ``None`` means all.
            num_examples: How many examples there are.
        """
        per_dim = latent.kl_per_dim
        if per_dim is not None:
            kl = per_dim.double().mean(0).sum(0)
            self.kl = added(self.kl, kl * num_examples if latent.shared else kl)
        if latent.shared:  # it says nothing of an example
            return
        centers = rows_of(center(latent.q).double(), latent.q, mask)
        self.rows += len(centers)
        self.sum = added(self.sum, centers.sum(0))
        self.square = added(self.square, centers.square().sum(0))
        width = posterior_variance(latent.q)
        if width is not None:
            self.width = added(self.width, rows_of(width.double(), latent.q, mask).sum(0))

    @property
    def variances(self) -> Tensor:
        """Variance of each coordinate of the posterior's centre."""
        assert self.sum is not None
        assert self.square is not None
        return (self.square / self.rows - (self.sum / self.rows).square()).clamp_min(0)


def present(latent: Latent) -> Tensor | None:
    """Return which draws of a latent variable count, bool ``(K, B)``; ``None`` means all."""
    weight = latent.weight
    return (weight != 0).expand(latent.z.shape[:2]) if isinstance(weight, Tensor) else None


def number_shape(q: Distribution) -> torch.Size:
    """Return the shape of the variables in an event: that of a one-hot variable is its own."""
    own = len(q.base_dist.event_shape) if isinstance(q, Independent) else 0
    return q.event_shape[: len(q.event_shape) - own]


def rows_of(values: Tensor, q: Distribution, mask: Tensor | None) -> Tensor:
    """Return what of values ``(*batch, *event)`` counts, a flattened event in each row."""
    lead = len(q.batch_shape)
    rows = values.flatten(0, lead - 1).flatten(1)
    if mask is None:
        return rows
    each = lead == 2 and len(values) == len(mask)
    return rows[mask.flatten() if each else mask.any(0)]


def posterior_variance(q: Distribution) -> Tensor | None:
    """Return the variance of each coordinate, ``(*batch, *event)``; ``None`` of a flow."""
    try:
        return q.variance
    except NotImplementedError:
        return None


def averaged(parts: Sequence[tuple[int, Tensor]]) -> Tensor:
    """Return the mean of values, each of which counts as often as its number says."""
    if len(parts) == 1:
        return parts[0][1]
    return torch.stack([n * value for n, value in parts]).sum(0) / sum(n for n, _ in parts)


def added(total: Tensor | None, block: Tensor) -> Tensor:
    """Return the total with a block added."""
    return block if total is None else total + block
