"""What the model sees and makes, as a section of the report."""

__all__ = ["Gallery"]

import torch

from vae.evaluation.evaluation import Evaluation
from vae.evaluation.pictures import (
    interpolations,
    most_used,
    reconstructions,
    samples,
    traversals,
)
from vae.evaluation.render import render
from vae.evaluation.section import Section
from vae.evaluation.subject import Subject


class Gallery(Evaluation):
    """Reconstructions, prior samples, traversals and interpolations.

    Args:
        columns: Pictures per row, 1 to 100.
    """

    def __init__(self, columns: int = 10) -> None:
        if not 1 <= columns <= 100:  # columns² are drawn at once
            raise ValueError(f"columns must be from 1 to 100; got {columns}")
        self.columns = columns

    def __call__(self, subject: Subject) -> Section:
        """Draw from the first examples of the subject's split."""
        model, columns = subject.model, self.columns
        x = subject.examples(2 * columns).x
        with torch.no_grad():
            per_dim = model(x).latents[0].kl_per_dim
        dims = most_used(model, x, None if per_dim is None else per_dim.mean((0, 1)), columns)
        half = len(x) // 2
        rows = {
            "reconstructions": reconstructions(model, x[:columns]),
            "samples": samples(model, columns, columns, seed=subject.seed),
            "traversals": traversals(model, x[0], dims),
            "interpolations": interpolations(model, x[:half], x[half : 2 * half]),
        }
        pictures = {name: render(block) for name, block in rows.items()}
        return Section("Pictures", protocol={"columns": columns}, pictures=pictures)
