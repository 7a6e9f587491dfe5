"""Where parameters start that depend on the data."""

__all__ = ["start_at_data"]

from torch import Tensor

from vae.data import DataModule
from vae.from_data import StartsFromData, StartsFromField
from vae.models import Model


def start_at_data(model: Model, data: DataModule) -> None:
    """Start the parts of a model that depend on it at training data.

    A model that standardises its data takes their mean and width first. Each part that is a
    `StartsFromData` then starts at examples as the nets see them: pseudo-inputs of a prior, and
    learned scales of a likelihood with the decoder's output beside them. A `StartsFromField` is
    given what it is to predict, for its units.

    Args:
        model: Changed in place; `load_state_dict` afterwards overrides all of it.
        data: Of which training examples are read.

    Raises:
        ValueError: If ``start_at_mean`` was asked for and the likelihood has no such start.
    """
    if model.standardize is not None:
        model.standardize.set(*data.statistics())

    def examples(n: int) -> Tensor:
        return model.standardized(data.examples("train", n)["x"])

    for part in model.modules():
        if isinstance(part, StartsFromData):
            part.initialize(examples)
        elif isinstance(part, StartsFromField):
            part.start_from(data.examples("train")[part.field])
