"""A sequence that goes on: latents of its known steps from q, and those of later ones from p."""

__all__ = ["Continuing"]

import torch
from torch import Tensor

from vae.distributions.sampling import check_rows, draw_rows, in_logarithms, points
from vae.draws.draws import Asked, Draws, made
from vae.trace import Latent


class Continuing(Draws):
    """Z ~ q(z|x) of the steps that an example has, and z ~ p(z) where their weight is 0.

    What an autoregressive model goes on with is drawn where it is not known.

    Args:
        num_samples: K, at least 1.
    """

    continues = True

    def __init__(self, num_samples: int) -> None:
        super().__init__()
        self.num_samples = num_samples

    def choose(self, asked: Asked) -> Latent:
        """Return the variable with a draw from q or p for each example."""
        q, p = in_logarithms(asked.q()), in_logarithms(made(asked.p))
        check_rows(asked.name, q, self.num_rows)
        z, _ = draw_rows(q, self.num_samples, asked.name, shared=asked.shared)
        if isinstance(asked.weight, Tensor):
            lead = z.shape[:2]
            generated = p.expand(lead).sample()
            here = (asked.weight != 0).expand(lead)
            z = torch.where(here.reshape(*lead, *[1] * (z.dim() - 2)), z, generated)
        return asked.latent(q, p, z, None, points(q, z))
