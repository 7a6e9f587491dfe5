"""Discrete latents: q is a product of categorical distributions, drawn, relaxed or summed over."""

__all__ = ["States"]

from collections.abc import Mapping
from math import log, prod

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, constraints
from torch.distributions.constraints import Constraint

from vae.distributions import GumbelSoftmax
from vae.distributions.joint import Joint
from vae.draws import Draws
from vae.inference.flat import Flat
from vae.inference.space import Supports, Told, shape_of, support_of

MOST = 4096  # states that are summed over
WAYS = ("score", "relaxed", "enumerate")


class States(nn.Module):
    r"""q(s) = ∏ Categorical(s_i), over discrete latents of these supports.

    A value of ``boolean`` is 0 or 1 of floating point, one of ``integer_interval`` an int64, one of
    ``one_hot`` a vector. The ways to a gradient:

    - ``score``: states are drawn, and the gradient is that of their score;
    - ``relaxed``: states are points between them (Gumbel-softmax), at which the log-joint must have
      a value, so that there are no integers among them; in evaluation they are drawn;
    - ``enumerate``: the expectation over q(s) is a sum over all states, exact.

    Args:
        latents: Support and shape of each.
        way: One of these.
        temperature: Of the relaxation, above 0.

    Raises:
        ValueError: If a support is not known, or there are too many states to sum over.

    References:
        Categorical Reparameterization with Gumbel-Softmax (Jang, Gu, Poole, 2016), 1611.01144.
    """

    def __init__(self, latents: Supports, way: str, *, temperature: float = 0.5) -> None:
        super().__init__()
        if way not in WAYS:
            raise ValueError(
                f"{', '.join(latents)} is discrete, through which no gradient goes: use estimator="
                f'"score", "relaxed" or "enumerate"; got {way!r}'
            )
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0; got {temperature}")
        self.way = way
        self.temperature = temperature
        self.supports = {name: support_of(told) for name, told in latents.items()}
        self.shapes: dict[str, tuple[int, ...]] = {}  # of the values, without the categories
        self.logits = nn.ParameterDict()
        for name, told in latents.items():
            *shape, count = counted(name, self.supports[name], told)
            self.shapes[name] = tuple(shape)
            self.logits[name] = nn.Parameter(0.01 * torch.randn(*shape, count))
        self.num_states = prod(
            logits.shape[-1] ** logits[..., 0].numel() for logits in self.logits.values()
        )
        if way == "enumerate" and self.num_states > MOST:
            raise ValueError(
                f"{', '.join(latents)} have {self.num_states:,} states together, and at most "
                f'{MOST:,} are summed over: use estimator="score"'
            )
        integers = [k for k, s in self.supports.items() if isinstance(s, INTEGERS)]
        if way == "relaxed" and integers:
            raise ValueError(
                f"{', '.join(integers)} has whole numbers, which have nothing between them: "
                "describe it as constraints.one_hot of shape (..., C)"
            )

    def q(self, name: str) -> Distribution:
        """Return q of a latent, over numbers of categories ``(*shape,)``."""
        logits = self.logits[name]
        return Joint(Categorical(logits=logits, validate_args=False), logits.dim() - 1)

    def value(self, name: str, number: Tensor) -> Tensor:
        """Return the values of numbers of categories, ``(*lead, *shape)``."""
        support, logits = self.supports[name], self.logits[name]
        if isinstance(support, type(constraints.boolean)):
            return number.to(logits.dtype)
        if isinstance(support, INTEGERS):
            return number + int(support.lower_bound)
        return nn.functional.one_hot(number, logits.shape[-1]).to(logits.dtype)

    def chosen(self, draws: Draws, rows: int, *, relaxes: bool) -> dict[str, Tensor]:
        """Have the states drawn, relaxed or not, and return values, ``(K, B, *shape)`` by name."""
        return {
            name: self.relaxed(name, draws, rows) if relaxes else self.drawn(name, draws, rows)
            for name in self.logits
        }

    def drawn(self, name: str, draws: Draws, rows: int) -> Tensor:
        """Draw a latent from its q, under a flat mass."""
        q = self.q(name).expand((rows,))
        return self.value(name, draws.latent(name, q=lambda: q, p=Flat(*q.event_shape)))

    def relaxed(self, name: str, draws: Draws, rows: int) -> Tensor:
        """Draw a latent from the relaxed q, under the relaxed uniform mass; see `constant`."""
        logits = self.logits[name]
        dims = logits.dim() - 1
        q = Joint(GumbelSoftmax(self.temperature, logits), dims).expand((rows,))
        p = Joint(GumbelSoftmax(self.temperature, torch.zeros_like(logits)), dims)
        point = draws.latent(name, q=lambda: q, p=p)
        boolean = isinstance(self.supports[name], type(constraints.boolean))
        return point[..., 1] if boolean else point

    @property
    def constant(self) -> float:
        """What the uniform mass of all states lacks to the flat one, in nats."""
        return log(self.num_states)

    def all_states(self) -> tuple[dict[str, Tensor], Tensor]:
        """Return the values of all states, ``(S, *shape)`` by name, and log q of each, ``(S,)``."""
        names, sizes = [], []
        for name, logits in self.logits.items():
            count = logits[..., 0].numel()
            names.append((name, count))
            sizes += [logits.shape[-1]] * count
        device = next(iter(self.logits.values())).device
        grid = torch.cartesian_prod(*[torch.arange(size, device=device) for size in sizes])
        parts = grid.reshape(-1, len(sizes)).split([count for _, count in names], 1)
        values, log_q = {}, torch.zeros((), device=device)
        for (name, _), part in zip(names, parts, strict=True):
            number = part.reshape(-1, *self.logits[name].shape[:-1])
            values[name] = self.value(name, number)
            log_q = log_q + self.q(name).log_prob(number)
        return values, log_q

    @property
    def probabilities(self) -> dict[str, Tensor]:
        """q of every value, ``(*shape, C)`` by name."""
        return {name: p.detach().double().softmax(-1) for name, p in self.logits.items()}

    def numbers(self, name: str) -> list[int]:
        """Return the C values of a latent as whole numbers, the categories' of a one-hot one."""
        support = self.supports[name]
        low = int(support.lower_bound) if isinstance(support, INTEGERS) else 0
        return list(range(low, low + self.logits[name].shape[-1]))

    def number(self, name: str, value: Tensor) -> Tensor:
        """Return the numbers of categories of values, ``(*lead, *shape)``."""
        support = self.supports[name]
        if isinstance(support, type(constraints.one_hot)):
            return value.argmax(-1)
        return value.long() - self.numbers(name)[0]

    def log_prob(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return log q of values ``(*lead, *shape)`` by name, ``(*lead,)``."""
        each = [self.q(name).log_prob(self.number(name, v)) for name, v in values.items()]
        return torch.stack(each).sum(0)

    @torch.no_grad()
    def sample(self, n: int) -> tuple[dict[str, Tensor], Tensor]:
        """Return draws, ``(n, *shape)`` by name, and log q of each, ``(n,)``."""
        values, log_q = {}, torch.zeros(n)
        for name in self.logits:
            number = self.q(name).sample((n,))
            values[name] = self.value(name, number)
            log_q = log_q + self.q(name).log_prob(number)
        return values, log_q


INTEGERS = constraints.integer_interval


def counted(name: str, support: Constraint, told: Told) -> tuple[int, ...]:
    """Return the shape of a latent's categories, of which the last dimension counts them.

    Raises:
        ValueError: If the support has no known number of categories.
    """
    shape = shape_of(told)
    if isinstance(support, type(constraints.boolean)):
        return *shape, 2
    if isinstance(support, INTEGERS):
        return *shape, int(support.upper_bound) - int(support.lower_bound) + 1
    if isinstance(support, type(constraints.one_hot)) and shape:
        return shape
    raise ValueError(
        f"{name} must be boolean, integer_interval(low, high), or one_hot of shape (..., C); got "
        f"{support} of shape {shape}"
    )
