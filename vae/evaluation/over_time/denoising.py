"""What a model of sequences makes of them with and without noise, as a section of the report."""

__all__ = ["Denoising"]

import torch
from torch import Tensor

from vae.batch import Batch
from vae.checks import check_int
from vae.evaluation.drawing.over_time import Track, over_time
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.errors import root_mean_squared
from vae.evaluation.measures.named import the_x
from vae.evaluation.over_time.steps import known_of, sequences_of
from vae.evaluation.section import Section
from vae.evaluation.subject import Subject


class Denoising(Evaluation):
    """Error of reconstructions, of the data as they are and with noise, beside the noise itself.

    Where reconstructions of noisy data are nearer to the data than what was given, the model has
    taken noise away. Errors are in the units that the nets see.

    Args:
        noise: Of real values, the deviation of what is added, in deviations of all known values;
            of bits, the share that is turned over; of values in [0, 1] as of real ones, cut off.
        num_examples: How many sequences, at least 1.
    """

    def __init__(self, noise: float = 0.2, *, num_examples: int = 100) -> None:
        if not noise > 0:
            raise ValueError(f"noise must be above 0; got {noise}")
        check_int("num_examples", num_examples)
        self.noise = noise
        self.num_examples = num_examples

    @torch.no_grad()
    def __call__(self, subject: Subject) -> Section:
        """Reconstruct the first sequences of the subject's split."""
        batch = sequences_of(subject, self.num_examples)
        known, model = known_of(batch), subject.model
        noisy = self.noisy(batch, known, subject.spec.support)
        found = {
            "reconstruction": the_x(model.reconstruct(batch)),
            "denoised": the_x(model.reconstruct({**batch, "x": noisy})),
            "noisy": noisy,
        }
        names = ("reconstruction of the data", "reconstruction of noisy data", "noisy data")
        seen = model.standardized
        figures = {
            f"rmse_{key}": root_mean_squared(f"RMSE, {name}", seen(x), seen(batch["x"]), known)
            for (key, x), name in zip(found.items(), names, strict=True)
        }
        shown = [("data", batch["x"]), ("noisy", noisy), ("reconstruction", found["denoised"])]
        tracks = [Track(name, x, known=known, points=name == "noisy") for name, x in shown]
        return Section(
            "Denoising",
            figures,
            {"noise": self.noise, "examples": len(noisy)},
            pictures={"denoising": over_time(tracks, batch["length"])},
        )

    def noisy(self, batch: Batch, known: Tensor, support: str) -> Tensor:
        """Return x with noise from the global random state where it is known."""
        x = batch["x"]
        if support == "boolean":
            turned = (torch.rand(x.shape) < self.noise).to(x.device)
            return torch.where(known & turned, 1 - x, x)
        total = known.sum((0, 1)).clamp(min=1)
        mean = torch.where(known, x, 0.0).sum((0, 1)) / total
        width = (torch.where(known, (x - mean) ** 2, 0.0).sum((0, 1)) / total).sqrt()
        found = x + self.noise * width * torch.randn(x.shape, dtype=x.dtype).to(x.device)
        found = found.clamp(0, 1) if support == "unit_interval" else found
        return torch.where(known, found, x)
