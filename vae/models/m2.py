"""A generative model of a class and of everything else: M2, and M2 over the codes of a VAE."""

__all__ = ["M2"]

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, constraints

from vae.batch import UNLABELLED, Batch
from vae.distributions import (
    Conditional,
    Head,
    Likelihood,
    NormalPosterior,
    PartlyKnown,
    center,
)
from vae.draws import Draws
from vae.models.model import Model
from vae.models.standardize import Standardize
from vae.models.vae import VAE
from vae.networks.conditioned import Conditioned, check_classes
from vae.parts import Parts
from vae.spec import DataSpec
from vae.supports import same_support


class M2(Model):
    r"""p(y) p(z) p(x|y, z) with q(y|x) q(z|x, y): a class y and what varies within it, z.

    With a VAE ``m1`` it is M1+M2, :math:`p(y)\,p(z)\,p(c|y, z)\,p(x|c)`: the code c of M1 stands
    between. M1 is frozen; classifier and encoder read the centre of its q(c|x) in place of x.

    In training mode, and where examples are generated, y is what ``label`` says, where it is not
    below 0; in evaluation mode x alone is read, and the model is one of x.

    Args:
        classifier: From x, or the code, ``(B, *shape)``, to C logits of q(y|x).
        features: From the same to F numbers, read once for all classes.
        encoder: q(z|x, y), whose net is given the features and y, one-hot.
        decoder: p(x|y, z), whose net is given z and y, or p(c|y, z).
        prior: p(z).
        num_classes: C, at least 2.
        learns_classes: Whether p(y) is learned; it is uniform otherwise.
        shared_features: Whether the classifier is given the features in place of x, or the code.
        standardize: What stands between x and the nets, if the data are to be standardised.
        m1: A VAE of x with real codes, made and trained before.

    Raises:
        ValueError: If there are fewer than two classes.

    References:
        Semi-supervised Learning with Deep Generative Models (Kingma, Rezende, Mohamed, Welling,
        2014), 1406.5298.
    """

    learns_from = ("label",)
    class_logits: Tensor

    def __init__(
        self,
        classifier: nn.Module,
        features: nn.Module,
        encoder: Conditional,
        decoder: Conditional,
        prior: nn.Module,
        *,
        num_classes: int,
        learns_classes: bool = False,
        shared_features: bool = False,
        standardize: Standardize | None = None,
        m1: VAE | None = None,
    ) -> None:
        super().__init__(standardize)
        if num_classes < 2:
            raise ValueError(f"a class is one of at least 2; got num_classes={num_classes}")
        self.classifier, self.features = classifier, features
        self.encoder, self.decoder, self.prior = encoder, decoder, prior
        self.shared_features = shared_features
        logits = torch.zeros(num_classes)
        if learns_classes:
            self.class_logits = nn.Parameter(logits)
        else:
            self.register_buffer("class_logits", logits)
        self.m1 = None if m1 is None else m1.requires_grad_(False)

    @classmethod
    def build(
        cls,
        spec: DataSpec,
        parts: Parts,
        *,
        latent_dim: int,
        classifier: Mapping[str, Any],
        features: Mapping[str, Any],
        encoder: Mapping[str, Any],
        decoder: Mapping[str, Any],
        num_features: int = 256,
        learns_classes: bool = False,
        shared_features: bool = False,
        m1: Mapping[str, Any] | None = None,
    ) -> Self:
        """Build it of the groups posterior, prior and likelihood; see `Model.build`.

        Args:
            spec: Of the data, which have labels.
            parts: The other groups.
            latent_dim: Number of latent variables besides the class, at least 1.
            classifier: The net from x to logits.
            features: The net from x to what the encoder reads of it.
            encoder: The net from features and y to the parameters of q(z|x, y).
            decoder: The net from z and y to the parameters of p(x|y, z).
            num_features: F, at least 1.
            learns_classes: Whether p(y) is learned.
            shared_features: Whether the classifier is given the features in place of x.
            m1: The settings of a VAE, by group, whose codes are modelled; ``None``: x itself.

        Raises:
            ValueError: If the data have no labels, or M1 is no VAE with codes that are vectors.
        """
        count = classes_of(spec)
        parts = parts.knowing(latent_dim=latent_dim)
        base = None if m1 is None else build_m1(spec, parts, m1)
        head: Head
        if base is None:
            shape, head = spec.shape, parts.likelihood(spec)
            standardize = Standardize(spec.shape) if spec.standardized else None
        else:
            shape, standardize = base.event or (), base.standardize
            head = NormalPosterior(shape[0])
        posterior = parts.posterior()
        with_class = partial(joined, parts, count)
        seen = (num_features,) if shared_features else shape
        return cls(
            parts.net(classifier, "classifier", in_shape=seen, out_shape=(count,)),
            parts.net(features, "features", in_shape=shape, out_shape=(num_features,)),
            with_class(encoder, "encoder", posterior, (num_features,)),
            with_class(decoder, "decoder", head, posterior.event_shape),
            parts.prior(posterior),
            num_classes=count,
            learns_classes=learns_classes,
            shared_features=shared_features,
            standardize=standardize,
            m1=base,
        )

    @property
    def likelihood(self) -> Likelihood:
        """The head of p(x|y, z), or that of p(x|c)."""
        return (self if self.m1 is None else self.m1).decoder.likelihood

    def run(self, batch: Batch, draws: Draws) -> None:
        """Choose y, then z given it, and say what x is under both."""
        label, x = batch.get("label"), batch.get("x")
        if x is None and (unknown := sorted(set(batch) - {"label"})):
            raise ValueError(f"given is to hold label, or nothing; got {', '.join(unknown)}")
        told = None if label is None or x is not None else label
        read = draws.infer(lambda: self.read(batch["x"]))
        features = draws.infer(lambda: self.features(read()))
        seen = features if self.shared_features else read
        y = draws.latent(
            "y",
            q=lambda: PartlyKnown(self.logits(seen()), label, told=self.training),
            p=lambda: self.classes(told),
            event=self.class_logits.shape,
        )
        z = draws.latent("z", q=lambda: given(self.encoder, features(), y), p=self.prior)
        px = lambda: given(self.decoder, z, y)  # noqa: E731
        if self.m1 is not None:
            m1 = self.m1
            c = draws.latent("c", q=lambda: m1.encoder(self.standardized(batch["x"])), p=px)
            px = lambda: m1.decoder(c)  # noqa: E731
        draws.observe("x", lambda: self.restored(px()), x)

    def read(self, x: Tensor) -> Tensor:
        """Return what the nets read of x: as they see it, or the centre of its code."""
        x = self.standardized(x)
        if self.m1 is None:
            return x
        with torch.no_grad():
            return center(self.m1.encoder(x))

    def logits(self, seen: Tensor) -> Tensor:
        """Return the logits of q(y|x), in single precision or better, of what the net is given."""
        logits: Tensor = self.classifier(seen)
        return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits

    def classes(self, label: Tensor | None = None) -> Distribution:
        """Return p(y), or where labels ``(n,)`` are given the classes that they tell."""
        if label is None:
            return PartlyKnown(self.class_logits)
        check_classes("label", torch.where(label == UNLABELLED, 0, label), len(self.class_logits))
        logits = self.class_logits.expand(len(label), -1)
        return PartlyKnown(logits, label.to(logits.device), told=True)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Categorical:
        """Return q(y|x) of examples ``(B, *event)``, in the units of the data.

        Raises:
            TypeError: If x is no tensor of floating point, or a wider one than the model.
            ValueError: If its shape is another, or a value not finite or outside the support.
        """
        read = self.read(self.check(x)["x"])
        seen = self.features(read) if self.shared_features else read
        return PartlyKnown(self.logits(seen)).guess


def classes_of(spec: DataSpec) -> int:
    """Return how many classes data have.

    Raises:
        ValueError: If they have none, or one that looks like a label that is missing.
    """
    if spec.num_classes is None:
        raise ValueError(f"model M2 is one of labels, and data {spec.name} have none")
    if len(spec.class_names) > 2 and str(UNLABELLED) in map(str, spec.class_names):
        raise ValueError(
            f"data {spec.name} have a class {UNLABELLED}, which is not taken for a missing label: "
            "give only data with labels, and hide some by data.labelled"
        )
    return spec.num_classes


def given(part: Conditional, read: Tensor, y: Tensor) -> Distribution:
    """Return a part given what it reads, ``(*lead, F)``, and classes ``(K, B, C)``."""
    lead = torch.broadcast_shapes(read.shape[:-1], y.shape[:-1])
    distribution: Distribution = part(read.expand(*lead, -1), y.expand(*lead, -1))
    return distribution


def joined(
    parts: Parts, count: int, node: Mapping[str, Any], name: str, head: Head, shape: Sequence[int]
) -> Conditional:
    """Make a net of vectors beside which it is given one of ``count`` classes, and its head.

    Raises:
        ValueError: If it is to be given latents that are no vectors.
    """
    if len(shape) != 1:
        raise ValueError(
            f"model M2 joins the class to latents (D,); these are {tuple(shape)}: use "
            "posterior=normal, or another of vectors"
        )
    made = parts.conditional(node, name, head, in_shape=(shape[0] + count,))
    made.net = Conditioned(made.net, nn.Identity(), shape)
    return made


def build_m1(spec: DataSpec, parts: Parts, settings: Mapping[str, Any]) -> VAE:
    """Build the VAE whose codes are modelled, of its settings by group.

    Raises:
        ValueError: If it is no VAE of x alone whose codes are real vectors.
    """
    node = settings["model"]
    if node.get("_target_") != "vae.models.VAE":
        raise ValueError(f"model.m1 must be a VAE of x; got {node.get('_target_')}")
    own = {name: v for name, v in node.items() if name != "_target_" and v not in ([], None)}
    base = VAE.build(spec, Parts(settings, spec, parts.instantiate), **own)
    head, shape = base.encoder.head, base.event or ()
    if base.given or own.get("decoder_weights") or len(shape) != 1:
        raise ValueError("model.m1 must be a VAE that reads x alone and has codes (D,)")
    if not same_support(head.support, constraints.real):
        raise ValueError("model.m1 must have real codes: train it with posterior=normal")
    return base
