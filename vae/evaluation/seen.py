"""One pass over the examples: what it leaves, and a second one with the latents swapped."""

__all__ = ["Seen", "look", "scalars", "swap_costs"]

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.evaluation.aggregate import AggregatePosterior
from vae.evaluation.latents import LatentStatistics
from vae.evaluation.subject import Subject


class Seen(NamedTuple):
    """What a pass over N examples leaves; latents have D variables, ``event`` is (D,) or (D, C)."""

    statistics: LatentStatistics
    aggregate: AggregatePosterior
    prior: Distribution
    z: Tensor  # one draw per example, (N, *event)
    kl: Tensor  # (N,)
    log_px: Tensor  # (N,)
    log_p: Tensor  # log p(z) of the draws, (N,)

    @property
    def discrete(self) -> bool:
        """Whether the latents are one-hot variables (D, C)."""
        return self.z.dim() > 2

    def by_variable(self, coordinates: Tensor) -> Tensor:
        """Return the values of flattened coordinates by variable, ``(D, 1 or C)``."""
        return coordinates.cpu().view(self.z.shape[1], -1)


def look(subject: Subject, num_examples: int | None, num_points: int) -> Seen:
    """Encode and decode the first examples once, in the order of the split."""
    statistics, aggregate = LatentStatistics(), AggregatePosterior(num_points)
    columns, prior = [], None
    for batch in subject.track_batches("latents", num_examples):
        trace = subject.model(batch["x"])
        statistics.update(trace)
        aggregate.update(trace)
        prior = trace.latents[0].p
        latent = trace.latents[0]
        columns.append((latent.z[0], trace.kl[0], trace.log_px[0], latent.log_p[0]))
    assert prior is not None
    z, kl, log_px, log_p = (torch.cat(column) for column in zip(*columns, strict=True))
    return Seen(statistics, aggregate, prior, z, kl.double(), log_px.double(), log_p.double())


def swap_costs(subject: Subject, seen: Seen) -> Tensor:
    """Return by how much log p(x|z) falls with the z of another, random example, ``(N,)`` nats."""
    count = len(seen.z)
    cycle = torch.randperm(count)
    other = torch.empty_like(cycle)
    other[cycle] = cycle.roll(1)  # one cycle through all: nobody keeps their own
    blocks = iter(seen.z[other.to(seen.z.device)].split(subject.batches().batch_size))
    log_px = [
        subject.model.decode(z).log_prob(batch["x"])
        for batch, z in zip(subject.track_batches("swapped latents", count), blocks, strict=True)
    ]
    return seen.log_px - torch.cat(log_px).double()


def scalars(z: Tensor) -> Tensor:
    """Return one number per variable, ``(N, D)``: of one-hot variables the category."""
    return z if z.dim() == 2 else z.argmax(-1)
