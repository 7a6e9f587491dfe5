"""The density whose posterior is wanted: a log-joint of named latents, which knows no q."""

__all__ = ["RowsTarget", "Target", "WholeTarget"]

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import final

from torch import Tensor, nn

from vae.batch import Batch
from vae.inference.calling import Function, over_draws
from vae.inference.space import Space, Supports, check_latents, shape_of, split_latents


class Target(nn.Module, ABC):
    r"""The density of latents given the data, up to a constant, as a function of reals.

    Args:
        space: The latents.

    Attributes:
        discrete: Supports of latents that have no place among the reals; see `States`.
        num_examples: How many rows the data have; 1 of a log-joint that is one whole.
    """

    num_examples = 1
    discrete: Supports = MappingProxyType({})

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.space = space

    @staticmethod
    def of(log_joint: Function, latents: Supports, *, vectorized: bool = False) -> "Target":
        """Return the target of one whole log-joint.

        Args:
            log_joint: Called with the values of the latents by name, it returns log p(x, values), a
                scalar.
            latents: Supports and shapes; see `Space`.
            vectorized: Whether it is called with all draws at once, ``(K, *shape)``, and returns
                ``(K,)``. Otherwise it is written for one draw, and vectorised by `torch.vmap`.

        Raises:
            ValueError: If there are none, or its parameters are not the latents.
        """
        if not latents:
            raise ValueError("there must be a latent variable; got none")
        check_latents(latents)
        return WholeTarget(log_joint, latents, vectorized=vectorized)

    @staticmethod
    def of_data(
        log_prior: Function,
        log_likelihood: Callable[..., Tensor],
        latents: Supports,
        data: Mapping[str, Tensor],
        *,
        vectorized: bool = False,
    ) -> "Target":
        """Return the target of a prior and of rows that are independent given the latents.

        Args:
            log_prior: Called with the values by name, it returns log p(values), a scalar.
            log_likelihood: Called with some rows, ``(B, ...)`` by name, and the values by name, it
                returns the log-likelihood of each row, ``(B,)``.
            latents: Supports and shapes; see `Space`.
            data: All rows, ``(N, ...)`` by name.
            vectorized: As of `of`; the likelihood then returns ``(K, B)``.

        Raises:
            ValueError: If the fields of the data differ in length, or parameters are not the
                latents.
        """
        check_latents(latents)
        return RowsTarget(log_prior, log_likelihood, Space(latents), data, vectorized=vectorized)

    @abstractmethod
    def log_density(self, u: Tensor, states: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return log p(x, T(u)) + log|∂T/∂u| of all data, ``(*lead, D)`` to ``(*lead,)``.

        Args:
            u: Reals.
            states: Values of the discrete latents, ``(*lead, *shape)`` by name, if there are some.
        """

    @abstractmethod
    def estimate(self, u: Tensor, batch: Batch) -> Tensor:
        """Return the same without bias from a mini-batch: log prior + N/B · Σ log-likelihood."""


@final
class WholeTarget(Target):
    """A log-joint that is one whole; see `Target.of`."""

    def __init__(self, log_joint: Function, latents: Supports, *, vectorized: bool = False) -> None:
        continuous, self.discrete = split_latents(latents)
        super().__init__(Space(continuous))
        shapes = {name: shape_of(told) for name, told in latents.items()}
        self.log_joint = over_draws("log_joint", log_joint, shapes, vectorized=vectorized)

    def log_density(self, u: Tensor, states: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the log-joint of reals and of states."""
        values, log_jacobian = self.space.mapped(self.log_joint.flattened(u))
        for name, state in (states or {}).items():
            shape = state.shape[u.dim() - 1 :]
            values[name] = state.reshape((*self.log_joint.lead(u.shape[:-1]), *shape))
        log_joint = plus(self.log_joint(values), log_jacobian)
        return log_joint.view(u.shape[:-1])

    def estimate(self, u: Tensor, batch: Batch) -> Tensor:
        """Return the log-joint of reals: there are no parts."""
        return self.log_density(u)


@final
class RowsTarget(Target):
    """A prior and a likelihood of rows; see `Target.of_data`."""

    def __init__(
        self,
        log_prior: Function,
        log_likelihood: Callable[..., Tensor],
        space: Space,
        data: Mapping[str, Tensor],
        *,
        vectorized: bool = False,
    ) -> None:
        super().__init__(space)
        self.num_examples = check_data(data)
        self.fields = tuple(data)
        for name, value in data.items():
            self.register_buffer(f"data_{name}", value, persistent=False)
        self.log_prior = over_draws("log_prior", log_prior, space.shapes, vectorized=vectorized)
        self.log_likelihood = over_draws(
            "log_likelihood", log_likelihood, space.shapes, vectorized=vectorized, of_rows=True
        )

    @property
    def data(self) -> dict[str, Tensor]:
        """All rows by name."""
        return {name: self.get_buffer(f"data_{name}") for name in self.fields}

    def rows(self, index: Tensor) -> dict[str, Tensor]:
        """Return the rows of these numbers, ``(B, ...)`` by name."""
        return {name: value[index] for name, value in self.data.items()}

    def parts(self, u: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log prior + log|∂T/∂u|, ``(*lead,)``, and the log-likelihoods, ``(*lead, B)``."""
        values, log_jacobian = self.space.mapped(self.log_prior.flattened(u))
        log_prior = plus(self.log_prior(values), log_jacobian)
        rows = self.log_likelihood(values, batch)
        return log_prior.view(u.shape[:-1]), rows.view(*u.shape[:-1], rows.shape[-1])

    def log_density(self, u: Tensor, states: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the log-joint of reals and all rows."""
        log_prior, rows = self.parts(u, self.data)
        return log_prior + rows.sum(-1)

    def estimate(self, u: Tensor, batch: Batch) -> Tensor:
        """Return the log-joint of reals, as these rows have it."""
        log_prior, rows = self.parts(u, batch)
        return log_prior + self.num_examples * rows.mean(-1)


def plus(log_density: Tensor, log_jacobian: Tensor | None) -> Tensor:
    """Return the density of reals."""
    return log_density if log_jacobian is None else log_density + log_jacobian


def check_data(data: Mapping[str, Tensor]) -> int:
    """Return how many rows the data have.

    Raises:
        ValueError: If there are none, or the fields differ in length.
    """
    wrong = [
        name for name, value in data.items() if not isinstance(value, Tensor) or not value.dim()
    ]
    if wrong:
        raise ValueError(f"data must be tensors (N, ...) by name; got others for {wrong}")
    lengths = {name: len(value) for name, value in data.items()}
    if len(set(lengths.values())) != 1 or not min(lengths.values()):
        raise ValueError(f"the fields of the data must be equally long, at least 1; got {lengths}")
    return next(iter(lengths.values()))
