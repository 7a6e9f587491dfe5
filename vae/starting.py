"""Where parameters start that depend on the data."""

__all__ = ["start_at_data", "start_prior"]

import torch
from torch import Tensor, nn

from vae.batch import Batch, known_values
from vae.data import DataModule
from vae.draws import Posterior
from vae.from_data import Examples, StartsFromCodes, StartsFromData, StartsFromField
from vae.models import Model, NeuralProcess
from vae.models.known_points import over_channels

CODES = 10_000  # at which a prior starts


def start_at_data(model: Model, data: DataModule) -> None:
    """Start the parts of a model that depend on it at training data.

    A model that standardises its data takes their mean and width first. Each part that is a
    `StartsFromData` then starts at examples as the nets see them: pseudo-inputs of a prior, and
    learned scales of a likelihood with the decoder's output beside them. A `StartsFromField` is
    given what it is to predict, for its units. A part whose parameters are all fixed, such as M1
    in M1+M2, has learned them elsewhere and stays as it is.

    Args:
        model: Changed in place; `load_state_dict` afterwards overrides all of it.
        data: Of which training examples are read.

    Raises:
        ValueError: If ``start_at_mean`` was asked for and the likelihood has no such start.
    """
    if model.standardize is not None:
        model.standardize.set(*data.statistics())

    examples = examples_of(model, data)
    for part in model.modules():
        if not isinstance(part, StartsFromData | StartsFromField) or is_fixed(part):
            continue
        if isinstance(part, StartsFromData):
            part.initialize(examples)
        else:
            found = data.examples("train")
            part.start_from(found[part.field], found.get("mask"))


def is_fixed(part: nn.Module) -> bool:
    """Say whether a part has parameters, and learns none of them."""
    learned = [parameter.requires_grad for parameter in part.parameters()]
    return bool(learned) and not any(learned)


def start_prior(model: Model, data: DataModule) -> None:
    """Start the prior of a trained model at training data, or at their codes, and nothing else.

    Args:
        model: With one latent variable; its part ``prior`` is changed in place.
        data: Of which training examples are read.

    Raises:
        ValueError: If the model has several latent variables.
    """
    codes = codes_of(model, data)
    for part in model.get_submodule("prior").modules():
        if isinstance(part, StartsFromCodes):
            part.start_at_codes(codes)
        elif isinstance(part, StartsFromData):
            part.initialize(examples_of(model, data))


def examples_of(model: Model, data: DataModule) -> Examples:
    """Return what gives so many training examples as the nets see them, or a field of them."""

    def examples(n: int, field: str = "x", /) -> Tensor:
        batch = data.examples("train", n)
        return model.standardized(filled(model, batch)) if field == "x" else batch[field]

    return examples


def filled(model: Model, batch: Batch) -> Tensor:
    """Return x; what a model does not read of it, by length or mask, is the mean of its channel."""
    x, told = batch["x"], {n: batch[n] for n in ("length", "mask") if n in model.fields}
    if not told or not (model.is_sequential or isinstance(model, NeuralProcess)):
        return x
    if model.is_sequential:
        known = known_values(x, told.get("length"), told.get("mask"))
        dims = (0, 1)  # of all steps
    else:
        known = over_channels(told["mask"].flatten(1) != 0, x)
        dims = (0, *range(min(2, x.dim() - 1), x.dim()))
    assert known is not None
    known = known.expand(x.shape)
    total = torch.where(known, x, 0.0).sum(dims, keepdim=True)
    return torch.where(known, x, total / known.sum(dims, keepdim=True).clamp(min=1))


@torch.no_grad()
def codes_of(model: Model, data: DataModule) -> Tensor:
    """Return a draw of q(z|x) for each of the first training examples, ``(N, *latent)``.

    Raises:
        ValueError: If the model has several latent variables.
    """
    found = []
    for batch in data.batches("train", n=CODES, fields=model.fields):
        draws = model.ran(batch, Posterior(priors=False, likelihoods=False))
        latents = [latent for latent in draws.latents.values() if not latent.shared]
        if len(latents) != 1:
            raise ValueError(
                f"the prior of a model with one latent variable is fitted; {type(model).__name__} "
                f"has {', '.join(draws.latents)}"
            )
        found.append(latents[0].point[0])
    return torch.cat(found)
