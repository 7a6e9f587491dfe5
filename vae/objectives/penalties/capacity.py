"""A KL held at a capacity that grows."""

__all__ = ["Capacity"]

from dataclasses import replace

from torch import Tensor

from vae.distributions import unrelaxed
from vae.objectives.objective import START, Objective, Progress
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Trace, total


class Capacity(Objective):
    r"""The distance of the KL from a capacity, :math:`γ\,|KL − C|`, in place of the KL itself.

    Args:
        capacity: C in nats, at least 0, or a schedule.
        gamma: Weight γ, at least 0.
        latent: The latent whose KL it is, of a model of several; ``None`` means that of all.
        relaxed: Whether the KL of a relaxed latent is that of the relaxed densities, which has no
            bound; else it is that of the categories or bits that they stand for.

    Raises:
        ValueError: When a trace is given, if it has no latent of this name.

    References:
        Understanding disentangling in β-VAE (Burgess et al., 2018), 1804.03599. Of each latent
        apart: Learning Disentangled Joint Continuous and Discrete Representations (Dupont, 2018),
        1804.00104.
    """

    def __init__(
        self,
        capacity: float | Schedule,
        *,
        gamma: float = 1000.0,
        latent: str | None = None,
        relaxed: bool = True,
    ) -> None:
        super().__init__()
        self.relaxed = relaxed
        self.latent = latent
        self.capacity = check_weight("capacity", capacity)
        self.gamma: float = check_weight("gamma", gamma)

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the term ``capacity``, of one latent ``capacity_<name>``."""
        excess = self.kl(trace).mean() - at(self.capacity)
        name = "capacity" if self.latent is None else f"capacity_{self.latent}"
        return {name: self.gamma * excess.abs()}

    def kl(self, trace: Trace) -> Tensor:
        """Return the KL that is held, ``(K, B)``."""
        held = [a for a in trace.latents if self.latent in (None, a.name)]
        if not held:
            names = ", ".join(latent.name for latent in trace.latents)
            raise ValueError(f"capacity: the model has no latent {self.latent}; it has {names}")
        if not self.relaxed:
            held = [replace(a, q=unrelaxed(a.q), p=unrelaxed(a.p)) for a in held]
        return total([latent.kl for latent in held])
