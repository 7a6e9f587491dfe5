"""What a model is built from: the parts that a config describes, made when the model asks."""

__all__ = ["Instantiate", "Parts", "check_part"]

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import nn
from torch.distributions import constraints

from vae.distributions import Conditional, Head, Likelihood
from vae.nested import lookup
from vae.priors import ExemplarPrior, FlowPrior, VampPrior, check_prior
from vae.priors.parametric_prior import required
from vae.spec import DataSpec
from vae.supports import OF_DATA, covers, same_support


class Instantiate(Protocol):
    """Builds what a node of a config describes; see `vae.instantiate.instantiate`."""

    def __call__(self, node: Any, path: str, **facts: Any) -> Any:
        """Build it, or refuse it under the name that it has in the config."""


class Parts:
    """The groups of a config beside ``model``, and the nets among the model's own settings.

    Nothing is made before a model asks for it: a group that it does not use may hold anything.
    Every part may ask for what is known, by naming a parameter so: ``data_shape`` and ``support``
    of the data, and the facts that the model gives.

    Args:
        config: Plain settings by group.
        spec: Of the data.
        instantiate: Makes objects of nodes.
        facts: What is known besides, by name.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        spec: DataSpec,
        instantiate: Instantiate,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.config = config
        self.spec = spec
        self.instantiate = instantiate
        self.facts = {"data_shape": spec.shape, "support": spec.support, **(facts or {})}

    def knowing(self, **facts: Any) -> "Parts":
        """Return the same parts, of which every one may ask for these facts too."""
        return Parts(self.config, self.spec, self.instantiate, {**self.facts, **facts})

    def make(self, group: str, **facts: Any) -> Any:
        """Make what a group of the config describes.

        Raises:
            ValueError: If it is missing, no part, or a setting of it is wrong.
        """
        return self.made(lookup(self.config, group), group, facts)

    def own(self, node: Any, name: str, **facts: Any) -> Any:
        """Make a part that one of the model's own settings describes.

        Args:
            node: The setting's value, with a ``_target_``.
            name: Of the setting, for messages.
            facts: What this part may ask for besides.

        Raises:
            ValueError: If it is no part, or a setting of it is wrong.
        """
        return self.made(node, f"model.{name}", facts)

    def made(self, node: Any, path: str, facts: Mapping[str, Any]) -> Any:
        """Make the part of a node that stands at a place of the config."""
        check_part(path, node)
        return self.instantiate(node, path, **{**self.facts, **facts})

    def posterior(self, **facts: Any) -> Head:
        """Make the head of q(z|x)."""
        head = self.make("posterior", **facts)
        if not isinstance(head, Head):
            raise ValueError(f"posterior must be the head of q(z|x); got {kind(head)}")
        return head

    def prior(self, posterior: Head, **facts: Any) -> nn.Module:
        """Make p(z) for the latents of a posterior, which may ask for their ``latent_shape``.

        Raises:
            ValueError: If it has latents of another kind or shape.
        """
        facts = {"latent_shape": posterior.event_shape, **facts}
        node = lookup(self.config, "prior")
        if "encoder" not in facts:
            check_reads_no_encoder(node)
        prior = self.flow(node) if is_flow(node) else self.make("prior", **facts)
        if not isinstance(prior, nn.Module):
            raise ValueError(f"prior must be a module that returns p(z); got {kind(prior)}")
        check_prior(posterior, prior)
        return prior

    def flow(self, node: Mapping[str, Any]) -> nn.Module:
        """Make a flow of zuko, or p(z|y) of it, which zuko does not know as a setting.

        Raises:
            ValueError: If it is to be conditional in a model without a condition.
        """
        own = {name: value for name, value in node.items() if name != "conditional"}
        if not node.get("conditional"):
            return self.made(own, "prior", {})
        try:
            features = required(self.facts.get("field_features"))
        except ValueError as error:
            raise ValueError(f"prior: {error}") from error
        return FlowPrior(self.made({**own, "context": features.size}, "prior", {}), features)

    def likelihood(self, spec: DataSpec) -> Likelihood:
        """Make the head of p(x|z) for such data.

        Raises:
            ValueError: If it is not a density, or a mass, of such data.
        """
        levels = 2 if spec.levels is None else spec.levels
        head = self.make("likelihood", event_shape=spec.shape, levels=levels)
        if not isinstance(head, Likelihood):
            raise ValueError(f"likelihood must be the head of p(x|z); got {kind(head)}")
        check_likelihood(head, spec)
        return head

    def net(
        self,
        node: Any,
        name: str,
        *,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        **facts: Any,
    ) -> nn.Module:
        """Make a net that one of the model's own settings describes; see `own`."""
        net = self.own(node, name, in_shape=in_shape, out_shape=out_shape, **facts)
        if not isinstance(net, nn.Module):
            raise ValueError(f"model.{name} must be a net; got {kind(net)}")
        return net

    def conditional(
        self, node: Any, name: str, head: Head, *, in_shape: Sequence[int], **facts: Any
    ) -> Conditional:
        """Make the net that feeds a head, and join the two."""
        net = self.net(node, name, in_shape=in_shape, out_shape=head.param_shape, **facts)
        return Conditional(net, head)


def check_reads_no_encoder(node: Any) -> None:
    """Refuse a mixture of q(z|x) in a model whose q reads more than x, or is no part of its own.

    Raises:
        ValueError: Saying which priors are left.
    """
    target = str(node.get("_target_")) if isinstance(node, Mapping) else ""
    for mixture in (VampPrior, ExemplarPrior):
        if target == f"vae.priors.{mixture.__name__}":
            raise ValueError(
                f"prior {mixture.__name__} is a mixture of q(z|x), and this model has no q that "
                "reads x alone: use prior=standard_normal, normal, mixture or a flow such as nsf"
            )


def is_flow(node: Any) -> bool:
    """Say whether the description of a part is that of a flow of zuko."""
    return isinstance(node, Mapping) and str(node.get("_target_")).startswith("zuko.flows.")


def kind(part: Any) -> str:
    """Return the name of a part's class."""
    return type(part).__name__


def check_part(name: str, node: Any) -> None:
    """Refuse what is not the description of a part.

    Raises:
        ValueError: Naming the setting and what was given.
    """
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        raise ValueError(f"{name} must be a part, with a _target_; got {node!r}")


def check_likelihood(likelihood: Likelihood, spec: DataSpec) -> None:
    """Refuse a likelihood that is not a density, or a mass, of such data.

    Raises:
        ValueError: Saying which are.
    """
    name = kind(likelihood)
    bits = same_support(likelihood.support, constraints.boolean)
    if likelihood.levels is not None and not bits:
        if spec.levels is None or spec.dequantized:
            raise ValueError(
                f"likelihood {name} is a mass on a grid of values, but data {spec.name} is "
                f"continuous. Use likelihood=normal_learned or likelihood=laplace."
            )
    elif not covers(likelihood.support, OF_DATA[spec.support]):
        raise ValueError(
            f"likelihood {name} does not cover data {spec.name}, whose values are "
            f"{spec.support}. {advice(spec)}"
        )


def advice(spec: DataSpec) -> str:
    """Say which likelihoods cover such data."""
    if spec.support == "real":
        return "Use likelihood=normal_learned or likelihood=laplace."
    return (
        "Use data.binarization=dynamic, or a likelihood of grey values: "
        "continuous_bernoulli, discretized_logistic, normal_learned."
    )
