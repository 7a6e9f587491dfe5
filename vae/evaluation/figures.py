"""The figures of a trained model on held-out data."""

__all__ = ["evaluate"]

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log, log2
from typing import Any

import torch
from torch import Tensor

from vae.batch import Batch
from vae.data.randomness import stream_seed
from vae.evaluation.aggregate import AggregatePosterior
from vae.evaluation.importance import (
    FEWEST,
    UNTRUSTED,
    effective_sample_size,
    log_mean_weights,
    pareto_k,
)
from vae.evaluation.latents import LatentStatistics
from vae.evaluation.section import standard_error
from vae.evaluation.subject import BATCH
from vae.models import Model
from vae.spec import DataSpec


@torch.no_grad()
def evaluate(
    model: Model,
    batches: Iterable[Batch],
    spec: DataSpec,
    *,
    num_samples: int | Sequence[int] = 100,
    max_rows: int = 4096,
    seed: int = 0,
) -> dict[str, Any]:
    r"""Measure the ELBO, its terms, the importance-weighted likelihood and the use of the latents.

    The figures depend on the seed and on the order of the examples, but neither on the size of
    the batches nor on ``max_rows``.

    Args:
        model: In evaluation mode.
        batches: The examples, each once, in batches of any size.
        spec: What the examples are.
        num_samples: Importance samples K per example, at least 1. Of several, the largest is
            drawn, and the likelihood is estimated with each.
        max_rows: How many latents are decoded at once, which bounds the memory.
        seed: Key of the noise; the global random state is left as it was.

    Returns:
        Nats per example: ``elbo``, ``log_likelihood`` (of the reconstruction), ``kl`` and ``nll``,
        the importance-weighted −log p(x); further ``nll_by_num_samples`` (a row for each K),
        ``effective_sample_size`` (mean over examples, with ``_decile`` and ``_minimum``), from 25
        samples on ``pareto_k`` (median) and ``pareto_k_share`` (of examples above 0.7),
        ``bits_per_dim`` where it is defined, ``active_units``, ``kl_per_dim``, the parts of the KL
        by the aggregate posterior of these examples (see `AggregatePosterior`) and the protocol.
        Means and shares have a ``_standard_error`` over examples beside them.
    """
    counts = sorted({num_samples} if isinstance(num_samples, int) else {*num_samples})
    statistics, aggregate, columns = LatentStatistics(), AggregatePosterior(), []
    with torch.random.fork_rng():
        for index, x in enumerate(blocks(batches)):
            torch.manual_seed(stream_seed(seed, index))
            trace = model(x)
            log_w = model.log_weights(x, num_samples=counts[-1], max_rows=max_rows)
            terms = {"log_px": trace.log_px[0].double(), "kl": trace.kl[0].double()}
            columns.append(terms | weighed(log_w, counts))
            statistics.update(trace)
            aggregate.update(trace)
    figures = summarise({key: torch.cat([c[key] for c in columns]) for key in columns[0]}, counts)
    likelihood = model.likelihood
    per_dim, mass = statistics.kl_per_dim, likelihood is not None and likelihood.levels is not None
    errors = aggregate.standard_errors()
    return {
        **figures,
        **bits_per_dim(figures["nll"], figures["nll_standard_error"], spec, mass=mass),
        **aggregate.parts(),
        **{f"{name}_standard_error": error for name, error in errors.items()},
        "active_units": statistics.active_units,
        "kl_per_dim": None if per_dim is None else per_dim.tolist(),
        "num_samples": num_samples,
        "seed": seed,
    }


def blocks(batches: Iterable[Batch], size: int = BATCH) -> Iterator[Tensor]:
    """Yield the examples of batches of any size in blocks of one size, the last smaller."""
    held: list[Tensor] = []
    for batch in batches:
        *whole, rest = torch.cat([*held, batch["x"]]).split(size)
        yield from whole
        held = [rest]
    yield from held


def weighed(log_w: Tensor, counts: Sequence[int]) -> dict[str, Tensor]:
    """Return what log-weights ``(K, B)`` say of each example, ``(B,)`` in double precision."""
    log_p = {f"log_p of {k}": log_mean_weights(log_w, k) for k in counts}
    return {**log_p, "ess": effective_sample_size(log_w), "pareto_k": pareto_k(log_w)}


def summarise(columns: Mapping[str, Tensor], counts: Sequence[int]) -> dict[str, Any]:
    """Average what is known of each example, ``(N,)`` by name."""
    log_px, kl, ess = columns["log_px"], columns["kl"], columns["ess"]
    shapes, nll = columns["pareto_k"], -columns[f"log_p of {counts[-1]}"]
    means = {
        "elbo": log_px - kl,
        "log_likelihood": log_px,
        "kl": kl,
        "nll": nll,
        "effective_sample_size": ess,
    }
    quantiles: dict[str, float | None] = {
        "effective_sample_size_decile": ess.quantile(0.1).item(),
        "effective_sample_size_minimum": ess.min().item(),
    }
    if counts[-1] >= FEWEST:
        means["pareto_k_share"] = (shapes > UNTRUSTED).double()
        median = shapes.median().item()  # −∞ where most examples' weights are all the same
        quantiles["pareto_k"] = median if median > -torch.inf else None
    return {
        **{name: values.mean().item() for name, values in means.items()},
        **{f"{name}_standard_error": standard_error(values) for name, values in means.items()},
        **quantiles,
        "nll_by_num_samples": [by_num_samples(columns[f"log_p of {k}"], k) for k in counts],
        "num_examples": len(ess),
    }


def by_num_samples(log_p: Tensor, num_samples: int) -> dict[str, Any]:
    """Return −log p(x) over examples ``(N,)`` and its standard error, as a row of a table."""
    nll, error = -log_p.mean().item(), standard_error(log_p)
    return {"num_samples": num_samples, "nll": nll, "standard_error": error}


def bits_per_dim(nll: float, error: float, spec: DataSpec, *, mass: bool) -> dict[str, float]:
    """Return −log₂ p(x) per dimension and its error where x is discrete, nothing where it is not.

    Of dequantized data the density bounds the mass from below, log p(k) ≥ log p(x) − D log L for
    L levels; a density of values on a grid bounds nothing.
    """
    nats = spec.num_dims * log(2)  # of a bit in every dimension
    if mass:
        levels = 1
    elif spec.dequantized and spec.levels is not None:
        levels = spec.levels
    else:
        return {}
    bits = nll / nats + log2(levels)
    return {"bits_per_dim": bits, "bits_per_dim_standard_error": error / nats}
