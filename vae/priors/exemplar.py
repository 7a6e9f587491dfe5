"""The mixture about the codes of training examples."""

__all__ = ["ExemplarPrior"]

from collections.abc import Sequence

import torch
from torch import nn
from torch.distributions import Distribution, constraints

from vae.checks import check_int
from vae.distributions import Conditional, Joint, LogScaleNormal, center
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, inverse_soft_bound, soft_bound
from vae.networks.conditioned import FieldFeatures
from vae.priors.vamp import VampPrior


class ExemplarPrior(VampPrior):
    r"""Normals of one width about codes, :math:`p(z) = \frac1K \sum_k N(z; μ(x_k), σ² I)`.

    The K exemplars :math:`x_k` are training examples, fixed and kept in the checkpoint; μ is the
    centre of the model's q(z|x). σ is learned, from 1; log σ is softly bounded to [−7, 5]. With a
    condition it is what `VampPrior` says.

    Unlike in the paper the exemplars are K fixed ones and not all N training examples, and unless
    it is asked for, an exemplar in a training batch is not left out of its own prior.

    Args:
        encoder: The model's q(z|x), over real vectors. It stays the model's.
        data_shape: Shape of one example.
        num_exemplars: K, at least 1; all are encoded at every step.
        conditional: Whether it is p(z|y).
        leave_one_out: Whether, in training, it is left out; see `VampPrior`.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If the number is out of range, or there is no condition to be conditional on.

    References:
        Exemplar VAE: Linking Generative Models, Nearest Neighbor Retrieval, and Data Augmentation
        (Norouzi, Fleet, Norouzi, 2020), 2004.04795.
    """

    def __init__(
        self,
        encoder: Conditional,
        data_shape: Sequence[int],
        *,
        num_exemplars: int = 500,
        conditional: bool | None = None,
        leave_one_out: bool | None = None,
        field_features: FieldFeatures | None = None,
    ) -> None:
        check_int("num_exemplars", num_exemplars)
        super().__init__(
            encoder,
            data_shape,
            "real",
            num_components=num_exemplars,
            fixed=True,
            conditional=conditional,
            leave_one_out=leave_one_out,
            field_features=field_features,
        )
        self.support = constraints.real_vector
        start = inverse_soft_bound(0.0, *LOG_SCALE_BOUNDS)
        self.raw_scale = nn.Parameter(torch.tensor(start))

    def components(self) -> Distribution:
        """Return N(μ(x), σ² I), batch shape ``(K,)``."""
        loc = center(super().components())
        return Joint(LogScaleNormal(loc, soft_bound(self.raw_scale, *LOG_SCALE_BOUNDS)), 1)
