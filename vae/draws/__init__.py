"""Ways of choosing the values of a model's variables."""

__all__ = [
    "At",
    "Centers",
    "Continuing",
    "Draws",
    "Enumerated",
    "FromPrior",
    "Particles",
    "Posterior",
    "Replay",
    "count_rows",
]

from vae.draws.continuing import Continuing
from vae.draws.draws import Draws, Posterior, count_rows
from vae.draws.enumerated import Enumerated
from vae.draws.given import At, Centers, FromPrior, Replay
from vae.draws.particles import Particles
