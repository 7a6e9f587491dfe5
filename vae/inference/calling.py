"""How a user's function of the latents' values is called for many draws at once."""

__all__ = ["Function", "OverDraws", "check_function", "over_draws"]

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from vae.batch import Batch

Function = Callable[..., Tensor]
Shapes = Mapping[str, Sequence[int]]
KEYWORDS = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


class OverDraws(nn.Module):
    """Calls a function with values ``(K, *shape)``, which was written for one draw or for K.

    Args:
        name: Of the function, for messages.
        function: The user's.
        shapes: Of the latents' values, by name.
        vectorized: Whether it takes all draws at once.
        of_rows: Whether it takes rows of the data before the values, and returns one number each.
    """

    def __init__(
        self, name: str, function: Function, shapes: Shapes, *, vectorized: bool, of_rows: bool
    ) -> None:
        super().__init__()
        self.name = name
        self.function = function
        self.first, shape = next(iter(shapes.items()))
        self.dims = len(shape)
        self.vectorized = vectorized
        self.of_rows = of_rows

    def flattened(self, u: Tensor) -> Tensor:
        """Return reals ``(*lead, D)`` as the function takes them: ``(K, D)``, or ``(D,)`` of one.

        One draw is spared the way through vmap, which is longer than most functions.
        """
        return u.reshape((*self.lead(u.shape[:-1]), u.shape[-1]))

    def lead(self, lead: Sequence[int]) -> tuple[int, ...]:
        """Return the dimensions of draws before a value's, as the function takes them."""
        count = prod(lead)
        return () if count == 1 and not self.vectorized else (count,)

    def forward(self, values: Mapping[str, Tensor], batch: Batch | None = None) -> Tensor:
        """Return ``(K,)`` of values ``(K, *shape)``, or ``(K, B)`` of rows; of one draw no K.

        Raises:
            ValueError: If the function returns another shape or whole numbers, or changes what it
                is given.
        """
        first = values[self.first]
        lead = first.shape[: first.dim() - self.dims]
        rows = () if batch is None else (len(next(iter(batch.values()))),)
        if self.vectorized or not lead:
            return self.checked(self.call_unchanged(values, batch), (*lead, *rows))
        return torch.vmap(lambda one: self.checked(self.call(one, batch), rows))(dict(values))

    def call(self, values: Mapping[str, Tensor], batch: Batch | None) -> Tensor:
        """Call the function."""
        return self.function(**values) if batch is None else self.function(batch, **values)

    def call_unchanged(self, values: Mapping[str, Tensor], batch: Batch | None) -> Any:
        """Call the function, and refuse one that changes a value or a field in place."""
        if (
            torch.compiler.is_compiling()
        ):  # versions cannot be asked for; the first calls were not compiled
            return self.call(values, batch)
        given = [*values.values(), *(batch or {}).values()]
        before = [tensor._version for tensor in given]
        try:
            found = self.call(values, batch)
        except (KeyError, TypeError) as error:
            if told := self.explained(error, batch):
                raise ValueError(told) from error
            raise
        if before == [tensor._version for tensor in given]:
            return found
        # Slices of one vector share a version, copies do not.
        copies = {name: value.detach().clone() for name, value in values.items()}
        fields = {name: value.clone() for name, value in (batch or {}).items()}
        self.call(copies, None if batch is None else fields)
        changed = [k for k, v in {**fields, **copies}.items() if v._version] or list(values)
        raise ValueError(
            f"{self.name} changes {', '.join(changed)} in place, which it is only to read: write "
            f"{changed[0]} = {changed[0]} + 1, say, instead of {changed[0]} += 1"
        )

    def explained(self, error: Exception, batch: Batch | None) -> str:
        """Say what an error means that comes from the data; nothing of others."""
        key = error.args[0] if error.args else None
        if isinstance(error, KeyError) and batch is not None and key not in batch:
            return f"{self.name} looks up {key!r}; the fields of the data are {', '.join(batch)}"
        if isinstance(error, TypeError) and "ndarray" in str(error):
            return (
                f"{self.name} mixes tensors with numpy arrays: make its data tensors, "
                f"torch.as_tensor(x) ({error})"
            )
        return ""

    def checked(self, value: Any, shape: tuple[int, ...]) -> Tensor:
        """Refuse what has another shape, or no gradient."""
        if isinstance(value, Tensor) and value.shape == shape:
            if value.is_floating_point():
                return value
            raise ValueError(
                f"{self.name} must return floating point, through which gradients go; got "
                f"{value.dtype}: build it of log-densities, without .long() or comparisons"
            )
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        wanted = "a scalar tensor" if shape == () else f"a tensor of shape {shape}"
        hint = (
            "one log-likelihood for each row"
            if self.of_rows
            else "the sum of all log-densities, such as Normal(mu, 1).log_prob(x).sum()"
        )
        raise ValueError(f"{self.name} must return {wanted}, {hint}; got {got}")


def over_draws(
    name: str, function: Function, shapes: Shapes, *, vectorized: bool, of_rows: bool = False
) -> OverDraws:
    """Return what calls a function for many draws.

    Raises:
        ValueError: If it is none, or its parameters are not the latents.
    """
    check_function(name, function, list(shapes), skipped=int(of_rows))
    return OverDraws(name, function, shapes, vectorized=vectorized, of_rows=of_rows)


def check_function(name: str, function: object, latents: list[str], *, skipped: int = 0) -> None:
    """Refuse what is no function of the latents.

    Args:
        name: Of the function, for messages.
        function: What was given.
        latents: Their names.
        skipped: Parameters before those of the latents.

    Raises:
        ValueError: If it is none, or its parameters are not the latents.
    """
    if not callable(function):
        raise ValueError(f"{name} must be a function of the latents; got {function!r:.60}")
    called = function.forward if isinstance(function, nn.Module) else function
    try:
        parameters = list(signature(called).parameters.values())[skipped:]
    except ValueError:  # of a function that does not tell
        return
    check_parameters(name, parameters, latents)


def check_parameters(name: str, parameters: list[Parameter], latents: list[str]) -> None:
    """Refuse a function that lacks a latent, or asks for what is none.

    Raises:
        ValueError: Naming it.
    """
    takes_all = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
    known = {p.name for p in parameters if p.kind in KEYWORDS}
    asked = [p.name for p in parameters if p.kind in KEYWORDS and p.default is Parameter.empty]
    if unknown := [one for one in asked if one not in latents]:
        raise ValueError(
            f"{name} asks for {', '.join(unknown)}; the latents are {', '.join(latents)}"
        )
    if not takes_all and (missing := [one for one in latents if one not in known]):
        raise ValueError(
            f"{name} takes no {', '.join(missing)}, which is among the latents: name its "
            "parameters as they are named"
        )
