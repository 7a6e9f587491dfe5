"""How far the aggregate posterior is from the prior, as far as a finite sample tells."""

__all__ = ["NEAR_LIMIT", "against_prior", "caveats", "gap", "told"]

from collections.abc import Mapping
from math import log

from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from vae.evaluation.measures.prior_moments import divergence_bound
from vae.evaluation.measures.seen import Seen
from vae.evaluation.section import Figure

NAMES = {
    "mutual_information": "mutual information of x and z, at most log N",
    "total_correlation": "total correlation of q(z)",
    "dimension_wise_kl": "sum of the marginals' KL",
    "aggregate_kl": "KL(q(z) ‖ p(z)), too high where the mutual information nears log N",
}

NEAR_LIMIT = "The mutual information is near log N"  # begins what `caveats` says of it


def against_prior(seen: Seen) -> dict[str, Figure]:
    """Return what is known of KL(q(z) ‖ p(z)), in nats."""
    aggregate = seen.aggregate
    if aggregate is None:
        return {}
    parts, errors = aggregate.parts(), aggregate.standard_errors()
    figures = {
        name: Figure(NAMES[name], value, "nats", errors[name]) for name, value in parts.items()
    }
    bound = None
    if seen.filling and isinstance(seen.prior, Distribution):
        bound = divergence_bound(seen.z.flatten(1).cpu(), seen.log_p.cpu())
    if bound is not None:
        # The mean KL is what the mutual information adds to the divergence: never less.
        least = max(0.0, min(bound[0], seen.kl.mean().item()))
        name = "KL(q(z) ‖ p(z)) at least, by the covariance of q(z)"
        figures["aggregate_kl_bound"] = Figure(name, least, "nats", bound[1])
    return figures


def told(information: float, count: int) -> bool:
    """Whether ``count`` examples tell the mutual information: their estimate is at most log N.

    Where it comes near that, posteriors are narrower than examples are dense, and what should be
    mutual information counts as distance of q(z) from p(z).
    """
    return information < log(count) - 1


def gap(figures: Mapping[str, Figure], seen: Seen) -> float | None:
    """Return KL(q(z) ‖ p(z)) where the examples tell it, and else what it is at least.

    ``None`` where neither says anything: that a bound is 0 tells of a match only where the prior is
    normal, as what the bound supposes of q(z) is.
    """
    found = figures.get("mutual_information")
    known = found is not None and found.value is not None and told(found.value, len(seen.z))
    chosen = figures.get("aggregate_kl" if known else "aggregate_kl_bound")
    if chosen is None or not (known or chosen.value or is_normal(seen.prior)):
        return None
    return chosen.value


def is_normal(p: Distribution | Tensor) -> bool:
    """Whether a distribution is normal with independent dimensions."""
    return isinstance(p, Independent) and isinstance(p.base_dist, Normal)


def caveats(figures: Mapping[str, Figure], count: int) -> list[str]:
    """Say which figures the number of examples falsifies and which have no meaning."""
    found = figures.get("mutual_information")
    if found is None or found.value is None:
        return []
    said = []
    if not told(found.value, count):
        said.append(
            f"{NEAR_LIMIT} = {log(count):.1f} nats, which its estimate "
            f"from N = {count:,} examples cannot exceed: it is too low, and the total correlation "
            "and KL(q(z) ‖ p(z)) are too high."
        )
        if "aggregate_kl_bound" in figures:
            said[0] += " The diagnosis goes by the lower bound."
    if "dimension_wise_kl" not in figures:
        said.append(
            "The sum of the marginals' KL is left out: the prior does not factorise, or is another "
            "for each example."
        )
    return said
