"""How the latents are used and how they lie in the prior, as a section of the report."""

__all__ = ["LatentSpace"]

from math import log
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.collapse import THRESHOLDS, LatentUse, diagnose
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.latents import ACTIVE_VARIANCE
from vae.evaluation.marginals import marginals
from vae.evaluation.moments import prior_draws, prior_moments
from vae.evaluation.picture import Picture
from vae.evaluation.plots import bars
from vae.evaluation.pointless import pointless
from vae.evaluation.prior_gap import against_prior, caveats, gap, told
from vae.evaluation.section import Figure, NotApplicable, Section, standard_error
from vae.evaluation.seen import Seen, look, scalars, swap_costs
from vae.evaluation.subject import Subject

PRIOR_DRAWS = 10_000


class LatentSpace(Evaluation):
    r"""KL, activity and marginals of every latent dimension, q(z) against p(z), and a diagnosis.

    A model with several latent variables is judged by the first.

    Args:
        num_examples: How many of the split's first examples, at least 2; ``None`` means all.
        num_points: Draws from q(z) at which the aggregate posterior of all of them is evaluated,
            at least 2.
        num_shown: How many marginals are drawn, at least 1.

    References:
        ELBO surgery (Hoffman, Johnson, 2016). See also `AggregatePosterior` and `diagnose`.
    """

    def __init__(
        self,
        num_examples: int | None = 5000,
        *,
        num_points: int = 1000,
        num_shown: int = 12,
    ) -> None:
        if num_examples is not None and num_examples < 2:
            raise ValueError(f"num_examples must be at least 2 or null; got {num_examples}")
        if num_points < 2:
            raise ValueError(f"num_points must be at least 2; got {num_points}")
        if num_shown < 1:
            raise ValueError(f"num_shown must be at least 1; got {num_shown}")
        self.num_examples = num_examples
        self.num_points = num_points
        self.num_shown = num_shown

    @torch.no_grad()
    def __call__(self, subject: Subject) -> Section:
        """Measure on the subject's split."""
        count = subject.count(self.num_examples)
        if count < 2:
            raise NotApplicable("the use of the latents shows only over two examples or more")
        seen = look(subject, self.num_examples, self.num_points)
        if not seen.z.isfinite().all():
            raise NotApplicable("the latents are not finite: the model has diverged")
        swap = swap_costs(subject, seen)
        draws = prior_draws(seen.prior, PRIOR_DRAWS)
        table = dimensions(seen, draws)
        parts = against_prior(seen)
        use = LatentUse(
            seen.kl.mean().item(),
            swap.mean().item(),
            len(table),
            sorted(row["dimension"] for row in table if not row["active"]),
            noise(seen),
            gap(parts, seen),
            standard_error(swap),
            pointless(subject.model),
        )
        verdicts = diagnose(use)
        return Section(
            "Latent space",
            {**figures(seen, use), **parts},
            self.protocol(count),
            {"latent dimensions": table},
            {"diagnosis": list(verdicts), "gap": use.gap},
            self.pictures(seen, draws, table),
            [*verdicts.values(), *caveats(parts, count)],
        )

    def protocol(self, count: int) -> dict[str, Any]:
        """Return what the figures depend on."""
        return {
            "num_examples": count,
            "num_points": min(self.num_points, count),
            "largest_mutual_information": log(count),
            "prior_draws": PRIOR_DRAWS,
            "active_variance": ACTIVE_VARIANCE,
            "thresholds": THRESHOLDS,
        }

    def pictures(
        self, seen: Seen, draws: Tensor, table: list[dict[str, Any]]
    ) -> dict[str, Picture]:
        """Draw the use of each dimension and the marginals of the most used."""
        title, key = "KL", "KL (nats)"
        if key not in table[0]:
            title = key = "variance of the centre"
        dims = [row["dimension"] for row in table]
        q, p = (scalars(z).cpu() for z in (seen.z, draws))
        return {
            f"{title} by latent dimension": bars(
                [row[key] for row in table], xlabel="rank of the latent dimension", ylabel=key
            ),
            "marginals of the most used dimensions": marginals(q, p, dims[: self.num_shown]),
        }


def noise(seen: Seen) -> float | None:
    """Return the median part of q(z|x) in the variance of active dimensions; see `LatentUse`."""
    inner, between = seen.statistics.posterior_variances, seen.statistics.variances
    active = between > ACTIVE_VARIANCE
    if inner is None or seen.discrete or not active.any():
        return None
    return (inner / (inner + between))[active].median().item()


def dimensions(seen: Seen, draws: Tensor) -> list[dict[str, Any]]:
    """Return what is known of each latent variable, the most used first."""
    statistics = seen.statistics
    between = seen.by_variable(statistics.variances)
    inner = statistics.posterior_variances
    columns: dict[str, Tensor | None] = {
        "KL (nats)": statistics.kl_per_dim,
        "variance of the centre": between.sum(1),
        "mean posterior variance": None if inner is None else seen.by_variable(inner).sum(1),
        "active": (between > ACTIVE_VARIANCE).any(1),
    }
    if not seen.discrete:
        mean, deviation = prior_moments(seen.prior, draws)
        columns["mean of q(z)"] = seen.z.mean(0)
        columns["deviation of q(z)"] = seen.z.std(0)
        columns["mean of p(z)"] = mean
        columns["deviation of p(z)"] = deviation
    known: dict[str, list[Any]] = {
        name: column.tolist() for name, column in columns.items() if column is not None
    }
    known |= marginal_kl(seen)
    order = columns["KL (nats)"] if "KL (nats)" in known else between.sum(1)
    assert order is not None
    dims = order.argsort(descending=True, stable=True).tolist()
    return [{"dimension": d, **{name: column[d] for name, column in known.items()}} for d in dims]


def marginal_kl(seen: Seen) -> dict[str, list[float | None]]:
    """Return KL(q(z_j) ‖ p(z_j)) in nats where it exists, ``None`` where the examples are too few.

    What of a dimension's KL is not marginal is its mutual information with x.
    """
    marginal, kl = seen.aggregate.marginal_kl(), seen.statistics.kl_per_dim
    if marginal is None or kl is None:
        return {}
    pairs = zip(marginal.tolist(), kl.tolist(), strict=True)
    found = [m if told(whole - m, len(seen.z)) else None for m, whole in pairs]
    return {"marginal KL (nats)": found}


def figures(seen: Seen, use: LatentUse) -> dict[str, Figure]:
    """Return the figures of the latents' use."""
    lost = "log p(x|z) lost with another example's z"
    share = "part of q(z|x) in the variance of q(z), median"
    return {
        "kl": Figure("KL(q ‖ p)", use.kl, "nats", standard_error(seen.kl)),
        "swap_cost": Figure(lost, use.swap_cost, "nats", use.swap_error),
        "active_units": Figure("active dimensions", use.num_dims - len(use.unused)),
        "num_dims": Figure("latent dimensions", use.num_dims),
        **({} if use.noise is None else {"noise": Figure(share, use.noise)}),
    }
