"""The path of densities over the latents of some examples, from prior or posterior to p(x, z)."""

__all__ = ["CHAINS", "LatentPath", "annealed", "check_chains"]

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.at_once import suited_rows
from vae.distributions.fixed import frozen
from vae.distributions.mixture import at_once
from vae.evaluation.measures.annealing import ACCEPTANCE, SCHEDULES, Stage, anneal
from vae.evaluation.measures.hamiltonian import PathPoint, differentiate
from vae.evaluation.measures.named import need_one_latent, need_x_alone
from vae.evaluation.section import NotApplicable
from vae.evaluation.subject import BATCH, Subject
from vae.models import Model
from vae.supports import same_support, support_of
from vae.trace import Latent, Trace

ANNEALED = "annealed importance sampling"  # as sections that rest on it say what they cannot judge
PILOTS = 2  # further chains per example, which find the step sizes
CHAINS = {"num_pilots": PILOTS, "target_acceptance": ACCEPTANCE}  # of every protocol
DRAWS = 256  # from which the scale of each coordinate is taken


class LatentPath:
    r"""From the prior, :math:`p(z)\,p(x|z)^β`; from the posterior, :math:`q^{1-β} p(x, z)^β`.

    Gradients reach z alone. What the model says of the examples, q(z|x) and p(z), is asked once.

    Args:
        model: In evaluation mode, of one real latent variable.
        x: The examples, ``(B, *event)``.
        num_chains: Chains C per example, at least 1.
        max_rows: How many latents are decoded at once, at least 1, which bounds the memory.
        from_posterior: Where the path starts.

    Raises:
        NotApplicable: If there are several latent or observed variables, the latent is not real, or
            the model reads more than x.
    """

    def __init__(
        self,
        model: Model,
        x: Tensor,
        *,
        num_chains: int,
        max_rows: int = 4096,
        from_posterior: bool = False,
    ) -> None:
        self.model, self.max_rows = model, max_rows
        self.from_posterior, self.x = from_posterior, x
        with torch.no_grad():
            need_x_alone(model, ANNEALED)
            self.p = check_real(model(x[:1])).p
            parts = x.split(max(1, at_once(self.p, max_rows) // num_chains))
            self.blocks = [(part, model.encode(part)) for part in parts]
            self.start_scale, self.end_scale = self.draw(DRAWS).std(0), self.draw_q(DRAWS).std(0)

    def scale(self, beta: float) -> Tensor:
        """Return the scale of each coordinate at β, ``(B, *event)``: precisions are interpolated.

        Of Gaussians it is exact. Otherwise it only makes the chains slower, never wrong.
        """
        start, end = self.start_scale.square().reciprocal(), self.end_scale.square().reciprocal()
        return torch.add(start, (end - start).clamp_min(0), alpha=beta).rsqrt()

    @torch.no_grad()
    def draw(self, count: int) -> Tensor:
        """Draw from the start of the path, ``(count, B, *event)``."""
        return self.draw_q(count) if self.from_posterior else self.p.sample((count, len(self.x)))

    def draw_q(self, count: int) -> Tensor:
        """Draw from q(z|x), ``(count, B, *event)``, the same whatever `max_rows` is."""
        parts = self.x.split(suited_rows(BATCH, self.x.shape[1:]))
        return torch.cat([self.model.encode(x).sample((count,)) for x in parts], 1)

    def __call__(self, z: Tensor) -> PathPoint:
        """Return the point at z, ``(C, B, *event)``."""
        columns = z.split([len(x) for x, _ in self.blocks], 1)
        with frozen(self.model):
            pairs = zip(self.blocks, columns, strict=True)
            return joined([joined(list(self.rows(*block, part)), 0) for block, part in pairs], 1)

    def rows(self, x: Tensor, q: Distribution, z: Tensor) -> Iterator[PathPoint]:
        """Yield the points of one block of examples, so many chains at a time as are allowed."""
        for part in z.split(max(1, at_once(self.p, self.max_rows) // len(x))):
            yield differentiate(lambda z: self.terms(x, q, z), part)

    def terms(self, x: Tensor, q: Distribution, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``log_base`` and ``log_ratio``, ``(C, B)`` each."""
        log_p, log_px = self.p.log_prob(z), self.model.decode(z).log_prob(x)
        if not self.from_posterior:
            return log_p, log_px
        log_q = q.log_prob(z)
        return log_q, log_px + log_p - log_q


def joined(points: list[PathPoint], dim: int) -> PathPoint:
    """Return several points as one."""
    return PathPoint(*(torch.cat(parts, dim) for parts in zip(*points, strict=True)))


def check_real(trace: Trace) -> Latent:
    """Return the only latent, and refuse what Hamiltonian Monte Carlo cannot move."""
    latent = need_one_latent(trace, ANNEALED)
    if len(trace.observed) != 1:
        raise NotApplicable(
            f"{ANNEALED} knows one observed variable; this model has {len(trace.observed)}"
        )
    if not is_real(latent.q):
        raise NotApplicable("annealing moves real latents along gradients; these are not real")
    return latent


def is_real(q: Distribution) -> bool:
    """Whether q is a density on all of a real space."""
    support = support_of(q)
    return support is not None and same_support(support, constraints.real)


def annealed(
    subject: Subject,
    x: Tensor,
    betas: Tensor,
    *,
    num_chains: int,
    num_steps: int,
    from_posterior: bool = False,
) -> Iterable[Stage]:
    """Anneal the latents of a subject's examples and show how far it is.

    Args:
        subject: Whose model, and whose bound on the rows that are decoded at once.
        x: ``(B, *event)``.
        betas: From 0 upwards, ``(T + 1,)``.
        num_chains: Chains C per example that count.
        num_steps: Leapfrog steps per temperature.
        from_posterior: Where the path starts.
    """
    path = LatentPath(
        subject.model,
        x,
        num_chains=PILOTS + num_chains,
        max_rows=subject.max_rows,
        from_posterior=from_posterior,
    )
    stages = anneal(
        path,
        path.draw(PILOTS + num_chains),
        betas,
        scale=path.scale,
        num_steps=num_steps,
        num_pilots=PILOTS,
    )
    return subject.track(stages, "annealing", len(betas) - 1)


def check_chains(
    num_examples: int, num_chains: int, num_temperatures: int, num_steps: int, schedule: str
) -> None:
    """Refuse settings of an annealing that mean nothing.

    Raises:
        ValueError: Naming the setting.
    """
    given = {
        "num_examples": (num_examples, 1),
        "num_chains": (num_chains, 2),
        "num_temperatures": (num_temperatures, 2),
        "num_steps": (num_steps, 1),
    }
    for name, (value, least) in given.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}; got {value}")
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule must be {' or '.join(SCHEDULES)}; got {schedule}")
