"""From a run's config to its parts: model, objective, data; and from a checkpoint to a model."""

__all__ = [
    "build_data",
    "build_model",
    "build_objective",
    "check_described",
    "check_parts",
    "filled",
    "load",
    "read_checkpoint",
    "rebuild",
]

import inspect
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from torch import nn

from vae.batch import blank
from vae.data import DataModule, make_data
from vae.instantiate import MODEL, REFUSALS, check_settings, first_line, instantiate, resolve
from vae.label_use import check_labels
from vae.limits import Budget
from vae.models import Model
from vae.nested import lookup
from vae.objectives import Objective, Pathwise, Penalized
from vae.older import lacks_statistics
from vae.parts import Parts, check_part, kind
from vae.plugins import trusted
from vae.saved import Saved, read_checkpoint, read_saved
from vae.spec import DataSpec


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
    """Build the model that the group ``model`` names, of what it asks of the other groups.

    The settings of the group are the keyword arguments of the model's `build`.

    Raises:
        ValueError: If parts do not fit together or a setting is wrong.
    """
    node = lookup(config, "model")
    check_part("model", node)
    chosen: Any = resolve(node["_target_"], "model")
    if not issubclass(chosen, Model) or inspect.isabstract(chosen):
        raise ValueError(f"model must be a model; got {chosen.__name__}")
    own = settings_of_model(node, chosen)
    check_settings(own, chosen.build, "model")
    try:
        model = chosen.build(spec, Parts(config, spec, instantiate), **own)
    except ValueError:  # which says what is wrong
        raise
    except REFUSALS as error:
        raise ValueError(f"model: {first_line(error)}") from error
    if spec.standardized and model.standardize is None:
        raise ValueError(f"{chosen.__name__} does not take standardize: use data.standardize=false")
    return model


def settings_of_model(node: Mapping[str, Any], model: type[Model]) -> dict[str, Any]:
    """Return the settings of a model's `build`, but empty ones of which it does not know.

    A model of one's own may take its nets from the file of another, with all that is in there.
    """
    known = inspect.signature(model.build).parameters
    return {
        name: value
        for name, value in node.items()
        if name != "_target_" and (name in known or value not in ([], None))
    }


def build_objective(config: Mapping[str, Any], model: Model, spec: DataSpec) -> Objective:
    """Build the objective that the groups objective, estimator and penalty describe.

    A penalty may ask, by naming a parameter, for the model's children (such as ``encoder``,
    ``decoder`` and ``prior`` of a `VAE`). Of a model with one latent variable it may ask for
    ``latent_shape`` too, and a discriminator's net for ``in_shape``, a flat latent, and
    ``out_shape``, one logit.

    Raises:
        ValueError: If a setting is wrong, or the objective takes no estimator but the pathwise one.
    """
    node, estimator = config["objective"], instantiate(config["estimator"], "estimator")
    chosen = resolve(node["_target_"], "objective")
    takes_one = "estimator" in inspect.signature(chosen).parameters
    if not takes_one and not isinstance(estimator, Pathwise):
        raise ValueError(
            f"objective {chosen.__name__} has the pathwise gradient only. "
            "Use estimator=pathwise, or another objective."
        )
    objective = instantiate(node, "objective", estimator=estimator, num_labelled=spec.num_labelled)
    check_objective(objective, "objective")
    if not config["penalties"]:
        return objective
    facts = {**dict(model.named_children()), **latent_facts(model, spec)}
    penalties = instantiate(config["penalties"], "penalties", **facts)
    for name, penalty in penalties.items():
        check_objective(penalty, f"penalties.{name}")
    return Penalized(objective, penalties)


def check_objective(part: Any, name: str) -> None:
    """Refuse what is no objective where the settings must hold one."""
    if not isinstance(part, Objective):
        raise ValueError(f"{name} must be an objective; got {kind(part)}")


def latent_facts(model: Model, spec: DataSpec) -> dict[str, Any]:
    """Return what there is to know of the latent of a model that has one.

    Of several it is only how many values they have together: what reads them refuses itself.
    """
    with unchanged(model), refused_together(), torch.no_grad():
        latents = model(blank(spec, (*model.fields, *model.trained_with))).latents
    shapes = [latent.point.shape[2:] for latent in latents]
    if not shapes:
        return {}
    facts = {"in_shape": (sum(shape.numel() for shape in shapes),), "out_shape": (1,)}
    return facts if len(shapes) > 1 else {"latent_shape": shapes[0], **facts}


def check_parts(model: Model, objective: Objective, spec: DataSpec) -> list[str]:
    """Pass two blank examples through model and objective, so that a misfit is met here.

    What they keep of a batch, such as a running variance, is afterwards as it was before.

    Returns:
        The names of the figures of validation that the objective gives.

    Raises:
        ValueError: What the part that refuses the combination says.
    """
    check_labels(model, objective, spec)
    read = (*model.fields, *model.trained_with, *objective.fields)
    batch = blank(spec, dict.fromkeys(read))
    with unchanged(model, objective), refused_together():
        trace = model(batch, num_samples=objective.num_samples())
        objective(trace)
        with torch.no_grad():  # where a term that needs gradients is left out
            terms = [f"objective/{term}" for term in objective(trace)]
            return [*terms, *objective.figures(trace)]


@contextmanager
def unchanged(*parts: nn.Module) -> Iterator[None]:
    """Leave the state of parts, and that of torch's noise, as they are before."""
    kept = [(b, b.clone()) for part in parts for b in part.buffers()]
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for buffer, before in kept:
            buffer.copy_(before)


@contextmanager
def refused_together() -> Iterator[None]:
    """Say of an error that names no setting that the parts do not fit together."""
    try:
        yield
    except (RuntimeError, TypeError, AttributeError, LookupError, AssertionError) as error:
        told = first_line(error)
        raise ValueError(f"the parts of the model do not fit together: {told}") from error


def load(
    path: str | Path,
    *,
    model: Model | None = None,
    device: str | torch.device = "cpu",
    plugins: Sequence[str] = (),
) -> Model:
    """Load the model of a run or of an export, in evaluation mode, from the file alone.

    Where the run kept an exponential moving average of its weights, these are the averages.

    x is in the units of the data. Only a run with ``data.standardize=true`` from before models held
    mean and width gives a model of z-scores, with a warning; ``eval.py`` and ``resume`` take them
    from the data.

    Args:
        path: A checkpoint written by ``train.py``, or the folder of its run, of which the best one
            is taken; or what `vae.export` wrote.
        model: Given again where the file does not say how it is made, since it was put together in
            Python; changed in place.
        device: Where to put the model.
        plugins: Packages or modules from outside of which its parts may be. Their code is run, and
            they are trusted with whatever the file says; a file alone never makes a name one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, was not written by this framework, holds parts of a plugin
            that was not named, or the weights of another model than is given.
    """
    saved = read_saved(path)
    return (rebuild(saved, plugins) if model is None else filled(model, saved)).to(device).eval()


def check_described(config: Mapping[str, Any], path: Path) -> None:
    """Refuse to make the model of a file that does not say how."""
    if not config:
        raise ValueError(
            f"{path} holds a model that was put together in Python: give it again, "
            "vae.load(path, model=<the same model>)"
        )


def filled(model: Model, saved: Saved) -> Model:
    """Return a model with the weights that a file holds of one that is made alike.

    Raises:
        ValueError: If its weights have other names or shapes.
    """
    ours, theirs = (
        {name: tuple(weight.shape) for name, weight in state.items()}
        for state in (model.state_dict(), saved.state)
    )
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            raise ValueError(
                f"{saved.path} holds the weights of another model: {name} is "
                f"{theirs.get(name, 'missing')} there and {ours.get(name, 'missing')} here"
            )
    model.load_state_dict(saved.state)
    return model


def rebuild(saved: Saved, plugins: Sequence[str] = ()) -> Model:
    """Build the model that a file holds, which may be somebody else's.

    Args:
        saved: What the file holds.
        plugins: As of `load`, besides those that are allowed already.

    Raises:
        ValueError: If its config describes no model, a far larger one, or one of other weights, or
            parts of a plugin that is not allowed.
    """
    with trusted(plugins, saved.config, MODEL, saved.path):
        return built(saved)


def built(saved: Saved) -> Model:
    """Build the model that a file holds, of parts that are allowed."""
    if lacks_statistics(saved.config, saved.spec):
        warnings.warn(
            f"{saved.path} holds neither mean nor width of its standardised data: x is in z-scores",
            stacklevel=4,
        )
    check_described(saved.config, saved.path)
    try:
        with Budget(saved.path.stat().st_size):
            model = build_model(saved.config, saved.spec)
        model.load_state_dict(saved.state)
    except Exception as error:  # a foreign config can make a constructor raise anything
        reason = shorten(str(error), 200) or type(error).__name__
        raise ValueError(f"{saved.path} does not hold a model that fits: {reason}") from error
    return model
