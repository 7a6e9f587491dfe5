"""Any net with a normal posterior over its weights, which are latent variables of a trace."""

__all__ = ["LayerWeights", "Posteriors", "Variational", "Weights", "bayesian"]

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from math import inf, log

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.func import functional_call

from vae.bayesian.normal_weight import AFFINE, NormalWeight
from vae.bayesian.weight_estimators import LocalReparameterization, WeightEstimator
from vae.bayesian.weight_priors import GaussianPrior, WeightPrior
from vae.checks import check_int
from vae.distributions.joint import Joint
from vae.distributions.log_scale_normal import LogScaleNormal
from vae.draws import Draws
from vae.networks import Network

Weights = Mapping[str, Tensor]  # of a net, by name: `NormalWeight`, or values (K, 1, *shape)


def bayesian(
    net: nn.Module,
    *,
    prior: WeightPrior | None = None,
    estimator: WeightEstimator | None = None,
    start_scale: float = 0.02,
    input_dims: int | None = None,
) -> "Variational":
    """Return a net with a normal posterior over each of its weights.

    Args:
        net: Any module; its parameters become the means, and start where they are.
        prior: Of each layer's weights; N(0, 1) by default.
        estimator: How linear and convolutional layers draw; local reparameterization by default.
        start_scale: The σ at which all weights start, above 0.
        input_dims: Dimensions of one input, without the batch: 3 of pictures. ``None``: those that
            a `Network` says, or 1.

    Raises:
        ValueError: If an argument is of another kind, or the net has no parameters or a posterior
            over them already.

    Example:
        >>> from vae.draws import Posterior
        >>> net, draws = bayesian(nn.Linear(3, 2)), Posterior(5, num_examples=100)
        >>> weights = net.weights(draws)
        >>> net(torch.zeros(5, 7, 3), weights).shape, draws.trace()["weights"].kl.shape
        (torch.Size([5, 7, 2]), torch.Size([5, 1]))
    """
    check_net(net, prior, estimator)
    check_int("input_dims", input_dims, optional=True)
    if input_dims is None:
        input_dims = len(net.in_shape) if isinstance(net, Network) else 1
    return Variational(
        net,
        prior=GaussianPrior() if prior is None else prior,
        estimator=LocalReparameterization() if estimator is None else estimator,
        start_scale=start_scale,
        input_dims=input_dims,
    )


def check_net(net: object, prior: object, estimator: object) -> None:
    """Refuse what is no net, prior or estimator.

    Raises:
        ValueError: Saying what to give.
    """
    if not isinstance(net, nn.Module):
        raise ValueError(
            f"bayesian takes a net, a torch.nn.Module such as nn.Linear(3, 1); got {net!r:.60}"
        )
    if any(isinstance(part, Variational) for part in net.modules()):
        raise ValueError("the net has a posterior over its weights already: give the plain net")
    if not isinstance(prior, WeightPrior | None):
        raise ValueError(
            "prior must be one of vae.bayesian, such as GaussianPrior(scale=1.0); got "
            f"{prior!r:.60}"
        )
    if not isinstance(estimator, WeightEstimator | None):
        raise ValueError(
            f"estimator must be one of vae.bayesian, such as Flipout(); got {estimator!r:.60}"
        )


@dataclass(frozen=True)
class Posteriors:
    """What `bayesian` takes besides the net, for a part of a model; a setting of it.

    Args:
        prior: Of each layer's weights.
        estimator: How linear and convolutional layers draw.
        start_scale: The σ at which all weights start, above 0.
    """

    prior: WeightPrior
    estimator: WeightEstimator
    start_scale: float = 0.02

    def over(self, net: nn.Module) -> "Variational":
        """Return the net with a posterior over its weights."""
        return bayesian(
            net, prior=self.prior, estimator=self.estimator, start_scale=self.start_scale
        )


class Variational(nn.Module):
    r"""A net with :math:`q(w) = \prod_i N(w_i; μ_i, σ_i^2)`; see `bayesian`.

    The net stays as it is written; its parameters are μ. In a run, `weights` tells a `Draws` the
    weights of each layer, as a latent variable that all examples share, and calling the net hands
    them to it. Layers of `AFFINE` may be handed their posterior in place of a draw; all others are
    handed values.

    Args:
        net: Any module that treats rows of a batch alike, and has parameters.
        prior: Copied for each layer.
        estimator: How layers of `AFFINE` draw.
        start_scale: The σ at which all weights start, above 0.
        input_dims: Dimensions of one input, without the batch.

    Attributes:
        layers: The weights of each layer that has some, by its name with ``/`` for ``.``.

    Raises:
        ValueError: If the net has no parameters, or ``start_scale`` is not above 0.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        prior: WeightPrior,
        estimator: WeightEstimator,
        start_scale: float,
        input_dims: int,
    ) -> None:
        super().__init__()
        if not isinstance(start_scale, int | float) or not 0 < start_scale < inf:
            raise ValueError(f"start_scale must be a finite number above 0; got {start_scale!r}")
        self.net = net
        self.estimator = estimator
        self.input_dims = input_dims
        owned: dict[str, dict[str, Tensor]] = {}
        for name, parameter in net.named_parameters():
            owned.setdefault(name.rpartition(".")[0], {})[name] = parameter
        if not owned:
            raise ValueError(f"{type(net).__name__} has no parameters that could have a posterior")
        self.layers = nn.ModuleDict()
        for name, parameters in owned.items():
            affine = type(net.get_submodule(name)) in AFFINE
            layer = LayerWeights(name, parameters, deepcopy(prior), start_scale, affine=affine)
            self.layers[name.replace(".", "/") or "/"] = layer
        self.loops = any(isinstance(module, nn.RNNBase) for module in net.modules())

    def weights(self, draws: Draws, prefix: str = "") -> Weights:
        """Tell the weights of each layer to a run, and return what the run chose.

        Args:
            draws: The run.
            prefix: Of the names of the latent variables, ``<prefix><layer>.weights``.
        """
        parameters = dict(self.net.named_parameters())
        found: dict[str, Tensor] = {}
        for layer in self.layers.values():
            assert isinstance(layer, LayerWeights)
            found |= layer.chosen(draws, prefix, parameters, self.estimator)
        return found

    def forward(self, x: Tensor, weights: Weights) -> Tensor:
        """Return what the net makes of inputs.

        Args:
            x: ``(B, *in)``, or ``(K, B, *in)`` for K samples of the weights; of one sample, with
                any dimensions before ``*in``.
            weights: As `weights` returned them.

        Returns:
            ``(K, B, *out)`` of K samples that were drawn, else with the dimensions of x.

        Raises:
            ValueError: If x has another number of samples than the weights.
        """
        lead = x.shape[: x.dim() - self.input_dims]
        values = {n: w for n, w in weights.items() if not isinstance(w, NormalWeight)}
        wholes = {n: w for n, w in weights.items() if isinstance(w, NormalWeight)}
        count = max((len(w) for w in values.values()), default=1)
        as_rows = not wholes or self.estimator.rows_apart or len(lead) != 2
        if count == 1 and as_rows:
            one = {n: w[0, 0] for n, w in values.items()}
            y = self.run(x.reshape(-1, *x.shape[len(lead) :]), {**one, **wholes})
            return y.reshape(*lead, *y.shape[1:])
        num_samples = len(x) if len(lead) == 2 else count
        if count not in (1, num_samples):
            raise ValueError(f"{count} samples of the weights are given {num_samples} of x")
        each = {n: w[:, 0].expand(num_samples, *w.shape[2:]) for n, w in values.items()}
        return self.run_each(x if len(lead) == 2 else x.expand(num_samples, *x.shape), each, wholes)

    def run(self, x: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Return what the net makes of rows ``(N, *in)`` under one set of weights."""
        y: Tensor = functional_call(self.net, dict(weights), x)
        return y

    def run_each(self, x: Tensor, each: Weights, wholes: Weights) -> Tensor:
        """Return what the net makes of ``(K, B, *in)``, each sample under weights of its own."""
        if self.loops:  # recurrent layers have no rule for torch.vmap
            rows = ({n: w[k] for n, w in each.items()} for k in range(len(x)))
            return torch.stack([self.run(x[k], {**one, **wholes}) for k, one in enumerate(rows)])

        def run(x: Tensor, one: Mapping[str, Tensor]) -> Tensor:
            return self.run(x, {**one, **wholes})

        y: Tensor = torch.vmap(run, in_dims=(0, 0), randomness="different")(x, dict(each))
        return y


class LayerWeights(nn.Module):
    """The posterior and the prior of the weights of one layer, taken as one vector.

    Args:
        name: Of the layer in its net; empty of the net itself.
        parameters: Its parameters, by their names in the net.
        prior: p(w).
        start_scale: The σ at which all start.
        affine: Whether it may be handed its posterior in place of a draw.

    Attributes:
        log_scale: log σ of all weights, ``(D,)``.
    """

    def __init__(
        self,
        name: str,
        parameters: Mapping[str, Tensor],
        prior: WeightPrior,
        start_scale: float,
        *,
        affine: bool,
    ) -> None:
        super().__init__()
        self.name = f"{name}.weights" if name else "weights"
        self.shapes = {key: value.shape for key, value in parameters.items()}
        self.sizes = [shape.numel() for shape in self.shapes.values()]
        self.affine = affine
        self.prior = prior
        first = next(iter(parameters.values()))
        self.log_scale = nn.Parameter(first.new_full((sum(self.sizes),), log(start_scale)))

    def means(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return the means of all weights, ``(D,)``, of a net's parameters."""
        return torch.cat([parameters[key].flatten() for key in self.shapes])

    def split(self, values: Tensor) -> dict[str, Tensor]:
        """Return the parameters, ``(*lead, *shape)`` each, of vectors ``(*lead, D)``."""
        parts = values.split(self.sizes, -1)
        lead = values.shape[:-1]
        pairs = zip(self.shapes.items(), parts, strict=True)
        return {key: part.reshape(*lead, *shape) for (key, shape), part in pairs}

    def chosen(
        self,
        draws: Draws,
        prefix: str,
        parameters: Mapping[str, Tensor],
        estimator: WeightEstimator,
    ) -> dict[str, Tensor]:
        """Tell a run what the weights are, and return those that it chose."""
        name, event = f"{prefix}{self.name}", (sum(self.sizes),)
        loc = draws.infer(partial(self.means, parameters))

        def q() -> Distribution:
            return Joint(LogScaleNormal(loc(), self.log_scale), 1)

        def p() -> Distribution:
            made: Distribution = self.prior(loc(), self.log_scale)
            return made

        if not (estimator.reads_posterior and self.affine):
            return self.split(draws.latent(name, q=q, p=p, shared=True, event=event))
        values = draws.given(name, q=q, p=p, event=event)
        if values is not None:
            return self.split(values)
        scales = self.split(self.log_scale.exp())
        return {
            key: NormalWeight.of(parameters[key], scale, estimator) for key, scale in scales.items()
        }
