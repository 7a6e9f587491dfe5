"""The inverse autoregressive flow, of which a draw takes one pass."""

__all__ = ["InverseAutoregressiveFlow"]

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor
from torch.distributions import Transform

from vae.flows import zuko


class InverseAutoregressiveFlow(zuko.lazy.Flow):
    r"""Masked autoregressive steps, turned round: :math:`z_d = s_d(z^0_{<d}, c) z^0_d + m_d(…)`.

    A draw and its density take one pass of each net; the density of another point, as of the
    VampPrior and sticking the landing, takes D. As a prior, whose data are always other points,
    the flow that is not turned round is the better one: prior=maf.

    With `bins`, :math:`z_d = s_d(…) f_d(z^0_d) + m_d(…)`: monotone splines f_d on [−5, 5] bend each
    variable first. A spline alone maps the interval to itself and can hardly move a variable by
    what those before it say, which is all that a linear dependence asks for.

    Args:
        features: Number of variables D, at least 1.
        context: Number of features that it is conditioned on, at least 0.
        transforms: Number of steps, at least 1, in alternating order of the variables.
        hidden_features: Widths of each step's net.
        bins: Pieces of each rational-quadratic spline, at least 2; ``None``: no splines.

    Raises:
        ValueError: If there are fewer than 2 bins.

    References:
        Improving Variational Inference with Inverse Autoregressive Flow (Kingma, Salimans,
        Jozefowicz, Chen, Sutskever, Welling, 2016), 1606.04934.
        Neural Spline Flows (Durkan, Bekasov, Murray, Papamakarios, 2019), 1906.04032.
    """

    def __init__(
        self,
        features: int,
        context: int = 0,
        *,
        transforms: int = 2,
        hidden_features: Sequence[int] = (64, 64),
        bins: int | None = None,
    ) -> None:
        kind: dict[str, Any] = {}
        if bins is not None:
            if bins < 2:
                raise ValueError(f"bins must be at least 2, or null for no splines; got {bins}")
            rate = [*hidden_features, features][-1] ** -0.5
            kind["univariate"] = partial(bent, rate=rate)
            kind["shapes"] = [(), (), (bins,), (bins,), (bins - 1,)]
        flow = zuko.flows.MAF(
            features, context, transforms=transforms, hidden_features=[*hidden_features], **kind
        )
        super().__init__(flow.transform.inv, flow.base)


def bent(
    shift: Tensor,
    log_scale: Tensor,
    widths: Tensor,
    heights: Tensor,
    slopes: Tensor,
    *,
    rate: float,
) -> Transform:
    """Return a spline, followed by a scale and a shift.

    Args:
        shift: ``(*batch, D)``.
        log_scale: The same, before zuko bounds it.
        widths: Of the bins, before softmax, ``(*batch, D, bins)``.
        heights: The same of their images.
        slopes: Logarithms of those at the inner knots, ``(*batch, D, bins − 1)``.
        rate: What the spline's parameters are multiplied by: Adam moves what a net gives the
            further the wider the net is.
    """
    return zuko.transforms.ComposedTransform(
        zuko.transforms.MonotonicRQSTransform(rate * widths, rate * heights, rate * slopes),
        zuko.transforms.MonotonicAffineTransform(shift, log_scale),
    )
