"""From a run's config to its parts: model, objective, data; and from a checkpoint to a model."""

__all__ = [
    "build_data",
    "build_model",
    "build_objective",
    "check_parts",
    "load",
    "read_checkpoint",
    "rebuild",
]

import inspect
import re
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from torch.distributions import constraints

from vae.data import DataModule, DataSpec, make_data
from vae.distributions import Conditional, Head, Likelihood
from vae.flows import zuko
from vae.instantiate import instantiate, resolve
from vae.limits import Budget
from vae.models import Model, Standardize
from vae.objectives import Objective, Pathwise, Penalized
from vae.older import lacks_statistics
from vae.priors import Prior
from vae.saved import Saved, read_checkpoint, read_saved
from vae.supports import OF_DATA, covers, same_support


def build_data(config: Mapping[str, Any]) -> DataModule:
    """Build the data module that ``config["data"]`` describes; nothing is read yet.

    Raises:
        ValueError: If a setting is wrong, under the name that it has for the user.
    """
    try:
        return make_data(config["data"], partial(instantiate, path="data.source"))
    except ValueError as error:
        raise ValueError(short_names(str(error), config["data"])) from error


def short_names(message: str, data: Mapping[str, Any]) -> str:
    """Return a message in which settings of the source that have a name of their own bear that.

    Example:
        >>> short_names("data.source.root and data.source.color", {"root": "x", "source": {}})
        'data.root and data.source.color'
    """
    pattern = r"\bdata\.source\.(\w+)"
    named = re.sub(pattern, lambda m: f"data.{m[1]}" if m[1] in data else m[0], message)
    return named.removeprefix("data.source: ")


def build_model(config: Mapping[str, Any], spec: DataSpec) -> Model:
    """Build the model that the groups model, posterior, prior and likelihood describe.

    Every part may ask, by naming a parameter, for ``data_shape``, ``support`` and ``levels`` of
    the data, ``latent_dim``, and once they are known ``latent_shape`` and ``encoder``.

    Raises:
        ValueError: If parts do not fit together or a setting is wrong.
    """
    node = dict(config["model"])
    if not isinstance(node["latent_dim"], int):
        raise ValueError(f"model.latent_dim must be a whole number; got {node['latent_dim']!r}")
    facts: dict[str, Any] = {
        "data_shape": spec.shape,
        "support": spec.support,
        "latent_dim": node.pop("latent_dim"),
    }
    likelihood = build_likelihood(config, spec)
    posterior: Head = instantiate(config["posterior"], "posterior", **facts)
    encoder = conditional(node.pop("encoder"), "model.encoder", spec.shape, posterior, facts)
    decoder_node = node.pop("decoder")
    shape = posterior.event_shape
    decoder = conditional(decoder_node, "model.decoder", shape, likelihood, facts)
    facts |= {"encoder": encoder, "latent_shape": shape}
    prior = instantiate(config["prior"], "prior", **facts)
    check_latents(posterior, prior)
    parts = {"encoder": encoder, "decoder": decoder, "prior": prior}
    if spec.standardized:
        parts["standardize"] = Standardize(spec.shape)
    model: Model = instantiate(node, "model", **parts)
    if spec.standardized and model.standardize is None:
        raise ValueError(
            f"{type(model).__name__} does not take standardize: use data.standardize=false"
        )
    return model


def conditional(
    net: Mapping[str, Any], path: str, in_shape: tuple[int, ...], head: Head, facts: dict[str, Any]
) -> Conditional:
    """Build the net that feeds a head, and join the two."""
    shapes = {"in_shape": in_shape, "out_shape": head.param_shape}
    return Conditional(instantiate(net, path, **facts, **shapes), head)


def build_likelihood(config: Mapping[str, Any], spec: DataSpec) -> Likelihood:
    """Build the likelihood, or refuse one that is not a density of such data."""
    target = config["likelihood"]["_target_"]
    node = config["likelihood"]
    name = target.rpartition(".")[2]
    facts = {"event_shape": spec.shape, "levels": 2 if spec.levels is None else spec.levels}
    likelihood: Likelihood = instantiate(node, "likelihood", **facts)
    if likelihood.levels is not None and not same_support(likelihood.support, constraints.boolean):
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
    return likelihood


def advice(spec: DataSpec) -> str:
    """Say which likelihoods cover such data."""
    if spec.support == "real":
        return "Use likelihood=normal_learned or likelihood=laplace."
    return (
        "Use data.binarization=dynamic, or a likelihood of grey values: "
        "continuous_bernoulli, discretized_logistic, normal_learned."
    )


def check_latents(posterior: Head, prior: Any) -> None:
    """Refuse a prior that lives on another space than the posterior."""
    if isinstance(prior, zuko.lazy.LazyDistribution):
        support: Any = constraints.real_vector
    elif isinstance(prior, Prior):
        support = prior.support
    else:
        raise ValueError(f"prior: {type(prior).__name__} is not a prior")
    if not same_support(support, posterior.support):
        raise ValueError(
            f"prior {type(prior).__name__} and posterior {type(posterior).__name__} live on "
            "different spaces. Use posterior=categorical with prior=uniform_categorical or "
            "prior=vamp, and the other posteriors with the other priors."
        )


def build_objective(config: Mapping[str, Any], model: Model) -> Objective:
    """Build the objective that the groups objective, estimator and penalty describe.

    A penalty may ask, by naming a parameter, for the model's children (``encoder``, ``decoder``,
    ``prior``) and for ``latent_shape``; a discriminator's net maps ``in_shape``, a flat latent, to
    ``out_shape``, one logit.

    Raises:
        ValueError: If a setting is wrong, or the objective takes no estimator but the pathwise one.
    """
    node, estimator = config["objective"], instantiate(config["estimator"], "estimator")
    takes_one = "estimator" in inspect.signature(resolve(node["_target_"], "objective")).parameters
    if not takes_one and not isinstance(estimator, Pathwise):
        raise ValueError(
            f"objective {node['_target_'].rpartition('.')[2]} has the pathwise gradient only. "
            "Use estimator=pathwise, or another objective."
        )
    objective: Objective = instantiate(node, "objective", estimator=estimator)
    if not config["penalties"]:
        return objective
    with torch.random.fork_rng(devices=[]):
        latent_shape = model.sample_latents(1).shape[1:]
    shapes = {"in_shape": (latent_shape.numel(),), "out_shape": (1,)}
    facts = {**dict(model.named_children()), "latent_shape": latent_shape, **shapes}
    return Penalized(objective, instantiate(config["penalties"], "penalties", **facts))


def check_parts(model: Model, objective: Objective, spec: DataSpec) -> list[str]:
    """Pass two blank examples through model and objective, so that a misfit is met here.

    What they keep of a batch, such as a running variance, is afterwards as it was before.

    Returns:
        The names of the objective's terms in validation.

    Raises:
        ValueError: What the part that refuses the combination says.
    """
    kept = [(b, b.clone()) for part in (model, objective) for b in part.buffers()]
    try:
        with torch.random.fork_rng(devices=[]):
            trace = model(torch.zeros(2, *spec.shape), num_samples=objective.num_samples())
            objective(trace)
            with torch.no_grad():  # where a term that needs gradients is left out
                return list(objective(trace))
    except (RuntimeError, TypeError, AttributeError, LookupError, AssertionError) as error:
        told = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"the parts of the model do not fit together: {told}") from error
    finally:
        for buffer, before in kept:
            buffer.copy_(before)


def load(path: str | Path, *, device: str | torch.device = "cpu") -> Model:
    """Load the model of a run or of an export, in evaluation mode, from the file alone.

    Where the run kept an exponential moving average of its weights, these are the averages.

    x is in the units of the data. Only a run with ``data.standardize=true`` from before models held
    mean and width gives a model of z-scores, with a warning; ``eval.py`` and ``resume`` take them
    from the data.

    Args:
        path: A checkpoint written by ``train.py``, or the folder of its run, of which the best one
            is taken; or what `vae.export` wrote.
        device: Where to put the model.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or was not written by this framework.
    """
    return rebuild(read_saved(path)).to(device).eval()


def rebuild(saved: Saved) -> Model:
    """Build the model that a file holds, which may be somebody else's.

    Raises:
        ValueError: If its config describes no model, a far larger one, or one of other weights.
    """
    if lacks_statistics(saved.config, saved.spec):
        warnings.warn(
            f"{saved.path} holds neither mean nor width of its standardised data: x is in z-scores",
            stacklevel=3,
        )
    try:
        with Budget(saved.path.stat().st_size):
            model = build_model(saved.config, saved.spec)
        model.load_state_dict(saved.state)
    except Exception as error:  # a foreign config can make a constructor raise anything
        reason = shorten(str(error), 200) or type(error).__name__
        raise ValueError(f"{saved.path} does not hold a model that fits: {reason}") from error
    return model
