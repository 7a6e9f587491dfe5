"""Ways of choosing the values of a model's variables."""

__all__ = [
    "At",
    "Centers",
    "Continuing",
    "Draws",
    "Enumerated",
    "FromPrior",
    "Link",
    "Particles",
    "Posterior",
    "Replay",
    "bottom_up",
    "count_rows",
    "kept",
]

from vae.draws.bottom_up import Link, bottom_up
from vae.draws.continuing import Continuing
from vae.draws.draws import Draws, Posterior, count_rows
from vae.draws.enumerated import Enumerated
from vae.draws.given import At, Centers, FromPrior, Replay
from vae.draws.kept import kept
from vae.draws.particles import Particles
