"""Models written for NumPyro, as densities to fit: JAX computes value and gradient at once."""

__all__ = ["from_numpyro"]

import warnings
from collections.abc import Callable, Mapping
from typing import Any, cast, final

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from vae.batch import Batch
from vae.inference.foreign_models import check_model, needed
from vae.inference.numpyro_sites import latent_sites_of_numpyro
from vae.inference.space import Space
from vae.inference.target import Target

Jitted = Callable[[dict[str, Any]], tuple[Any, dict[str, Any]]]


def from_numpyro(model: Callable[..., Any], *args: Any, **kwargs: Any) -> Target:
    """Return the target of a NumPyro model, given all its data.

    Latents have the names and the order of the model's sample sites. Their bijections are torch's,
    so that a vector of reals may mean another correlation matrix than NumPyro's own. JAX computes
    in single precision unless ``jax.config.update("jax_enable_x64", True)`` was called.

    Args:
        model: A function of sample sites.
        args: What it is called with, its observations among them.
        kwargs: Likewise, by name.

    Raises:
        ImportError: If NumPyro is not installed.
        ValueError: If it is no model, cannot be called with what is given, has no latent, a
            discrete one, a plate that draws rows, parameters of its own, a support that torch
            lacks, or if its latents or their supports are others from one run to the next.

    References:
        Composable Effects for Flexible and Accelerated Probabilistic Programming in NumPyro (Phan,
        Pradhan, Jankowiak, 2019), 1912.11554.
    """
    log_density = needed("numpyro.infer.util", "from_numpyro", "numpyro").log_density
    import jax

    check_model("from_numpyro", model, args, kwargs)
    space = Space(latent_sites_of_numpyro(model, args, kwargs))

    def of_one(values: dict[str, Any]) -> Any:
        return log_density(model, args, kwargs, values)[0]

    dtype = torch.float64 if jax.config.jax_enable_x64 else torch.float32
    return NumPyroTarget(space, jax.jit(jax.vmap(jax.value_and_grad(of_one))), dtype)


@final
class NumPyroTarget(Target):
    """The density of a NumPyro model; see `from_numpyro`.

    Args:
        space: Its latents.
        jitted: Takes values by name, ``(K, *shape)``, and returns their log-joints ``(K,)`` with
            the gradients, as arrays of JAX.
        dtype: In which JAX computes.
    """

    def __init__(self, space: Space, jitted: Jitted, dtype: torch.dtype) -> None:
        super().__init__(space)
        self.jitted = jitted
        self.register_buffer("of_type", torch.zeros((), dtype=dtype), persistent=False)

    def log_density(self, u: Tensor, states: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the log-joint of reals.

        Warns:
            UserWarning: If reals of double precision meet a JAX of single precision.
        """
        if u.dtype == torch.float64:
            warn_of_single_precision()
        values, log_jacobian = self.space.constrain(u.reshape(-1, u.shape[-1]))
        log_joint = InJax.apply(self.jitted, self.space.names, *values.values())
        return cast(Tensor, log_joint + log_jacobian).view(u.shape[:-1])

    def estimate(self, u: Tensor, batch: Batch) -> Tensor:
        """Return the log-joint of reals: there are no parts."""
        return self.log_density(u)


class InJax(torch.autograd.Function):
    """A function of JAX with its gradient."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, jitted: Jitted, names: tuple[str, ...], *values: Tensor
    ) -> Tensor:
        """Return ``(K,)`` of values ``(K, *shape)``."""
        import jax.numpy as jnp

        given = {
            name: jnp.asarray(value.detach().cpu().numpy())
            for name, value in zip(names, values, strict=True)
        }
        log_joint, slopes = jitted(given)
        like = values[0]
        ctx.save_for_backward(*(torch.tensor(slopes[name].__array__()).to(like) for name in names))
        return torch.tensor(log_joint.__array__()).to(like)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the values."""
        gradients = (slope.view(-1, *(1,) * (each.dim() - 1)) * each for each in ctx.saved_tensors)
        return (None, None, *gradients)


def warn_of_single_precision() -> None:
    """Say it if JAX is about to round, which it does without a word."""
    import jax

    if not jax.config.jax_enable_x64:
        warnings.warn(
            "JAX computes in single precision, to which the doubles given are rounded: call "
            'jax.config.update("jax_enable_x64", True) at the start of the program',
            stacklevel=3,
        )
