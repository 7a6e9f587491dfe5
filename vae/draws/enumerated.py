"""Every value of one variable in turn, and draws of the others given each."""

__all__ = ["Enumerated"]

from torch import Tensor

from vae.distributions.sampling import check_rows, draw_rows, in_logarithms, points
from vae.draws.draws import Asked, Draws, made
from vae.trace import Latent


class Enumerated(Draws):
    """The V values of one latent variable, ``(V, B, *event)``, and z ~ q(z|x, value) of the others.

    Of a posterior that does not depend on the value there is one draw for all of them, which the
    nets read once: the values are compared at the same point.

    Args:
        name: Of the variable.
        values: ``(V, *event)``.
        num_examples: As of `Draws`.
    """

    def __init__(self, name: str, values: Tensor, *, num_examples: int = 1) -> None:
        super().__init__(num_examples=num_examples)
        self.name = name
        self.values = values

    def choose(self, asked: Asked) -> Latent:
        """Return the variable at every value, or drawn given each."""
        if asked.shared:
            raise ValueError(f"all examples share {asked.name}: use estimator=pathwise")
        q, p = in_logarithms(asked.q()), in_logarithms(made(asked.p))
        check_rows(asked.name, q, self.num_rows)
        if asked.name == self.name:
            z = self.values[:, None].expand(-1, q.batch_shape[-1], *q.event_shape)
            return asked.latent(q, p, z)
        count = len(self.values)
        each = count if q.batch_shape[:-1] == (count,) else 1
        z, log_q = draw_rows(q, each, asked.name, shared=False)
        whole = z.expand(count, *z.shape[1:])
        return asked.latent(
            q, p, whole, None if log_q is None else log_q.expand(count, -1), points(q, z)
        )
