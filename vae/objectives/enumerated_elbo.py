"""The ELBO of discrete latents without a draw: the sum over every value they can take."""

__all__ = ["EnumeratedELBO"]

from itertools import product

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.distributions.joint import dimension_of
from vae.draws import Replay
from vae.objectives.objective import START, Objective, Progress
from vae.trace import Trace, total

FEWER = "use fewer variables or categories, or ELBO with the score function, estimator=score"


class EnumeratedELBO(Objective):
    r"""The negative ELBO, :math:`-\sum_z q(z|x)\,(\log p(x, z) - \log q(z|x))`, and its gradient.

    Nothing is estimated, so that there is no variance and no bias. D variables of C categories have
    C^D values, for each of which the model is run: a chain of latents as well as one.

    Args:
        max_values: The most values that are enumerated, at least 1.

    Raises:
        ValueError: When a trace is given, if a latent cannot be enumerated, is shared, or there are
            more values.
    """

    is_elbo = True

    def __init__(self, *, max_values: int = 4096) -> None:
        super().__init__()
        if max_values < 1:
            raise ValueError(f"max_values must be at least 1; got {max_values}")
        self.max_values = max_values

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the terms ``reconstruction`` and ``kl``."""
        every = at_every_value(trace, self.max_values)
        # Without weights of examples: that a variable counts less makes no value more probable.
        probability = total([a.q.log_prob(a.z) for a in every.latents]).exp()
        log_px = (probability * every.log_px).sum(0)
        return {"reconstruction": -log_px.mean(), "kl": (probability * every.kl).sum(0).mean()}


def at_every_value(trace: Trace, most: int) -> Trace:
    """Return the trace of the same batch at every value of its latents, ``(values, B)``.

    Raises:
        ValueError: As of `EnumeratedELBO`.
    """
    if trace.rerun is None:
        raise ValueError("enumeration needs a trace that a Model returned")
    names = [latent.name for latent in trace.latents]
    if shared := [latent.name for latent in trace.latents if latent.shared]:
        raise ValueError(f"all examples share {', '.join(shared)}: use estimator=pathwise")
    supports = [values_of(a.name, a.q, most) for a in trace.latents]
    count = torch.Size(len(values) for values in supports).numel()
    if count > most:
        raise ValueError(
            f"{' and '.join(names)} have {count:,} values together, more than max_values={most:,}: "
            f"{FEWER}"
        )
    pairs = torch.cartesian_prod(*[torch.arange(len(values)) for values in supports])
    rows = trace.latents[0].z.shape[1]
    chosen = {
        name: (values[which][:, None].expand(-1, rows, *values.shape[1:]))
        for name, values, which in zip(names, supports, pairs.view(count, -1).T, strict=True)
    }
    draws = Replay(chosen)
    trace.rerun(draws)
    return draws.trace()


def values_of(name: str, q: Distribution, most: int) -> Tensor:
    """Return every value of one example's latent variable, ``(values, *event)``.

    Raises:
        ValueError: If it has no finite number of them, or more than ``most``.
    """
    base = dimension_of(q)
    if not base.has_enumerate_support:
        raise ValueError(
            f"{name} cannot be enumerated; its q is {type(base).__name__}. Use a discrete one: "
            "posterior=categorical posterior.temperature=null"
        )
    each = base.enumerate_support(expand=False)  # (values, 1, ..., *event of the base)
    each = each.reshape(len(each), *base.event_shape)
    outer = q.event_shape[: len(q.event_shape) - len(base.event_shape)]
    if len(each) ** outer.numel() > most:
        total_count = len(each) ** outer.numel()
        raise ValueError(
            f"{name} has {total_count:,} values, more than max_values={most:,}: {FEWER}"
        )
    joint = list(product(range(len(each)), repeat=outer.numel()))
    return each[torch.tensor(joint)].reshape(len(joint), *outer, *base.event_shape)
