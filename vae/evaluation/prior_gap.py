"""How far the aggregate posterior is from the prior, as far as a finite sample tells."""

__all__ = ["against_prior", "caveats", "gap", "told"]

from math import log

from torch import Tensor

from vae.evaluation.aggregate import AggregatePosterior
from vae.evaluation.moments import moment_kl, prior_moments
from vae.evaluation.section import Figure, standard_error
from vae.evaluation.seen import Seen

NAMES = {
    "mutual_information": "mutual information of x and z, at most log N",
    "total_correlation": "total correlation of q(z)",
    "dimension_wise_kl": "sum of the marginals' KL",
    "aggregate_kl": "KL(q(z) ‖ p(z)), too high where the mutual information nears log N",
}


def against_prior(seen: Seen, draws: Tensor) -> dict[str, Figure]:
    """Return what is known of KL(q(z) ‖ p(z)), in nats; the errors are those of the points."""
    figures = {
        name: Figure(NAMES[name], term.mean().item(), "nats", standard_error(term))
        for name, term in terms(seen.aggregate).items()
    }
    bound = None if seen.discrete else lower_bound(seen, draws)
    if bound is not None:
        name = "KL(q(z) ‖ p(z)) at least, by mean and covariance"
        figures["aggregate_kl_bound"] = Figure(name, bound, "nats")
    return figures


def terms(aggregate: AggregatePosterior) -> dict[str, Tensor]:
    """Return the terms of the parts that have a meaning, and of KL(q(z) ‖ p(z))."""
    found = aggregate.terms()
    if not found:
        return {}
    whole = found["total_correlation"] + found["dimension_wise_kl"]
    if aggregate.marginal_kl() is None:
        del found["dimension_wise_kl"]
    return {**found, "aggregate_kl": whole}


def lower_bound(seen: Seen, draws: Tensor) -> float | None:
    """Return the part of KL(q(z) ‖ p(z)) that shows in the moments."""
    mean, cov = prior_moments(seen.prior, draws)
    return moment_kl(seen.z.cpu(), mean.cpu(), cov.cpu())


def told(information: float, count: int) -> bool:
    """Whether ``count`` examples tell the mutual information: their estimate is at most log N.

    Where it comes near that, posteriors are narrower than examples are dense, and what should be
    mutual information counts as distance of q(z) from p(z).
    """
    return information < log(count) - 1


def gap(figures: dict[str, Figure], count: int) -> float | None:
    """Return KL(q(z) ‖ p(z)) where the examples tell it, and else what it is at least."""
    found = figures.get("mutual_information")
    known = found is not None and found.value is not None and told(found.value, count)
    chosen = figures.get("aggregate_kl" if known else "aggregate_kl_bound")
    return None if chosen is None else chosen.value


def caveats(figures: dict[str, Figure], count: int) -> list[str]:
    """Say which figures the number of examples falsifies."""
    found = figures.get("mutual_information")
    if found is None or found.value is None or told(found.value, count):
        return []
    return [
        f"The mutual information is near log N = {log(count):.1f} nats, which its estimate from "
        f"N = {count:,} examples cannot exceed: it is too low, and the total correlation and "
        "KL(q(z) ‖ p(z)) are too high. The diagnosis goes by the lower bound."
    ]
