"""The variational recurrent net: a latent a step, and a state that has seen all before it."""

__all__ = ["VRNN"]

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.batch import Batch
from vae.distributions import Conditional, Head, Likelihood, NormalPosterior
from vae.distributions.of_step import OfStep
from vae.draws import Draws
from vae.models.model import Model
from vae.models.sequences.continued import continued
from vae.models.sequences.emission import Emission, observe_as_read, stacked
from vae.models.sequences.padded import Padded, check_real, event_of, fields_of, input_size
from vae.models.sequences.side_by_side import GRUStep, SideBySide
from vae.parts import Parts
from vae.spec import DataSpec


class VRNN(Model):
    r"""A latent a step: :math:`\prod_t p(z_t|h_{t-1})\,p(x_t|z_t, h_{t-1})`.

    With :math:`h_t = \mathrm{GRU}(x_t, z_t, h_{t-1})` and :math:`q(z_t|x_t, h_{t-1})`. It goes on
    with the values of x that are known; where they are made, each step's are drawn and fed back.
    Of missing values the nets are told that they are. Latents are called ``z.0``, ``z.1``, ….

    Args:
        x_features: From the inputs ``(B, T, I)`` to features of x.
        z_features: From z of a step to features.
        posterior: q of a step, given features of x and h.
        prior: p of a step, given h.
        emission: p(x|…), given features of z and h.
        cell: h of a step, of both features and h of the one before.
        latent_dim: D, at least 1.
        rnn_dim: Width of h, at least 1.
        shape: Of the sequences, ``(T, *event)``: the steps of those that are generated.
        fields: What is read of a batch: ``x``, ``length`` and ``mask`` where the data have them.

    References:
        A Recurrent Latent Variable Model for Sequential Data (Chung et al., 2015), 1506.02216.
    """

    is_sequential = True
    step_fields = ("x", "mask")
    compiled_parts = ("z_features", "posterior.net", "cell")

    def __init__(
        self,
        x_features: nn.Module,
        z_features: nn.Module,
        posterior: nn.Module,
        prior: nn.Module,
        emission: Emission,
        cell: nn.Module,
        *,
        latent_dim: int,
        rnn_dim: int,
        shape: Sequence[int],
        fields: Sequence[str] = ("x",),
    ) -> None:
        super().__init__()
        self.x_features, self.z_features = x_features, z_features
        self.posterior, self.prior = posterior, prior
        self.emission, self.cell = emission, cell
        self.latent_dim = latent_dim
        self.num_steps, *event = shape
        self.event, self.fields = tuple(event), tuple(fields)
        self.start = nn.Parameter(torch.zeros(rnn_dim))

    @classmethod
    def build(
        cls,
        spec: DataSpec,
        parts: Parts,
        *,
        latent_dim: int,
        encoder: Mapping[str, Any],
        decoder: Mapping[str, Any],
        features: Mapping[str, Any],
        num_features: int = 200,
        rnn_dim: int = 200,
    ) -> Self:
        """Build it of the groups posterior and likelihood; see `Model.build`.

        Args:
            spec: Of the data.
            parts: The other groups.
            latent_dim: Number of latent variables of a step, at least 1.
            encoder: The nets from features and h to q of a step, and from h to p.
            decoder: The net from features and h to the parameters of p(x_t|…).
            features: The nets from x and from z of a step to features.
            num_features: How many of each, at least 1.
            rnn_dim: Width of h, at least 1.

        Raises:
            ValueError: If the data are no sequences, or latents no vectors of real numbers.
        """
        step = event_of(spec)
        posterior = parts.posterior(latent_dim=latent_dim)
        check_real(posterior)
        sizes = (num_features, rnn_dim)
        net = partial(parts.net, features, "features", out_shape=(num_features,))

        def beside(node: Mapping[str, Any], name: str, head: Head) -> Conditional:
            made = parts.conditional(node, name, head, in_shape=(sum(sizes),))
            made.net = SideBySide(made.net)
            return made

        prior = NormalPosterior(latent_dim)
        return cls(
            net(in_shape=(input_size(spec),)),
            net(in_shape=(latent_dim,)),
            beside(encoder, "encoder", posterior),
            parts.conditional(encoder, "encoder", prior, in_shape=(rnn_dim,)),
            Emission(beside(decoder, "decoder", parts.likelihood(step)), tuple(spec.fields)),
            GRUStep(2 * num_features, rnn_dim),
            latent_dim=latent_dim,
            rnn_dim=rnn_dim,
            shape=spec.shape,
            fields=fields_of(spec),
        )

    @property
    def likelihood(self) -> Likelihood | None:
        """The head of p(x_t|…), of one step."""
        return self.emission.likelihood

    def run(self, batch: Batch, draws: Draws) -> None:
        """Choose the latents step by step, and go on with the values of x."""
        sequences = Padded(batch, self.event, self.num_steps, told="mask" in self.fields)
        known = None if sequences.x is None else self.x_features(sequences.inputs).unbind(1)
        generates = known is None or draws.continues
        h: Tensor = self.start
        given, values = [], []
        for t, weight in enumerate(sequences.weights):
            z = draws.latent(
                f"z.{t}",
                q=partial(self.q_of, known, t, h),
                p=OfStep(self.prior, h, event=(self.latent_dim,)),
                weight=weight,
            )
            u = self.z_features(z)
            given.append((u, h.expand(*u.shape[:-1], -1)))
            px = partial(self.emission.step, u, h)
            if generates or known is None:
                x = sequences.fed(draws, t, px)
                values.append(x)
                features = self.x_features(sequences.input_of(x))
            else:
                features = known[t]
            h = self.cell(features, u, h)
            (h,) = draws.carry(h, seen=partial(sequences.seen, t, px))
        observe_as_read(draws, sequences, lambda: self.px_of(given), values)

    def q_of(self, known: Sequence[Tensor] | None, t: int, h: Tensor) -> Distribution:
        """Return q(z_t | x_t, h_{t−1})."""
        assert known is not None
        q: Distribution = self.posterior(known[t], h)
        return q

    def px_of(self, given: Sequence[tuple[Tensor, Tensor]]) -> Distribution:
        """Return p(x|…) of all steps."""
        return self.emission(*(stacked(each) for each in zip(*given, strict=True)))

    def continued(self, batch: Batch | Tensor, steps: int, num_samples: int = 1) -> Tensor:
        """Draw what follows; see `vae.models.sequences.continued.continued`."""
        return continued(self, batch, steps, num_samples)
