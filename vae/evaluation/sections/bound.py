"""The ELBO, its terms and the importance-weighted likelihood, as a section of the report."""

__all__ = ["Bound"]

from collections.abc import Mapping, Sequence
from typing import Any

from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.by_latent import without_empty
from vae.evaluation.measures.figures import evaluate
from vae.evaluation.measures.importance_weights import FEWEST, UNTRUSTED
from vae.evaluation.measures.prior_gap import caveats
from vae.evaluation.section import Figure, Section
from vae.evaluation.subject import Subject

NAMES = {  # key: (name, unit)
    "elbo": ("ELBO", "nats"),
    "log_likelihood": ("log p(x|z)", "nats"),
    "kl": ("KL(q ‖ p)", "nats"),
    "nll": ("−log p(x), importance-weighted", "nats"),
    "bits_per_dim": ("bits per dimension", "bits"),
    "elbo_per_step": ("ELBO per time step", "nats"),
    "nll_per_step": ("−log p(x) per time step", "nats"),
    "effective_sample_size": ("effective sample size", "samples"),
    "effective_sample_size_decile": ("effective sample size, 10 % quantile", "samples"),
    "effective_sample_size_minimum": ("effective sample size, minimum", "samples"),
    "pareto_k": ("Pareto k̂ of the importance weights, median", ""),
    "pareto_k_share": (f"share of examples with k̂ above {UNTRUSTED}", ""),
    "mutual_information": ("mutual information of x and z", "nats"),
    "total_correlation": ("total correlation of q(z)", "nats"),
    "dimension_wise_kl": ("sum of the marginals' KL", "nats"),
    "active_units": ("active units", "dimensions"),
    "num_examples": ("examples", ""),
}


class Bound(Evaluation):
    """ELBO, likelihood and use of the latents; see `evaluate`.

    Args:
        num_samples: Importance samples K per example, at least 1; of several, the figures are
            those of the largest, and a table has the likelihood of each.
    """

    of_predictions = None

    def __init__(self, num_samples: int | Sequence[int] = 100) -> None:
        given = [num_samples] if isinstance(num_samples, int) else list(num_samples)
        if not given or min(given) < 1:
            raise ValueError(f"num_samples must be at least 1; got {num_samples}")
        self.num_samples = num_samples
        self.counts = sorted({*given})

    def __call__(self, subject: Subject) -> Section:
        """Measure on the subject's split."""
        measured = evaluate(
            subject.model,
            subject.track_batches(f"{self.counts[-1]} importance samples"),
            subject.spec,
            num_samples=self.counts,
            max_rows=subject.max_rows,
            seed=subject.seed,
            num_examples=subject.data.num_train,
        )
        figures = {
            key: Figure(name, measured[key], unit, measured.get(f"{key}_standard_error"))
            for key, (name, unit) in NAMES.items()
            if key in measured
        }
        if subject.model.predicts is not None:
            figures["log_likelihood"] = figures["log_likelihood"]._replace(name="log p(y|x, w)")
        tables = {}
        if len(self.counts) > 1 and "nll" in measured:
            title = "−log p(x) by number of importance samples"
            tables[title] = measured["nll_by_num_samples"]
        if "latents" in measured:
            tables["latent variables"] = without_empty(measured["latents"])
        return Section(
            "Bound and likelihood",
            figures,
            {"num_samples": self.num_samples},
            tables=tables,
            series={"kl_per_dim": measured["kl_per_dim"]},
            notes=[
                *measured["notes"],
                *(notes(measured, self.counts[-1]) if "nll" in measured else []),
                *caveats(figures, measured["num_examples"]),
            ],
        )


def notes(measured: Mapping[str, Any], num_samples: int) -> list[str]:
    """Say in words how far the likelihood is to be trusted."""
    if num_samples < FEWEST:
        few = "their tail, and so the trust in −log p(x), is judged from"
        return [f"Of {num_samples} importance samples an example, {few} {FEWEST} on."]
    share, said = measured["pareto_k_share"], []
    if measured["pareto_k"] is None:
        said.append(
            "The importance weights of most examples are all alike, the best case: no median k̂."
        )
    if share == 0:
        return said
    return [
        *said,
        f"For {share:.1%} of the examples Pareto k̂ is above {UNTRUSTED}: a few of their "
        f"{num_samples} weights decide the estimate, −log p(x) is likely too high there, and its "
        "standard error does not tell. More samples help slowly; a posterior closer to p(z|x) "
        "does.",
    ]
