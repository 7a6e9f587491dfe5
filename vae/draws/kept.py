"""Some latents of examples kept, and the others drawn anew given them."""

__all__ = ["kept"]

from collections.abc import Collection

from vae.draws.draws import Draws
from vae.draws.given import At, FromPrior


def kept(drawn: Draws, names: Collection[str], rest: Draws | None = None) -> At:
    """Return the way of choosing that keeps some values of an earlier run.

    The values of a hierarchy's highest levels, with the rest from the prior, show what these levels
    say of x. Which levels can be kept with sense is a question of the prior's order: those that it
    draws first. It holds for posteriors of either order, since the earlier run drew all levels.

    Args:
        drawn: What chose the values of a run, such as `Posterior` or `Centers`, of one sample.
        names: Of the latents that are kept.
        rest: Chooses the others; ``None``: `FromPrior`, one for each example.

    Raises:
        ValueError: If there is no latent of a name.

    Example:
        >>> import torch
        >>> from torch.distributions import Independent, Normal
        >>> from vae.draws import Centers
        >>> normal = lambda loc: Independent(Normal(loc, 1.0), 1)
        >>> def run(draws):
        ...     q, p = normal(torch.ones(5, 2)), normal(torch.zeros(2))
        ...     z = draws.latent("z2", q=lambda: q, p=p)
        ...     return draws.latent("z1", q=lambda: normal(z), p=lambda: normal(-z))
        >>> run(first := Centers())[0, 0], first.latents["z2"].point[0, 0]
        (tensor([1., 1.]), tensor([1., 1.]))
        >>> run(kept(first, ["z2"], FromPrior(5, 1e-9)))[0, 0]
        tensor([-1., -1.])
    """
    if unknown := [name for name in names if name not in drawn.latents]:
        raise ValueError(
            f"no latent {', '.join(unknown)} was drawn; there are {', '.join(drawn.latents)}"
        )
    values = {name: drawn.latents[name].point for name in names}
    if rest is None:
        rest = FromPrior(max(latent.z.shape[1] for latent in drawn.latents.values()))
    return At(values, rest)
