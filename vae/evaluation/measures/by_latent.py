"""What is known of each latent variable of a model, one or several."""

__all__ = ["ByLatent", "row_of", "without_empty"]

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.measures.aggregate_posterior import AggregatePosterior, has_aggregate
from vae.evaluation.measures.latent_statistics import LatentStatistics, Use
from vae.stems import stems
from vae.trace import Trace

PARTS = {  # of the KL, by the aggregate posterior
    "mutual_information": "mutual information (nats)",
    "total_correlation": "total correlation (nats)",
    "dimension_wise_kl": "marginals' KL (nats)",
    "aggregate_kl": "KL(q(z) ‖ p(z)) (nats)",
}


class ByLatent:
    """Statistics and aggregate posterior of every latent variable.

    Attributes:
        statistics: Of all of them.
        aggregates: By name, of those that have one.
        without: Names of the others.
    """

    def __init__(self) -> None:
        self.statistics = LatentStatistics()
        self.aggregates: dict[str, AggregatePosterior] = {}
        self.without: list[str] = []
        self.kl: dict[str, Tensor] = {}  # sums over the examples

    @torch.no_grad()
    def update(self, trace: Trace) -> None:
        """Add a batch."""
        self.statistics.update(trace)
        for name, steps in stems(trace.latents).items():
            if name not in self.kl:
                self.kl[name] = torch.zeros((), dtype=torch.float64, device=steps[0].z.device)
                if has_aggregate(steps):
                    self.aggregates[name] = AggregatePosterior(name=steps[0].name)
                else:
                    self.without.append(name)
            rows = max(latent.z.shape[1] for latent in trace.latents)
            self.kl[name] += sum(latent.kl[0].double().expand(rows).sum() for latent in steps)
            if name in self.aggregates:
                self.aggregates[name].update(trace)

    def figures(self) -> dict[str, Any]:
        """Return what `evaluate` says of the latents."""
        statistics = self.statistics
        per_dim = {name: use.kl_per_dim for name, use in statistics.by_name.items()}
        lists = {name: None if kl is None else kl.tolist() for name, kl in per_dim.items()}
        active = {"active_units": statistics.active_units} if lists else {}
        if len(self.kl) > 1:
            return {**active, "kl_per_dim": lists, "latents": self.rows()}
        found: dict[str, Any] = {}
        for aggregate in self.aggregates.values():
            errors = aggregate.standard_errors()
            found |= aggregate.parts()
            found |= {f"{name}_standard_error": error for name, error in errors.items()}
        return {**found, **active, "kl_per_dim": next(iter(lists.values()), None)}

    def rows(self) -> list[dict[str, Any]]:
        """Return a row of a table for each latent variable."""
        aggregates = self.aggregates
        parts = {name: aggregates[name].parts() if name in aggregates else {} for name in self.kl}
        uses = self.statistics.by_name | self.statistics.shared
        return [
            row_of(name, uses[name], kl.item() / self.statistics.count, parts[name])
            for name, kl in self.kl.items()
        ]


def row_of(name: str, use: Use, kl: float, parts: Mapping[str, float]) -> dict[str, Any]:
    """Return what a table says of one latent variable.

    Args:
        name: What the model calls it.
        use: Its statistics.
        kl: Nats per example.
        parts: Of its KL, as far as they are known.
    """
    return {
        "latent": name,
        "dimensions": use.shape.numel(),
        "active": use.active,
        "KL (nats)": kl,
        **{words: parts.get(key) for key, words in PARTS.items()},
    }


def without_empty(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a table without the columns that are known of none of them."""
    known = {name for row in rows for name, value in row.items() if value is not None}
    return [{name: row[name] for name in row if name in known} for row in rows]
