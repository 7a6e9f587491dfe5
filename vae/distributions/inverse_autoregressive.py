"""The inverse autoregressive flow, of which a draw takes one pass."""

__all__ = ["InverseAutoregressiveFlow"]

from collections.abc import Sequence

from vae.flows import zuko


class InverseAutoregressiveFlow(zuko.lazy.Flow):
    r"""Masked autoregressive steps, turned round: :math:`z_d = s_d(z^0_{<d}, c) z^0_d + m_d(…)`.

    A draw and its density take one pass of each net; the density of another point, as of the
    VampPrior and sticking the landing, takes D. As a prior, whose data are always other points,
    the flow that is not turned round is the better one: prior=maf.

    Args:
        features: Number of variables D, at least 1.
        context: Number of features that it is conditioned on, at least 0.
        transforms: Number of steps, at least 1, in alternating order of the variables.
        hidden_features: Widths of each step's net.

    References:
        Improving Variational Inference with Inverse Autoregressive Flow (Kingma, Salimans,
        Jozefowicz, Chen, Sutskever, Welling, 2016), 1606.04934.
    """

    def __init__(
        self,
        features: int,
        context: int = 0,
        *,
        transforms: int = 2,
        hidden_features: Sequence[int] = (64, 64),
    ) -> None:
        flow = zuko.flows.MAF(
            features, context, transforms=transforms, hidden_features=[*hidden_features]
        )
        super().__init__(flow.transform.inv, flow.base)
