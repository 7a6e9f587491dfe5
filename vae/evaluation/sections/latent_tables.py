"""Tables of the latent variables and of their dimensions."""

__all__ = ["dimensions", "name_of", "rows_of_latents", "several", "unused"]

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from vae.evaluation.measures.by_latent import row_of, without_empty
from vae.evaluation.measures.latent_statistics import ACTIVE_VARIANCE
from vae.evaluation.measures.prior_gap import told
from vae.evaluation.measures.prior_moments import prior_moments
from vae.evaluation.measures.seen import Pass, Seen
from vae.evaluation.section import Figure


def several(seen: Pass) -> bool:
    """Whether there are latents to be told apart by their names."""
    return len(seen.latents) > 1


def name_of(seen: Pass, latent: Seen) -> str:
    """Return what a latent is called; nothing of the only one."""
    return latent.name if several(seen) else ""


def rows_of_latents(seen: Pass, parts: Mapping[str, Mapping[str, Figure]]) -> list[dict[str, Any]]:
    """Return a row of a table for each latent."""
    rows = []
    for latent in seen.latents:
        known = parts[latent.name].items()
        found = {key: figure.value for key, figure in known if figure.value is not None}
        row = row_of(latent.name, latent.use, latent.kl.mean().item(), found)
        rows.append({**row, "KL(q(z) ‖ p(z)) at least (nats)": found.get("aggregate_kl_bound")})
    return without_empty(rows)


def unused(table: Sequence[Mapping[str, Any]]) -> list[int] | list[str]:
    """Return the numbers of the dimensions that are not active, of several latents with names."""
    rows = [row for row in table if not row["active"]]
    if table and "latent" in table[0]:
        return [f"{row['latent']}[{row['dimension']}]" for row in rows]
    return sorted(row["dimension"] for row in rows)


def dimensions(seen: Pass, draws: Sequence[Tensor]) -> list[dict[str, Any]]:
    """Return what is known of each latent variable, the most used first."""
    tables = [columns_of(latent, of_p) for latent, of_p in zip(seen.latents, draws, strict=True)]
    names = list(dict.fromkeys(name for table in tables for name in table))
    key = "KL (nats)"
    if not all(key in table for table in tables):  # what is not known of all orders none
        names, key = [name for name in names if name != key], "variance of the centre"
    rows = []
    for latent, table in zip(seen.latents, tables, strict=True):
        of = {"latent": latent.name} if several(seen) else {}
        for d in range(latent.use.shape.numel()):
            values = {name: table[name][d] if name in table else None for name in names}
            rows.append({**of, "dimension": d, **values})
    return sorted(rows, key=lambda row: -row[key])


def columns_of(latent: Seen, draws: Tensor) -> dict[str, list[Any]]:
    """Return what is known of the variables of one latent, by the name of the column."""
    use = latent.use
    between, inner = latent.by_variable(use.variances), use.posterior_variances
    columns: dict[str, Tensor | None] = {
        "KL (nats)": use.kl_per_dim,
        "variance of the centre": between.sum(1),
        "mean posterior variance": None if inner is None else latent.by_variable(inner).sum(1),
        "active": (between > ACTIVE_VARIANCE).any(1),
    }
    if not latent.discrete:
        mean, deviation = prior_moments(latent.prior, draws)
        z = latent.z.flatten(1)
        columns["mean of q(z)"] = z.mean(0)
        columns["deviation of q(z)"] = z.std(0)
        columns["mean of p(z)"] = mean
        columns["deviation of p(z)"] = deviation
    known: dict[str, list[Any]] = {
        name: column.tolist() for name, column in columns.items() if column is not None
    }
    return known | marginal_kl(latent)


def marginal_kl(seen: Seen) -> dict[str, list[float | None]]:
    """Return KL(q(z_j) ‖ p(z_j)) in nats where it exists, ``None`` where the examples are too few.

    What of a dimension's KL is not marginal is its mutual information with x.
    """
    kl = seen.use.kl_per_dim
    marginal = None if seen.aggregate is None else seen.aggregate.marginal_kl()
    if marginal is None or kl is None:
        return {}
    pairs = zip(marginal.tolist(), kl.tolist(), strict=True)
    found = [m if told(whole - m, len(seen.z)) else None for m, whole in pairs]
    return {"marginal KL (nats)": found}
