"""Whether a model, its objective and the data agree on which labels are known."""

__all__ = ["check_labels"]

from vae.models import Model
from vae.objectives import Objective
from vae.spec import DataSpec


def check_labels(model: Model, objective: Objective, spec: DataSpec) -> None:
    """Refuse a model that needs labels which data or objective do not give it.

    Raises:
        ValueError: Saying which do.
    """
    if spec.num_labelled is not None and "label" in model.fields:
        raise ValueError(
            f"data.labelled={spec.num_labelled} leaves examples without the label that "
            f"{type(model).__name__} reads of each: use model=m2, or data.labelled=null"
        )
    if missing := [name for name in model.learns_from if name not in objective.fields]:
        raise ValueError(
            f"{type(model).__name__} learns from {', '.join(missing)}, which "
            f"{type(objective).__name__} does not read: use objective=semi_supervised"
        )
