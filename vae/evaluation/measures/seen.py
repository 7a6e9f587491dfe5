"""One pass over the examples: what it leaves, and a second one with the latents swapped."""

__all__ = ["Pass", "Seen", "look", "scalars", "swap_costs", "variables_of"]

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint

from vae.draws import At
from vae.evaluation.measures.aggregate_posterior import AggregatePosterior, has_aggregate
from vae.evaluation.measures.latent_statistics import LatentStatistics, Use, present, rows_of
from vae.evaluation.subject import Subject
from vae.models.fields import columns
from vae.stems import stems
from vae.supports import bound_together, support_of
from vae.trace import Latent


class Seen(NamedTuple):
    """What a pass over N examples leaves of one latent, or of the steps of one chain."""

    name: str
    use: Use
    aggregate: AggregatePosterior | None  # None of latents that are given earlier draws
    prior: Distribution | Tensor  # draws, (M, *event), where it is another for each example
    z: Tensor  # one draw per example, of a chain per step, (N, *event)
    kl: Tensor  # of all examples, (N,)
    log_p: Tensor  # log p(z) of the draws, (N,)
    filling: bool = True  # whether z has a density over as many reals as it has coordinates
    support: Constraint | None = None  # where the latent lives, if it is known

    @property
    def discrete(self) -> bool:
        """Whether the latents are one-hot variables (D, C)."""
        return self.use.categories > 1

    def by_variable(self, coordinates: Tensor) -> Tensor:
        """Return the values of flattened coordinates by variable, ``(D, 1 or C)``."""
        return coordinates.cpu().view(-1, self.use.categories)


class Pass(NamedTuple):
    """What a pass over N examples leaves."""

    latents: Sequence[Seen]  # those that examples have of their own
    shared: Sequence[str]  # names of the others
    kl: Tensor  # of all latents, (N,)
    log_px: Tensor  # (N,)
    points: Mapping[str, Tensor]  # one draw of every latent, (N, *event), (1, *event) if shared


class Column:
    """What one latent leaves, batch by batch."""

    def __init__(self, name: str, num_points: int, steps: Sequence[Latent]) -> None:
        self.name = name
        self.parts: list[tuple[Tensor, Tensor, Tensor]] = []
        self.from_prior: list[Tensor] = []
        self.prior = steps[0].p
        self.support = support = support_of(steps[0].q)
        self.filling = not (
            (support is not None and support.is_discrete) or bound_together(support)
        )
        self.aggregate: AggregatePosterior | None = None
        if has_aggregate(steps):
            self.aggregate = AggregatePosterior(num_points, steps[0].name)

    def add(self, steps: Sequence[Latent]) -> None:
        """Add a batch."""
        z, log_p = (torch.cat(column) for column in zip(*map(own, steps), strict=True))
        kl = sum((latent.kl[0] for latent in steps[1:]), steps[0].kl[0])
        self.parts.append((z, kl, log_p))
        for latent in steps:
            if latent.p.batch_shape:
                drawn = rows_of(latent.p.sample(), latent.p, present(latent))
                self.from_prior.append(drawn.unflatten(1, latent.p.event_shape))

    def seen(self, use: Use) -> Seen:
        """Return all of it."""
        z, kl, log_p = (torch.cat(column) for column in zip(*self.parts, strict=True))
        prior = torch.cat(self.from_prior) if self.from_prior else self.prior
        kl, log_p = kl.double(), log_p.double()
        return Seen(self.name, use, self.aggregate, prior, z, kl, log_p, self.filling, self.support)


def own(latent: Latent) -> tuple[Tensor, Tensor]:
    """Return z and log p(z) of the examples that have a latent, one draw each."""
    mask = present(latent)
    if mask is None:
        return latent.z[0], latent.log_p[0]
    return latent.z[0][mask[0]], latent.log_p[0][mask[0]]


def look(subject: Subject, num_examples: int | None, num_points: int) -> Pass:
    """Encode and decode the first examples once, in the order of the split."""
    statistics = LatentStatistics()
    found: dict[str, Column] = {}
    terms, points, total = [], [], subject.data.num_train
    for batch in subject.track_batches("latents", num_examples):
        trace = subject.model(batch, num_examples=total)
        statistics.update(trace)
        for name, steps in stems(trace.latents).items():
            if steps[0].shared:
                continue
            column = found.setdefault(name, Column(name, num_points, steps))
            column.add(steps)
            if column.aggregate is not None:
                column.aggregate.update(trace)
        terms.append((trace.kl[0].expand_as(trace.log_px[0]), trace.log_px[0]))
        points.append({latent.name: latent.point[0] for latent in trace.latents})
    kl, log_px = (torch.cat(column).double() for column in zip(*terms, strict=True))
    shared = {latent.name for latent in trace.latents if latent.shared}
    return Pass(
        [column.seen(statistics.by_name[name]) for name, column in found.items()],
        sorted(shared),
        kl,
        log_px,
        {
            name: points[0][name] if name in shared else torch.cat([part[name] for part in points])
            for name in points[0]
        },
    )


def swap_costs(subject: Subject, seen: Pass) -> Tensor:
    """Return by how much log p(x|z) falls with the z of another, random example, ``(N,)`` nats.

    All latents are swapped together, and what else the model reads is not.
    """
    count = len(seen.log_px)
    cycle = torch.randperm(count)
    other = torch.empty_like(cycle)
    other[cycle] = cycle.roll(1)  # one cycle through all: nobody keeps their own
    swapped = {
        name: (z if name in seen.shared else z[other.to(z.device)])[None]
        for name, z in seen.points.items()
    }
    log_px, done = [], 0
    for batch in subject.track_batches("swapped latents", count):
        b = slice(done, done + len(batch["x"]))
        latents = {name: columns(z, b) for name, z in swapped.items()}
        log_px.append(subject.model.ran(batch, At(latents)).trace().log_px[0])
        done = b.stop
    return seen.log_px - torch.cat(log_px).double()


def scalars(seen: Seen, z: Tensor) -> Tensor:
    """Return one number per variable, ``(N, D)``: of one-hot variables the category."""
    return z.argmax(-1).flatten(1) if seen.discrete else z.flatten(1)


def variables_of(seen: Seen, z: Tensor) -> Tensor:
    """Return latents by variable, on the CPU: ``(N, D)``, of one-hot variables ``(N, D, C)``."""
    z = z.cpu()
    return z.flatten(1, -2) if seen.discrete else z.flatten(1)
