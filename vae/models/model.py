"""What every model is: one method, and what a user does with it."""

__all__ = ["Model"]

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import log
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.batch import Batch
from vae.checks import check_int
from vae.distributions import Likelihood
from vae.draws import At, Centers, Draws, Posterior, count_rows
from vae.models.border import Given, check_fields, check_given, check_x, known_steps_of
from vae.models.fields import Fields, means_of, one_or_all, own
from vae.models.generating import from_prior, sampled
from vae.models.importance import log_weights
from vae.models.imputing import Imputed, impute
from vae.models.rows import weight_rows
from vae.models.standardize import Standardize
from vae.parts import Parts
from vae.spec import DataSpec
from vae.trace import Trace

D = TypeVar("D", bound=Draws)


class Model(nn.Module, ABC):
    """A latent-variable model of some fields of a batch, with an approximate posterior.

    What a model writes is `run`; everything else follows from it. A batch is a mapping of named
    fields, ``(B, ...)`` each; a tensor is one with the field ``x``. x is in the units of the data
    wherever it is given or returned; what `standardized` returns is for nets and distances.

    Of a model with one latent or observed variable its value is returned as it is; of one with
    several, a dict by name, in which latents that all examples share are left out.

    Args:
        standardize: Mean and width of each dimension of the data, if its nets see standardised x.

    Attributes:
        fields: What `run` reads of a batch.
        proper: Whether its priors are densities, so that no KL is negative.
        predicts: The field that it predicts from x, if it makes no x.
        learns_from: What it reads besides, but in training alone; the objective asks for it.
        trained_with: What `run` reads besides in training mode, if it is given x.
        compiled_parts: Submodules that ``compile=true`` compiles instead of a step: a chain's cell.
        is_sequential: Whether its examples are sequences ``(T, *event)`` of unequal lengths.
        step_fields: Its fields of a value for each step: training cuts what is padding in a batch.
        drawn_at_once: How many latents are drawn at once for importance weights, at least 1.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> class Line(Model):
        ...     build = classmethod(lambda cls, spec, parts: cls())
        ...     def run(self, batch, draws):
        ...         q = lambda: Independent(Normal(batch["x"][:, :1] / 2, 0.7), 1)
        ...         z = draws.latent("z", q=q, p=Independent(Normal(torch.zeros(1), 1.0), 1))
        ...         px = Independent(Normal(z.expand(*z.shape[:-1], 2), 1.0), 1)
        ...         draws.observe("x", lambda: px, batch.get("x"))
        >>> Line().sample(3).shape, Line().log_likelihood(torch.ones(5, 2), num_samples=10).shape
        (torch.Size([3, 2]), torch.Size([5]))
    """

    fields: Sequence[str] = ("x",)
    proper: bool = True
    predicts: str | None = None
    learns_from: Sequence[str] = ()
    is_sequential: bool = False
    step_fields: Sequence[str] = ()
    trained_with: Sequence[str] = ()
    compiled_parts: Sequence[str] = ()
    drawn_at_once: int = 4096  # so that no draw depends on how many are decoded

    def __init__(self, standardize: Standardize | None = None) -> None:
        super().__init__()
        self.standardize = standardize

    @classmethod
    @abstractmethod
    def build(cls, spec: DataSpec, parts: Parts, *_: Any, **own: Any) -> Self:
        """Build the model that the groups of a config describe.

        Args:
            spec: Shape and values of the data.
            parts: Makes what the other groups describe, and nets; a model takes what it needs.
            own: The settings of the group ``model``, as plain values. A model names each as a
                parameter, whose type and default hold for what a user sets.

        Raises:
            ValueError: If parts do not fit together or a setting is wrong.
        """

    @abstractmethod
    def run(self, batch: Batch, draws: Draws) -> None:
        """Say which latent variables there are and what is observed of them.

        Args:
            batch: The fields that are known. Where examples are generated there is no ``x``: what
                is read for a posterior is read inside its function, the rest by ``batch.get``.
            draws: Is told each variable, by `Draws.latent` and `Draws.observe`, and gives its
                value.
        """

    @property
    def likelihood(self) -> Likelihood | None:
        """The head of p(x|z), of a model that has one for whole examples."""
        return None

    def standardized(self, x: Tensor) -> Tensor:
        """Return x as the nets see it, ``(*lead, *event)``: the same if nothing standardises."""
        return x if self.standardize is None else self.standardize(x)

    def restored(self, px: Distribution) -> Distribution:
        """Return the distribution of x of which `px` is that of what `standardized` returns."""
        return px if self.standardize is None else self.standardize.restored(px)

    def check(self, batch: Batch | Tensor, *, scored: bool = False) -> Batch:
        """Refuse what is no batch of examples; see `check_examples`.

        Returns:
            The batch as a mapping.

        Raises:
            TypeError: If x is no tensor of floating point, or a wider one than the model.
            ValueError: If a field is missing, or the shape or the values of x are not those of the
                data.
        """
        batch = check_fields(batch, self.fields)
        first = next(self.parameters(), None)
        if "x" in batch:
            x = batch["x"]
            if self.is_sequential and self.likelihood is not None:
                x = known_steps_of(batch, self.likelihood)
            check_x(x, self.likelihood, self.standardize, first, scored=scored)
        return batch

    def forward(
        self,
        batch: Batch | Tensor,
        draws: Draws | None = None,
        *,
        num_samples: int = 1,
        num_examples: int = 0,
    ) -> Trace:
        """Return the trace of a batch.

        Args:
            batch: Fields ``(B, ...)``, or x.
            draws: How latents are chosen; ``None`` draws them from the posterior.
            num_samples: How many of each example then, at least 1.
            num_examples: How many examples share the variables that are shared; 0 means B.
        """
        batch = batch if isinstance(batch, Mapping) else {"x": batch}
        if draws is None:
            draws = Posterior(num_samples, num_examples=num_examples or count_rows(batch))
        self.ran(batch, draws)
        return draws.trace(lambda others: self.run(batch, others))

    def encode(self, batch: Batch | Tensor) -> Any:
        """Return q(z|x), batch shape ``(B,)``; ``(1, B)`` where it was given earlier latents.

        Those are at their centres. Grey values are allowed where the likelihood is one of bits.

        Raises:
            TypeError: If x is no tensor of floating point, or a wider one than the model.
            ValueError: If its shape is another, or a value not finite or outside the support.
        """
        found = self.ran(self.check(batch), Centers(likelihoods=False)).latents
        return one_or_all({name: latent.q for name, latent in own(found).items()})

    def embed(self, batch: Batch | Tensor) -> Any:
        """Return one latent point per example, the centre of q(z|x), ``(B, *latent)``."""
        found = self.ran(self.check(batch), Centers(likelihoods=False)).latents
        return one_or_all({name: latent.point[0] for name, latent in own(found).items()})

    def decode(self, z: Tensor | Mapping[str, Tensor], given: Batch | None = None) -> Any:
        """Return p(x|z) for latents ``(*lead, *latent)``, batch shape ``lead``.

        Args:
            z: The only latent variable, or each by name, ``(K, B, *latent)``.
            given: The other fields that the model reads, such as ``label``, ``(B, ...)``.

        Raises:
            ValueError: If the latents have another shape.
        """
        found = self.ran(given, At(z)).observed
        return one_or_all({name: variable.px for name, variable in found.items()})

    def sample_latents(
        self,
        n: int,
        *,
        given: Given | None = None,
        temperature: float | Mapping[str, float] = 1.0,
    ) -> Any:
        """Draw ``n`` latents from the prior, ``(n, *latent)``; see `sample`.

        Raises:
            ValueError: If ``n`` is below 1 or a temperature is not positive.
        """
        return one_or_all(from_prior(self, n, check_given(given, n, temperature), temperature))

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        given: Given | None = None,
        temperature: float | Mapping[str, float] = 1.0,
        noise: bool = False,
    ) -> Any:
        """Generate ``n`` examples, ``(n, *event)``.

        Args:
            n: How many.
            given: What else it reads, such as ``label``: ``(n, ...)``, or one number for all.
            temperature: Scale of the prior's spread, above 0; below 1 gives more typical examples.
                Of a model of several latents also by name.
            noise: Draw x from p(x|z) instead of returning its mean.

        Raises:
            ValueError: If ``n`` or a temperature is too low, or a field missing or of wrong length.
        """
        known = check_given(given, n, temperature)
        return one_or_all(sampled(self, n, known, temperature, noise=noise))

    @torch.no_grad()
    def reconstruct(self, batch: Batch | Tensor) -> Any:
        """Return the mean of p(x|z) at the centre of q(z|x), ``(B, *event)``; see `encode`."""
        batch = self.check(batch)
        return one_or_all(means_of(self.ran(batch, Centers()), count_rows(batch)))

    @torch.no_grad()
    def log_weights(
        self,
        batch: Batch | Tensor,
        *,
        num_samples: int,
        max_rows: int = 4096,
        proposals: Mapping[str, Distribution] | None = None,
    ) -> Tensor:
        """Return importance weights log p(x, z_k) − log q(z_k|x), ``(K, B)``, without gradient.

        Args:
            batch: Fields ``(B, ...)``, or x.
            num_samples: Number of samples K per example, at least 1.
            max_rows: How many latents are decoded at once, at most; draws do not depend on it.
            proposals: Other distributions than the model's own q to draw latents from, by name.

        Raises:
            TypeError: If x is no tensor of floating point, or a wider one than the model.
            ValueError: If ``num_samples`` or ``max_rows`` is below 1, a field is missing, the shape
                of x is another, a value outside of its support, or examples share a latent.
        """
        check_int("num_samples", num_samples)
        check_int("max_rows", max_rows)
        batch = self.check(batch, scored=True)
        at_once = weight_rows(self, batch, self.drawn_at_once, max_rows)
        return log_weights(self.ran, batch, num_samples, at_once, proposals or {})

    def log_likelihood(
        self, batch: Batch | Tensor, *, num_samples: int = 100, max_rows: int = 4096
    ) -> Tensor:
        r"""Estimate log p(x) by importance sampling, ``(B,)``, in nats.

        :math:`\log \frac1K \sum_k p(x, z_k) / q(z_k|x)`, a lower bound in expectation that rises
        to log p(x) with K. Arguments and errors as for `log_weights`.

        References:
            Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.
        """
        log_w = self.log_weights(batch, num_samples=num_samples, max_rows=max_rows)
        return (log_w.double().logsumexp(0) - log(num_samples)).to(log_w.dtype)

    def impute(
        self,
        batch: Batch | Tensor,
        missing: Tensor,
        start: Tensor | None = None,
        *,
        chains: int = 1,
        burn_in: int = 20,
        steps: int = 60,
    ) -> Imputed:
        """Draw the missing values of x given the others; see `vae.models.imputing.impute`."""
        batch = check_fields(batch, self.fields)
        return impute(self, batch, missing, start, chains=chains, burn_in=burn_in, steps=steps)

    def ran(self, batch: Batch | None, draws: D) -> D:
        """Run the model on the fields that are known, and return what chose its values."""
        batch = batch or {}
        draws.num_rows = count_rows(batch) if batch else None
        self.run(batch if torch.compiler.is_compiling() else Fields(batch), draws)
        draws.refuse_unknown()
        return draws
