"""Neural processes: a distribution over functions, given some of their points."""

__all__ = ["NeuralProcess"]

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from vae.batch import Batch
from vae.checks import check_int
from vae.distributions import Conditional, Likelihood
from vae.distributions.joint import Joint
from vae.distributions.point_predictive import PointPredictive
from vae.draws import Draws, Posterior
from vae.models.border import check_fields
from vae.models.known_points import (
    Points,
    check_bounds,
    drawn_context,
    most_of,
    over_channels,
)
from vae.models.model import Model
from vae.networks import Aggregator
from vae.networks.point_nets import PointDecoder, PooledEncoder, joined
from vae.networks.positions import FieldPositions, GridPositions, positions_of
from vae.parts import Parts
from vae.spec import DataSpec

SETS = ("at", "context", "mask")  # fields of functions


class NeuralProcess(Model):
    r"""p(y | context) = ∫ p(z | context) Π p(y_m | x_m, z, r_m) dz, a function of positions x_m.

    The context are the points of a function whose values are known. What is said of position m is
    a sum over them, r_m (conditional process), a latent z that all positions share (latent
    process), or both. The prior of z is the encoder's posterior of the context alone:

    .. math:: \log p(y | c) \ge E_{q(z|y)} \log p(y | z, c) - KL(q(z|y) ‖ q(z|c)).

    A batch holds a function in each row: ``x``, values ``(B, C, *places)``, at positions ``at``,
    ``(B, D, M)``; of data without ``at``, such as pictures, the places are a grid. ``mask``, bool
    ``(B, M)``, says which points exist, ``context`` which are known. Without it, ``num_context`` of
    them are chosen: in training anew at each step, else by a fixed function of the values.

    To `predict` or `sample`, ``context`` says of which points values are read: of ``x``, or of
    ``known`` where functions are sampled. ``at`` may hold any number of points.

    Args:
        positions: Where the points stand.
        decoder: p(y|x, z, r), whose net is a `PointDecoder`.
        num_context: Fewest and most points that are known, ≥ 0.
        score_known: Whether the values of known points are scored too, as those of new draws there:
            the usual loss. Without, y is what is not known, and the bound is tight at the exact
            posterior.
        encoder: From position and value of a point to features; ``None`` without r.
        aggregator: Of these to r; ``None`` without.
        latent_encoder: From points to q(z|·); ``None`` without z, which has no dimension then.
        fields: What is read of a batch.

    Raises:
        ValueError: If nothing of the context is read, or its bounds are none.

    References:
        Conditional Neural Processes (Garnelo et al., 2018), 1807.01613.
        Neural Processes (Garnelo et al., 2018), 1807.01622.
        Attentive Neural Processes (Kim et al., 2019), 1901.05761.
    """

    def __init__(
        self,
        positions: GridPositions | FieldPositions,
        decoder: Conditional,
        *,
        num_context: Sequence[int] = (0, 50),
        score_known: bool = True,
        encoder: nn.Module | None = None,
        aggregator: Aggregator | None = None,
        latent_encoder: Conditional | None = None,
        fields: Sequence[str] = ("x",),
    ) -> None:
        super().__init__()
        if aggregator is None and latent_encoder is None:
            raise ValueError("a neural process needs model.latent=true, model.aggregator, or both")
        check_bounds(num_context)
        self.positions, self.decoder = positions, decoder
        self.encoder, self.aggregator = encoder, aggregator
        self.latent_encoder = latent_encoder
        self.num_context, self.score_known = tuple(num_context), score_known
        self.fields = tuple(fields)

    @classmethod
    def build(
        cls,
        spec: DataSpec,
        parts: Parts,
        *,
        encoder: Mapping[str, Any],
        decoder: Mapping[str, Any],
        aggregator: Mapping[str, Any] | None = None,
        latent: bool = True,
        latent_dim: int = 64,
        num_features: int = 128,
        num_context: Sequence[int] = (0, 50),
        score_known: bool = True,
    ) -> Self:
        """Build it of the groups posterior and likelihood; see `Model.build`.

        Args:
            spec: Of the data; ``at``, if there is such a field, is ``(D, M)`` or ``(M,)``.
            parts: The other groups.
            encoder: The net from a point to features, one for r and one for z.
            decoder: The net from what is known of a place to parameters of its values.
            aggregator: From features to r; ``None`` without.
            latent: Whether there is a z.
            latent_dim: Its dimensions, ≥ 1.
            num_features: Of a point, ≥ 1.
            num_context: Fewest and most points that are known.
            score_known: Whether the bound is one of the known points too.

        Raises:
            ValueError: If the positions do not go with the values.
        """
        positions, at_dim = positions_of(spec)
        event = spec.shape
        point = (at_dim + (event[0] if len(event) > 1 else 1),)
        encode = partial(parts.net, encoder, "encoder", in_shape=point, out_shape=(num_features,))
        q, r = None, None
        if latent:
            head = parts.posterior(latent_dim=latent_dim)
            q = Conditional(PooledEncoder(encode(), num_features, head.param_shape), head)
        if aggregator is not None:
            r = parts.own(aggregator, "aggregator", features=num_features, at_dim=at_dim)
            if not isinstance(r, Aggregator):
                raise ValueError(f"model.aggregator must be one; got {type(r).__name__}")
        width = at_dim + (0 if r is None else num_features)
        width += 0 if q is None else prod(q.head.event_shape)
        return cls(
            positions,
            point_decoder(parts, decoder, spec, width),
            num_context=num_context,
            score_known=score_known,
            encoder=None if r is None else encode(),
            aggregator=r,
            latent_encoder=q,
            fields=("x", *(name for name in SETS if name in spec.fields)),
        )

    @property
    def likelihood(self) -> Likelihood:
        """The head of p(y|x, z, r)."""
        return self.decoder.likelihood

    def run(self, batch: Batch, draws: Draws) -> None:
        """Choose z given the context and say what all values are."""
        points, x = self.points(batch), batch.get("x")
        mask = None
        if x is not None and ("mask" in batch or not self.score_known):
            scored = points.exists if self.score_known else points.exists & ~points.known
            mask = over_channels(scored, x)
        self.tell(points, draws, x, mask)

    def tell(
        self, points: Points, draws: Draws, x: Tensor | None = None, mask: Tensor | None = None
    ) -> None:
        """Do what `run` does, of points."""
        z = draws.latent(
            "z", q=lambda: self.q(points), p=lambda: self.p(points), event=self.latent_shape
        )
        draws.observe("x", lambda: self.values(points, z), x, mask=mask)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of z, ``(0,)`` without one."""
        return (0,) if self.latent_encoder is None else self.latent_encoder.head.event_shape

    @property
    def channels(self) -> int:
        """Values C of a point."""
        event = self.decoder.head.event_shape
        return event[0] if len(event) > 1 else 1

    def q(self, points: Points) -> Distribution:
        """Return q(z|y), of all points."""
        if self.latent_encoder is None:
            return nothing(points.at, len(points.at))
        distribution: Distribution = self.latent_encoder(*points.existing)
        return distribution

    def p(self, points: Points) -> Distribution:
        """Return p(z|c), which is q of the context."""
        if self.latent_encoder is None:
            return nothing(points.at)
        distribution: Distribution = self.latent_encoder(*points.context)
        return distribution

    def values(self, points: Points, z: Tensor) -> Distribution:
        """Return p(y|x, z, c) of all points, for z ``(*lead, B, *latent)``."""
        known = [points.at, z.flatten(z.dim() - len(self.latent_shape)).unsqueeze(-2)]
        if self.aggregator is not None and self.encoder is not None:
            context, which = points.context
            places = context[..., : points.at.shape[-1]]
            known.append(self.aggregator(self.encoder(context), which, places, points.at))
        distribution: Distribution = self.decoder(joined(*known))
        return distribution

    def points(self, batch: Batch) -> Points:
        """Return the points of a batch; of an empty one a function of which nothing is known.

        Raises:
            ValueError: If positions are missing, or values and positions are not of the same
                points, or values are known and it is not said which.
        """
        mask, y = batch.get("mask"), batch.get("x", batch.get("known"))
        at = self.located(batch)
        exists = torch.ones(at.shape[:2], dtype=torch.bool, device=at.device)
        if mask is not None:
            exists = mask.flatten(1).bool()
            at = torch.where(exists.unsqueeze(-1), at, 0.0)
        if y is None:
            return Points(at, at.new_zeros(*at.shape[:2], self.channels), exists, exists & False, 0)
        y = y.reshape(len(y), self.channels, -1).mT
        if y.shape[:2] != at.shape[:2]:
            raise ValueError(
                f"there are {y.shape[1]} values and {at.shape[1]} positions of a function, in "
                f"{len(y)} and {len(at)} rows: give a value for each position"
            )
        y = torch.where(exists.unsqueeze(-1), y, 0.0)
        if "context" in batch:
            known = batch["context"].flatten(1).bool() & exists
            return Points(at, y, exists, known, most_of(known))
        if "known" in batch:
            raise ValueError("known holds values of points: say by context, (B, M), which are")
        known = drawn_context(y, exists, self.num_context, anew=self.training)
        return Points(at, y, exists, known, self.num_context[1])

    def located(self, batch: Batch) -> Tensor:
        """Return positions, ``(B, M, D)``."""
        if isinstance(self.positions, GridPositions):
            return self.positions(next((len(value) for value in batch.values()), 1))
        if "at" not in batch:
            raise ValueError("the model reads at, positions (B, D, M) of points: give them")
        return self.positions(batch["at"])

    @torch.no_grad()
    def predict(self, batch: Batch | Tensor, num_samples: int = 20) -> PointPredictive:
        """Return what is predicted of every point, known or not, by the known ones.

        Args:
            batch: ``at``, if the data have it; ``context``, which points are known, and ``x``, read
                nowhere else; ``mask``. Any number of points. Without ``context`` it is as in `run`,
                without ``x`` nothing is known.
            num_samples: Draws of z from p(z|context), at least 1.

        Raises:
            ValueError: If a field is missing or of another shape, or the likelihood does not
                factorise over values.
        """
        check_int("num_samples", num_samples)
        points = self.points(check_fields(batch, ()))
        draws = Posterior(1 if self.latent_encoder is None else num_samples, priors=False)
        self.tell(points._replace(exists=points.known), draws)  # q of the known points is p(z|c)
        return PointPredictive(draws.observed["x"].px)


def nothing(like: Tensor, *batch: int) -> Distribution:
    """Return the distribution of a z without dimensions."""
    return Joint(Normal(like.new_zeros(*batch, 0), 1.0, validate_args=False), 1)


def point_decoder(parts: Parts, node: Mapping[str, Any], spec: DataSpec, width: int) -> Conditional:
    """Make p(y|·) of every place, from ``width`` numbers that are known of it."""
    head = parts.likelihood(spec)
    size = spec.shape[1:] or spec.shape
    per_place = prod(head.param_shape) // prod(size)
    net = parts.net(node, "decoder", in_shape=(width,), out_shape=(per_place,))
    lead = head.param_shape[: len(head.param_shape) - len(size)] if len(spec.shape) > 1 else ()
    grid = len(spec.shape) > 1 and "at" not in spec.fields
    return Conditional(PointDecoder(net, lead, size if grid else None), head)
