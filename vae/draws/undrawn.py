"""Variables whose value, and distributions that nobody needs in a run."""

__all__ = ["LATER", "NOT_MADE", "NotMade", "as_a_whole"]

from dataclasses import replace
from math import nan

import torch
from torch.distributions import Distribution

from vae.distributions.sampling import draw
from vae.trace import Latent


class NotMade(Distribution):
    """Stands where a run has no use for a distribution."""

    def __init__(self) -> None:
        super().__init__(validate_args=False)


NOT_MADE = NotMade()
LATER = NotMade()  # made of values that are not chosen yet


def as_a_whole(latent: Latent, num_samples: int) -> Latent:
    """Return a shared variable of which the model reads q and no draw.

    Its value is NaN, without memory of its own; or, where the KL has no closed form, draws for that
    alone.
    """
    q, mean = latent.q, latent.z
    nothing = torch.full((), nan, dtype=mean.dtype, device=mean.device)
    z = nothing.expand(num_samples, 1, *q.event_shape)
    known = replace(latent, z=z, drawn=False)
    if known.closed_kl is not None:
        return known
    return replace(known, z=draw(q, num_samples, 1)[0])
