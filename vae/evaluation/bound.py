"""The ELBO, its terms and the importance-weighted likelihood, as a section of the report."""

__all__ = ["Bound"]

from vae.evaluation.evaluation import Evaluation
from vae.evaluation.figures import evaluate
from vae.evaluation.section import Figure, Section
from vae.evaluation.subject import Subject

NAMES = {  # key: (name, unit)
    "elbo": ("ELBO", "nats"),
    "log_likelihood": ("log p(x|z)", "nats"),
    "kl": ("KL(q ‖ p)", "nats"),
    "nll": ("−log p(x), importance-weighted", "nats"),
    "bits_per_dim": ("bits per dimension", "bits"),
    "effective_sample_size": ("effective sample size", "samples"),
    "mutual_information": ("mutual information of x and z", "nats"),
    "total_correlation": ("total correlation of q(z)", "nats"),
    "dimension_wise_kl": ("sum of the marginals' KL", "nats"),
    "active_units": ("active units", "dimensions"),
    "num_examples": ("examples", ""),
}


class Bound(Evaluation):
    """ELBO, likelihood and use of the latents; see `evaluate`.

    Args:
        num_samples: Importance samples K per example, at least 1.
    """

    def __init__(self, num_samples: int = 100) -> None:
        if num_samples < 1:
            raise ValueError(f"num_samples must be at least 1; got {num_samples}")
        self.num_samples = num_samples

    def __call__(self, subject: Subject) -> Section:
        """Measure on the subject's split."""
        measured = evaluate(
            subject.model,
            subject.track_batches(f"{self.num_samples} importance samples"),
            subject.spec,
            num_samples=self.num_samples,
            max_rows=subject.max_rows,
            seed=subject.seed,
        )
        figures = {
            key: Figure(name, measured[key], unit, measured.get(f"{key}_standard_error"))
            for key, (name, unit) in NAMES.items()
            if key in measured
        }
        return Section(
            "Bound and likelihood",
            figures,
            {"num_samples": self.num_samples},
            series={"kl_per_dim": measured["kl_per_dim"]},
        )
