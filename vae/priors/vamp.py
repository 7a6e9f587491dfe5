"""The variational mixture of posteriors."""

__all__ = ["VampPrior"]

from collections.abc import Sequence
from math import inf

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.distributions import Conditional, UniformMixture, WeightedMixture
from vae.from_data import Examples, StartsFromData
from vae.networks.conditioned import FieldFeatures
from vae.priors.component_fields import ComponentFields
from vae.priors.parametric_prior import required
from vae.priors.prior import Prior


class VampPrior(Prior, StartsFromData):
    r"""The mixture of posteriors at learned pseudo-inputs, :math:`p(z) = \frac1M \sum_m q(z|u_m)`.

    Pseudo-inputs of bounded data are kept inside [0, 1] by a sigmoid, which leaves every one of
    them a gradient (a clamp, as in much published code, starts most of them without). They start
    at training examples; fixed ones stay there, and are in the checkpoint.

    In a model with a condition each pseudo-input keeps the fields of the example at which it
    started, and its component is :math:`q(z|u_m, y_m)`. If the prior is conditional, it is
    :math:`p(z|y) = \sum_m w_m(y) q(z|u_m, y_m)`, with the weights of `ComponentFields`.

    Fixed ones may be left out of their own mixture in training, as an exemplar is in the paper: a
    training example :math:`x_n` has :math:`\frac1{M'} \sum_{u_m \ne x_n} q(z|u_m)` then, of the M'
    components that do not stand for it, so that it cannot be explained by itself. Which those are
    is told by its ``index``. In evaluation all components count.

    Args:
        encoder: The model's q(z|x). It stays the model's: its parameters are not listed here.
        data_shape: Shape of one example.
        support: Where the data lie: ``boolean``, ``unit_interval`` or ``real``.
        num_components: Number of pseudo-inputs M, at least 1.
        fixed: Whether the pseudo-inputs stay where they start.
        conditional: Whether it is p(z|y).
        leave_one_out: Whether a training example has the mixture of the others; of fixed ones.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If there is no component, no condition to be conditional on, or ones that learn
            are to be left out.

    References:
        VAE with a VampPrior (Tomczak, Welling, 2018), 1705.07120.
        Exemplar VAE: Linking Generative Models, Nearest Neighbor Retrieval, and Data Augmentation
        (Norouzi, Fleet, Norouzi, 2020), 2004.04795.
    """

    def __init__(
        self,
        encoder: Conditional,
        data_shape: Sequence[int],
        support: str,
        *,
        num_components: int = 500,
        fixed: bool | None = None,
        conditional: bool | None = None,
        leave_one_out: bool | None = None,
        field_features: FieldFeatures | None = None,
    ) -> None:
        super().__init__()
        if num_components < 1:
            raise ValueError(f"num_components must be at least 1; got {num_components}")
        if leave_one_out and not fixed:
            raise ValueError(
                "leave_one_out=true leaves out training examples, of which pseudo-inputs that "
                "learn are none: use fixed=true"
            )
        # In a tuple, so that the encoder is not registered and saved a second time.
        self._encoder = (encoder,)
        self.fixed = bool(fixed)
        self.bounded = not fixed and support != "real"
        self.support, self.event_shape = encoder.head.support, encoder.head.event_shape
        inputs = torch.randn(num_components, *data_shape)
        self.free_inputs: Tensor
        self.places: Tensor
        if fixed:
            self.register_buffer("free_inputs", inputs)
        else:
            self.free_inputs = nn.Parameter(inputs)
        self.conditional = bool(conditional)
        features = required(field_features) if conditional else field_features
        self.fields: ComponentFields | None = None
        if features is not None:
            self.fields = ComponentFields(features, num_components, weigh=self.conditional)
        if leave_one_out:
            self.trained_with = ("index",)
            self.register_buffer("places", torch.full((num_components,), -1))

    @property
    def pseudo_inputs(self) -> Tensor:
        """The pseudo-inputs u, ``(M, *data_shape)``, in the range of what the encoder sees."""
        return self.free_inputs.sigmoid() if self.bounded else self.free_inputs

    @torch.no_grad()
    def initialize(self, examples: Examples) -> None:
        """Start the pseudo-inputs at examples, repeated with noise where there are too few.

        Raises:
            ValueError: If one example would have a mixture of nothing.
        """
        x = examples(len(self.free_inputs))
        rows = torch.arange(len(self.free_inputs), device=x.device) % len(x)
        start = x[rows].clamp(0.05, 0.95).logit() if self.bounded else x[rows]
        noise = 0.0 if self.fixed else 0.1 * torch.randn_like(start)
        self.free_inputs.copy_(start + noise)
        if self.fields is not None:
            self.fields.initialize(examples, rows)
        if self.trained_with:
            self.places.copy_(examples(len(rows), "index")[rows])
            if (self.places == self.places[0]).all():
                raise ValueError(
                    "leave_one_out=true leaves nothing of a mixture about one example: use two "
                    "components or more, or leave_one_out=false"
                )

    def components(self) -> Distribution:
        """Return q(z|u), batch shape ``(M,)``."""
        given = [] if self.fields is None else self.fields.values()
        q: Distribution = self._encoder[0](self.pseudo_inputs, *given)
        return q

    def forward(self, *given: Tensor, index: Tensor | None = None) -> Distribution:
        """Return the mixture over latents.

        Args:
            given: The fields ``(B, ...)`` of p(z|y); the batch shape is ``(B,)`` then.
            index: ``(B,)``, where training examples stand that are left out of their own mixtures;
                the batch shape is ``(B,)`` then too.
        """
        log_w = self.fields.log_weights(*given) if self.conditional and self.fields else None
        if index is not None:
            own = index.unsqueeze(-1) == self.places
            log_w = torch.zeros(()) if log_w is None else log_w
            log_w = log_w.to(self.free_inputs).masked_fill(own, -inf)
        if log_w is None:
            return UniformMixture(self.components())
        return WeightedMixture(self.components(), log_w)
