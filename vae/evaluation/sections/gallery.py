"""What the model sees and makes, as a section of the report."""

__all__ = ["Gallery"]

from collections.abc import Sequence

import torch
from torch import Tensor

from vae.checks import check_range
from vae.distributions import NoTemperature
from vae.evaluation.drawing.by_condition import conditions_of, samples_by_condition
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.reconstructions import reconstructions, samples
from vae.evaluation.drawing.render import picture_of
from vae.evaluation.drawing.timelines import timelines, with_gaps
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.section import Section
from vae.evaluation.subject import Subject

FOR_QUANTILES = 500  # examples


class Gallery(Evaluation):
    """Examples above their reconstructions, and samples: means of p(x|z) for draws of z.

    Where a model reads more than x, such as labels, a sample has that of the data above it; of a
    conditional VAE there is a row for each class too, or for quantiles of a number.

    Args:
        columns: Pictures per row, 1 to 100.
        temperatures: Scales of the prior's spread, above 0: a row of samples of each, from the
            same noise, below a row of the data.
    """

    def __init__(self, columns: int = 10, temperatures: Sequence[float] = (0.7, 1.0)) -> None:
        check_range("columns", columns, 1, 100)
        if not temperatures or not all(t > 0 for t in temperatures):
            raise ValueError(f"temperatures must be numbers above 0; got {list(temperatures)}")
        self.columns = columns
        self.temperatures = list(temperatures)

    def __call__(self, subject: Subject) -> Section:
        """Draw from the first examples of the subject's split."""
        model, seed = subject.model, subject.seed
        columns = subject.count(self.columns)  # rows of one length, if there are fewer examples
        batch = subject.examples(columns)
        pair = with_gaps(reconstructions(model, batch), batch)
        blocks, notes = {}, []
        for t in self.temperatures:
            try:
                rows = samples(model, 1, columns, temperature=t, seed=seed, batch=batch)
            except NoTemperature as reason:
                notes.append(f"There are no samples at T = {t:g}: {reason}.")
            else:
                blocks[f"T = {t:g}"] = rows
        shown = torch.cat([pair[:1], *blocks.values()])
        span, length = subject.value_range, batch.get("length")

        def drawn(rows: Tensor, labels: Sequence[str]) -> Picture:
            return picture_of(timelines(rows, subject.spec, length), labels, span=span)

        pictures = {
            "reconstructions": drawn(pair, ["original", "reconstruction"]),
            "samples": drawn(shown, ["data", *blocks]),
        }
        known = subject.examples(FOR_QUANTILES, fields=conditions_of(model))
        shelves = samples_by_condition(model, subject.spec, batch, seed=seed, known=known)
        for name, (rows, labels) in shelves.items():
            pictures[f"samples by {name}"] = drawn(rows, labels)
        protocol = {"columns": columns, "temperatures": self.temperatures}
        title = "Reconstructions and samples"
        return Section(title, protocol=protocol, pictures=pictures, notes=notes)
