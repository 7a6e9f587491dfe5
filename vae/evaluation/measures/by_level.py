"""What each level of a hierarchy holds, and what it is worth to the likelihood."""

__all__ = ["UNUSED", "ByLevel", "is_unused", "levels_of", "told"]

from collections.abc import Sequence

import torch
from torch import Tensor

from vae.batch import Batch
from vae.draws import FromPrior, Posterior, count_rows, kept
from vae.evaluation.measures.named import given_of
from vae.evaluation.section import NotApplicable
from vae.models import Model
from vae.stems import stems

UNUSED = 0.1  # nats per example, below


@torch.no_grad()
def levels_of(model: Model, batch: Batch) -> list[str]:
    """Return the names of a model's latents in the order in which its prior draws them.

    Raises:
        NotApplicable: If it has not several, but one, the steps of one chain, some that all
            examples share, or none whose prior is made of others.
    """
    draws = FromPrior(count_rows(batch), likelihoods=False)
    latents = model.ran(given_of(model, batch), draws).latents
    shared = any(latent.shared for latent in latents.values())
    hangs = any(len(latent.p.batch_shape) > 1 for latent in latents.values())
    found = stems(tuple(latents.values()))
    if shared or not hangs or len(found) < 2:
        raise NotApplicable(
            f"this needs a model of levels, one given another; its latents are {', '.join(found)}"
        )
    return list(latents)


class ByLevel:
    """KL of each level, and log p(x|z) with the highest k from the posterior.

    The others are drawn from the prior given these: what a level is worth is how much its draw
    from the posterior adds.

    Args:
        model: In evaluation mode.
        names: Its levels from the highest.
    """

    def __init__(self, model: Model, names: Sequence[str]) -> None:
        self.model, self.names = model, list(names)
        self.found_kl: list[Tensor] = []
        self.found_log_px: list[Tensor] = []

    @torch.no_grad()
    def update(self, batch: Batch) -> None:
        """Add a batch."""
        model, names = self.model, self.names
        drawn = model.ran(batch, Posterior(1, likelihoods=False))
        latents = drawn.latents
        self.found_kl.append(torch.stack([latents[name].kl[0] for name in names]).double().cpu())
        rows = []
        for k in range(1 + len(names)):
            rest = FromPrior(count_rows(batch))
            trace = model.ran(batch, kept(drawn, names[:k], rest)).trace()
            rows.append(trace.log_px[0])
        self.found_log_px.append(torch.stack(rows).double().cpu())

    @property
    def kl(self) -> Tensor:
        """KL of each level in nats, ``(L, N)``."""
        return torch.cat(self.found_kl, 1)

    @property
    def log_px(self) -> Tensor:
        """Log p(x|z) with the highest 0, …, L levels from the posterior, ``(L + 1, N)``."""
        return torch.cat(self.found_log_px, 1)


def is_unused(kl: float, worth: float, error: float) -> bool:
    """Say whether a level says nothing: it has no KL, and its draws do not matter.

    Inferred upwards, a level may have little or a negative term in the KL, which the next one pays.
    """
    return kl < UNUSED and worth < max(UNUSED, 2 * error)


def told(name: str, kl: float, worth: float, error: float = 0.0) -> str:
    """Say in words what a level holds.

    Args:
        name: Of the level.
        kl: Its mean KL, nats per example.
        worth: How much its draw from the posterior raises log p(x|z), nats per example.
        error: Standard error of that.

    Example:
        >>> told("z3", 0.04, 0.3, 0.2)
        'Level z3 holds 0.04 nats: unused.'
        >>> told("z1", 11.6, 30.21, 1.234)
        'Level z1 holds 11.6 nats, by which log p(x|z) rises by 30.2 ± 1.2.'
    """
    if is_unused(kl, worth, error):
        return f"Level {name} holds {max(kl, 0.0):.2g} nats: unused."
    gain = (
        "does not rise: paid for nothing" if worth <= 0 else f"rises by {worth:.3g} ± {error:.2g}"
    )
    return f"Level {name} holds {kl:.3g} nats, by which log p(x|z) {gain}."
