"""A net with a posterior over its weights, which predicts a label or a number from x."""

__all__ = ["BayesianNet"]

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.batch import Batch
from vae.bayesian import Variational, WeightEstimator, WeightPrior, bayesian
from vae.checks import check_int
from vae.distributions import ClassResponse, RealResponse, Response
from vae.draws import Draws, Posterior
from vae.models.border import check_type
from vae.models.model import Model
from vae.models.standardize import Standardize
from vae.networks import Network
from vae.parts import Parts
from vae.spec import DataSpec


class BayesianNet(Model):
    r"""p(y, w | x) = p(w) p(y | x, w) with the approximate posterior q(w), shared by all examples.

    The ELBO is per example: :math:`E_q \log p(y|x, w) - KL(q ‖ p)/N`. It is a model of y alone; x
    is given, as where y is sampled: ``model.sample(n, given={"x": x})``.

    Args:
        net: From x to the parameters of p(y|x, w).
        response: Their distribution, in units of y.
        standardize: What stands between x and the net, if the data are to be standardised.

    Raises:
        ValueError: If the net or the response is none.

    References:
        Weight Uncertainty in Neural Networks (Blundell et al., 2015), 1505.05424.
    """

    def __init__(
        self, net: Variational, response: Response, *, standardize: Standardize | None = None
    ) -> None:
        if not isinstance(net, Variational):
            raise ValueError(
                "BayesianNet takes a net with a posterior over its weights, bayesian(net); got "
                f"{type(net).__name__}"
            )
        if not isinstance(response, Response):
            raise ValueError(
                f"response must be a RealResponse() or a ClassResponse(C); got {response!r:.60}"
            )
        super().__init__(standardize)
        self.net = net
        self.response = response
        self.fields = ("x", response.field)
        self.predicts = response.field

    @classmethod
    def build(
        cls,
        spec: DataSpec,
        parts: Parts,
        *,
        net: Mapping[str, Any],
        weight_prior: Mapping[str, Any],
        weight_estimator: Mapping[str, Any],
        start_scale: float = 0.02,
        varying_noise: bool = False,
    ) -> Self:
        """Build it of its own settings alone; see `Model.build`.

        Args:
            spec: Of the data, which have labels or a real target.
            parts: Makes the net.
            net: From x to logits, or to the mean of y and, if its noise varies, to its log σ.
            weight_prior: Of each layer's weights.
            weight_estimator: How layers draw.
            start_scale: σ of all weights at the start, above 0.
            varying_noise: Whether the noise of a real y depends on x.

        Raises:
            ValueError: If the data have nothing that could be predicted.
        """
        response = response_of(spec, varying=varying_noise)
        made = parts.net(net, "net", in_shape=spec.shape, out_shape=response.param_shape)
        prior = parts.own(weight_prior, "weight_prior")
        estimator = parts.own(weight_estimator, "weight_estimator")
        if not isinstance(prior, WeightPrior) or not isinstance(estimator, WeightEstimator):
            raise ValueError(
                "model.weight_prior and model.weight_estimator must be a prior and an estimator of "
                f"weights; got {type(prior).__name__} and {type(estimator).__name__}"
            )
        variational = bayesian(
            made,
            prior=prior,
            estimator=estimator,
            start_scale=start_scale,
            input_dims=len(spec.shape),
        )
        standardize = Standardize(spec.shape) if spec.standardized else None
        return cls(variational, response, standardize=standardize)

    def run(self, batch: Batch, draws: Draws) -> None:
        """Choose the weights of every layer and say what y is under them."""
        weights = self.net.weights(draws)
        count = max(len(latent.z) for latent in draws.latents.values())
        x = self.standardized(batch["x"])
        x = x if x.dim() - self.net.input_dims > 1 else x.expand(count, *x.shape)
        y = batch.get(self.response.field)
        # No function: a y that is not known is drawn, since a class has no mean.
        draws.observe(self.response.field, self.response(self.net(x, weights)), y)

    @torch.no_grad()
    def predict(self, x: Tensor, num_samples: int = 100, *, max_rows: int = 4096) -> Distribution:
        r"""Return the predictive distribution :math:`\frac1K \sum_k p(y|x, w_k)`, batch ``(B,)``.

        Args:
            x: In the units of the data, ``(B, *event)``.
            num_samples: Draws of the weights K, at least 1.
            max_rows: How many outputs are computed at once, which bounds the memory.

        Raises:
            TypeError: If x is no tensor of floating point, or a wider one than the net.
            ValueError: If a number is below 1, or x has another shape or is not finite.
        """
        return self.response.mixed(self.outputs(x, num_samples, max_rows=max_rows))

    @torch.no_grad()
    def outputs(self, x: Tensor, num_samples: int, *, max_rows: int = 4096) -> Tensor:
        """Return what the net makes of x under draws of its weights, ``(K, B, *param_shape)``."""
        check_int("num_samples", num_samples)
        check_int("max_rows", max_rows)
        dtype = next(self.net.parameters()).dtype if self.standardize is None else None
        check_inputs(x, self.net, dtype)
        x = self.standardized(x)
        rows = max(1, min(len(x), max_rows))
        step = max(1, max_rows // rows)
        parts = []
        for done in range(0, num_samples, step):
            count = min(step, num_samples - done)
            weights = self.net.weights(Posterior(count, priors=False, whole=False))
            pieces = [
                self.net(piece.expand(count, *piece.shape), weights) for piece in x.split(rows)
            ]
            parts.append(torch.cat(pieces, 1))
        return torch.cat(parts)


def check_inputs(x: Tensor, net: Variational, dtype: torch.dtype | None) -> None:
    """Refuse what are no examples that a net can take, in its type unless there is none.

    Raises:
        TypeError: If they are no tensor of floating point, or a wider one than the net.
        ValueError: If they have another shape, or are not finite.
    """
    check_type(x, dtype, exact=False)
    shape = input_shape(net)
    dims = "one dimension" if net.input_dims == 1 else f"{net.input_dims} dimensions"
    told = f"of shape (B, {', '.join(map(str, shape))})" if shape else f"(B, ...) of {dims} each"
    if x.dim() != 1 + net.input_dims or (shape and tuple(x.shape[1:]) != shape):
        one = ": give x[None] for one example" if x.dim() == net.input_dims else ""
        raise ValueError(f"x must be examples {told}; got shape {tuple(x.shape)}{one}")
    if not x.isfinite().all():
        place = tuple((~x.isfinite()).nonzero()[0].tolist())
        raise ValueError(f"x must be finite; got {x[place].item()} at index {place}")


def input_shape(net: Variational) -> tuple[int, ...]:
    """Return the shape of one input of a net, as far as it or a first linear layer tells it."""
    inner = net.net
    if isinstance(inner, Network):
        return inner.in_shape
    first = next(iter(inner)) if isinstance(inner, nn.Sequential) else inner
    return (first.in_features,) if isinstance(first, nn.Linear) else ()


def response_of(spec: DataSpec, *, varying: bool) -> Response:
    """Return the head of what such data let a net predict.

    Raises:
        ValueError: If that is nothing.
    """
    if spec.num_classes is not None:
        return ClassResponse(spec.num_classes)
    if RealResponse.field in spec.fields:
        return RealResponse(varying=varying)
    raise ValueError(
        f"model BayesianNet predicts a label or a real target, and data {spec.name} have neither: "
        "give data with labels, or of a table data.target=<its column>"
    )
