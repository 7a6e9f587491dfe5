"""The draws of several Markov chains, and what they say of themselves."""

__all__ = ["Chains"]

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor

from vae.inference.fit_table import chain_rows, text_table
from vae.inference.mixing import FEWEST, bulk_ess, split_rhat
from vae.inference.space import Space


@dataclass(frozen=True, repr=False)
class Chains:
    """Draws from a posterior, C chains of S each.

    Args:
        space: Of the latents.
        draws: In unconstrained space, ``(C, S, D)``, without the warm-up.
        method: What made them, for a reader.
        divergences: Transitions whose energy was not conserved, where that is counted: many mean
            that the chains do not reach a part of the posterior.
    """

    space: Space
    draws: Tensor
    method: str = "MCMC"
    divergences: int | None = None

    def __repr__(self) -> str:
        count, num_samples, _ = self.draws.shape
        bad = "" if self.divergences is None else f", divergences={self.divergences}"
        return f"Chains({self.space}, {self.method}, {count} of {num_samples} draws{bad})"

    def __str__(self) -> str:
        figures = {"mean": self.mean, "sd": self.std}
        if self.draws.shape[1] >= FEWEST:
            figures |= {"R̂": self.rhat, "ESS": self.ess}
        table = text_table(chain_rows(figures), ["", *figures])
        count, num_samples, _ = self.draws.shape
        bad = "" if self.divergences is None else f", {self.divergences} divergences"
        return f"{table}\n{self.method}: {count} chains of {num_samples} draws{bad}"

    @cached_property
    def values(self) -> dict[str, Tensor]:
        """The draws of every latent in its support, ``(C, S, *shape)``."""
        return self.space.constrain(self.draws)[0]

    @cached_property
    def rhat(self) -> dict[str, Tensor]:
        """Rank-normalised split R̂ of every latent, ``(*shape,)``; see `split_rhat`."""
        return {name: split_rhat(value) for name, value in self.values.items()}

    @cached_property
    def ess(self) -> dict[str, Tensor]:
        """Bulk effective sample size of every latent, ``(*shape,)``; see `bulk_ess`."""
        return {name: bulk_ess(value) for name, value in self.values.items()}

    @cached_property
    def mean(self) -> dict[str, Tensor]:
        """Posterior means, ``(*shape,)``."""
        return {name: value.mean((0, 1)) for name, value in self.values.items()}

    @cached_property
    def std(self) -> dict[str, Tensor]:
        """Posterior standard deviations, ``(*shape,)``."""
        return {name: value.flatten(0, 1).std(0) for name, value in self.values.items()}

    def sample(self, num_samples: int, *, seed: int = 0) -> dict[str, Tensor]:
        """Return draws of all chains in random order, ``(n, *shape)``, each once if n is few."""
        total = self.draws.shape[0] * self.draws.shape[1]
        generator = Generator().manual_seed(seed)
        if num_samples <= total:
            rows = torch.randperm(total, generator=generator)[:num_samples]
        else:
            rows = torch.randint(total, (num_samples,), generator=generator)
        return {name: value.flatten(0, 1)[rows] for name, value in self.values.items()}
