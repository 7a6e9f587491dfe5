"""The variational autoencoder with one latent variable, or several side by side."""

__all__ = ["VAE"]

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, Literal, NoReturn, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.batch import Batch
from vae.bayesian import Variational
from vae.distributions import (
    Conditional,
    Head,
    JointPosterior,
    Likelihood,
    ProductDistribution,
)
from vae.draws import Draws
from vae.models.model import Model
from vae.models.standardize import Standardize
from vae.networks.conditioned import Conditioned, FieldFeatures
from vae.networks.film import FiLM
from vae.parts import Parts
from vae.priors import JointPrior, Prior, check_stated, fitting
from vae.spec import DataSpec


class VAE(Model):
    """p(x, z) = p(z) p(x|z) with the approximate posterior q(z|x).

    The one latent is called ``z``. Of a `JointPosterior` each part is a latent of its own, and the
    decoder reads all of them, flattened, one after the other.

    Args:
        encoder: q(z|x).
        decoder: p(x|z). Its net may be `bayesian`: full variational Bayes, appendix F of the paper.
        prior: p(z): a `Prior`, or any module that returns a distribution.
        standardize: What stands between x and the nets, if the data are to be standardised.
        given: Further fields of a batch, such as ``label``, that encoder, decoder and prior are
            given after their own input.
        given_to_prior: Whether the prior is one p(z|y) of these fields y; else it is p(z), and is
            given nothing.

    Raises:
        ValueError: If encoder and prior say that they have latents of different kinds or shapes, or
            a decoder with a posterior over its weights is to be given more than z.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
    """

    def __init__(
        self,
        encoder: Conditional,
        decoder: Conditional,
        prior: nn.Module,
        *,
        standardize: Standardize | None = None,
        given: Sequence[str] = (),
        given_to_prior: bool = True,
    ) -> None:
        super().__init__(standardize)
        check_stated(encoder, prior)
        check_parts_of(encoder, prior)
        net = decoder.net if isinstance(decoder, Conditional) else None
        if given and isinstance(net, Variational):
            raise ValueError(
                f"a decoder whose weights have a posterior is given z alone; got {', '.join(given)}"
            )
        self.given = tuple(given)
        self.given_to_prior = given_to_prior
        self.fields = ("x", *given)
        self.trained_with = prior.trained_with if isinstance(prior, Prior) else ()
        self.encoder = encoder
        self.decoder = decoder
        self.prior = prior

    @classmethod
    def build(
        cls,
        spec: DataSpec,
        parts: Parts,
        *,
        latent_dim: int,
        encoder: Mapping[str, Any],
        decoder: Mapping[str, Any],
        decoder_weights: Mapping[str, Any] | None = None,
        condition: Sequence[str] = (),
        condition_by: Literal["film"] | None = None,
    ) -> Self:
        """Build it of the groups posterior, prior and likelihood; see `Model.build`.

        Every part may ask for ``latent_dim``; the prior for ``latent_shape`` and ``encoder`` too.

        Args:
            spec: Of the data.
            parts: The other groups.
            latent_dim: Number of latent variables, at least 1.
            encoder: The net from x to the parameters of q(z|x).
            decoder: The net from z to the parameters of p(x|z).
            decoder_weights: `vae.bayesian.Posteriors` over the decoder's weights; ``None``: none.
            condition: Fields that encoder and decoder read beside their own input, and the prior
                if it is conditional; see `vae.networks.conditioned.FieldFeatures`.
            condition_by: How the nets read them: ``None`` joins them to the input, ``film`` scales
                and shifts hidden channels by them; see `vae.networks.film.FiLM`.
        """
        features = features_of(spec, condition)
        if condition_by is not None and features is None:
            raise ValueError("model.condition_by=film needs fields: use model.condition=[label]")
        parts = parts.knowing(latent_dim=latent_dim, field_features=features)
        likelihood, posterior = parts.likelihood(spec), parts.posterior()
        shape = posterior.event_shape
        feed = modulated if condition_by == "film" else joined
        q = feed(parts, encoder, "encoder", posterior, spec.shape, features)
        px = feed(parts, decoder, "decoder", likelihood, shape, features)
        if decoder_weights is not None:
            px.net = parts.own(decoder_weights, "decoder_weights").over(px.net)
        prior = parts.prior(posterior, encoder=q)
        return cls(
            q,
            px,
            prior,
            standardize=Standardize(spec.shape) if spec.standardized else None,
            given=condition,
            given_to_prior=isinstance(prior, Prior) and prior.conditional,
        )

    @property
    def likelihood(self) -> Likelihood:
        """The head of p(x|z)."""
        return self.decoder.likelihood

    def run(self, batch: Batch, draws: Draws) -> None:
        """Encode x once and decode as many latents of each example as are drawn."""
        if missing := [name for name in self.given if name not in batch]:
            told = ", ".join(f'"{name}": ...' for name in missing)
            raise ValueError(
                f"the model is conditional on {', '.join(self.given)}: give {', '.join(missing)}, "
                f"in a batch beside x, or as sample(n, given={{{told}}})"
            )
        given: list[Any] = [batch[name] for name in self.given]

        def q() -> Distribution:
            return self.encoder(self.standardized(batch["x"]), *given)

        read = given if self.given_to_prior else []
        p = partial(self.prior, *read, **self.told(batch))
        if isinstance(self.prior, JointPrior):
            z = side_by_side(self.prior, read, draws.infer(q), draws)
        else:
            z = draws.latent("z", q=q, p=p, event=self.event)
        net = self.decoder.net if isinstance(self.decoder, Conditional) else None
        if isinstance(net, Variational):  # its weights are latents that all examples share
            given = [net.weights(draws, "decoder.")]
        draws.observe("x", lambda: self.restored(self.decoder(z, *given)), batch.get("x"))

    def told(self, batch: Batch) -> dict[str, Any]:
        """Return what the prior reads of examples in training alone, by name."""
        if not self.prior.training or "x" not in batch:  # alone, where all else is held
            return {}
        if missing := [name for name in self.trained_with if name not in batch]:
            raise ValueError(
                f"in training, prior {type(self.prior).__name__} reads {', '.join(missing)} of "
                "each example: give it in a batch beside x, or use model.eval()"
            )
        return {name: batch[name] for name in self.trained_with}

    def predict(self, x: Tensor) -> NoReturn:
        """Refuse: it has no label and no target.

        Raises:
            ValueError: Saying which models predict, and what this one says of x.
        """
        raise ValueError(
            "a VAE predicts nothing of x: model=m2 predicts a label, model=bayesian a label or a "
            "target; of a VAE there are encode, embed and reconstruct, and report=probe trains a "
            "classifier on its codes"
        )

    @property
    def event(self) -> tuple[int, ...] | None:
        """Shape of one latent, if the encoder says it."""
        return self.encoder.head.event_shape if isinstance(self.encoder, Conditional) else None


def side_by_side(
    prior: JointPrior, read: Sequence[Tensor], q: Callable[[], Distribution], draws: Draws
) -> Tensor:
    """Choose the value of each part of a prior and return all as vectors, ``(K, B, D)``."""
    values = []
    for name, kind in prior.parts.items():
        assert isinstance(kind, Prior)
        p = partial(prior.part, name, *read)
        part = draws.latent(name, q=partial(part_of, q, name), p=p, event=kind.event_shape)
        values.append(part.flatten(2))
    return torch.cat(values, -1)


def part_of(q: Callable[[], Distribution], name: str) -> Distribution:
    """Return the distribution of one part."""
    made = q()
    assert isinstance(made, ProductDistribution)
    return made.parts[name]


def check_parts_of(encoder: nn.Module, prior: nn.Module) -> None:
    """Refuse a prior without parts of a posterior that has them."""
    head = encoder.head if isinstance(encoder, Conditional) else None
    if isinstance(head, JointPosterior) and not isinstance(prior, JointPrior):
        raise ValueError(
            f"prior {type(prior).__name__} has no parts, as posterior {type(head).__name__} has: "
            f"{', '.join(head.parts)}. Use {fitting(head.support)}"
        )


def features_of(spec: DataSpec, condition: Sequence[str]) -> FieldFeatures | None:
    """Return what nets read of the fields of a condition; ``None`` without one."""
    if not condition:
        return None
    try:
        return FieldFeatures(spec, condition)
    except ValueError as error:
        raise ValueError(f"model.condition: {error}") from error


def joined(
    parts: Parts,
    node: Mapping[str, Any],
    name: str,
    head: Head,
    shape: Sequence[int],
    features: FieldFeatures | None,
) -> Conditional:
    """Make a net and the head that it feeds, of an input of this shape beside the features."""
    if features is None:
        return parts.conditional(node, name, head, in_shape=shape)
    latents = name == "decoder"  # which are joined as a vector, whatever their shape
    joined_shape = features.joined_shape((prod(shape),) if latents else shape)
    made = parts.conditional(node, name, head, in_shape=joined_shape)
    made.net = Conditioned(made.net, features, shape, flat=latents)
    return made


def modulated(
    parts: Parts,
    node: Mapping[str, Any],
    name: str,
    head: Head,
    shape: Sequence[int],
    features: FieldFeatures | None,
) -> Conditional:
    """Make a net of such an input, modulated by the features, and the head that it feeds.

    Raises:
        ValueError: If the net cannot be.
    """
    made = parts.conditional(node, name, head, in_shape=shape)
    if features is not None:
        made.net = FiLM(made.net, features)
    return made
