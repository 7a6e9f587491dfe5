"""The figures of a trained model on held-out data."""

__all__ = ["evaluate"]

from collections.abc import Callable, Iterable
from math import log, log2
from typing import Any

import torch
from torch import Tensor

from vae.data import Batch, DataSpec
from vae.data.randomness import stream_seed
from vae.evaluation.aggregate import AggregatePosterior
from vae.evaluation.latents import LatentStatistics
from vae.models import Model


@torch.no_grad()
def evaluate(
    model: Model,
    batches: Iterable[Batch],
    spec: DataSpec,
    *,
    num_samples: int = 100,
    max_rows: int = 4096,
    seed: int = 0,
    on_batch: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    r"""Measure the ELBO, its terms, the importance-weighted likelihood and the use of the latents.

    Args:
        model: In evaluation mode.
        batches: The examples, each once.
        spec: What the examples are.
        num_samples: Importance samples K per example, at least 1.
        max_rows: How many latents are decoded at once, which bounds the memory.
        seed: Key of the noise; the global random state is left as it was.
        on_batch: Called with the number of examples done after each batch.

    Returns:
        Nats per example: ``elbo``, ``log_likelihood`` (of the reconstruction), ``kl`` and ``nll``,
        the importance-weighted −log p(x) with its ``nll_standard_error`` over examples; further
        ``effective_sample_size`` (mean over examples, of ``num_samples``), ``bits_per_dim`` where
        it is defined, ``active_units``, ``kl_per_dim``, the parts of the KL by the aggregate
        posterior of these examples (see `AggregatePosterior`) and the protocol.

    References:
        Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.
    """
    statistics, aggregate, columns = LatentStatistics(), AggregatePosterior(), []
    with torch.random.fork_rng():
        for index, batch in enumerate(batches):
            torch.manual_seed(stream_seed(seed, index))
            trace = model(batch.x)
            log_w = model.log_weights(batch.x, num_samples=num_samples, max_rows=max_rows)
            columns.append(torch.stack([trace.log_px[0], trace.kl[0], *weighted(log_w)]).double())
            statistics.update(trace)
            aggregate.update(trace)
            on_batch(len(batch.x))
    figures = summarise(torch.cat(columns, 1))
    per_dim = statistics.kl_per_dim
    return {
        **figures,
        **bits_per_dim(figures["nll"], spec, mass=model.likelihood.levels is not None),
        **aggregate.parts(),
        "active_units": statistics.active_units,
        "kl_per_dim": None if per_dim is None else per_dim.tolist(),
        "num_samples": num_samples,
        "seed": seed,
    }


def weighted(log_w: Tensor) -> tuple[Tensor, Tensor]:
    """Return log p(x) and the effective sample size from log-weights ``(K, B)``, ``(B,)`` each."""
    log_w = log_w.double()
    total = log_w.logsumexp(0)
    return total - log(len(log_w)), (2 * total - (2 * log_w).logsumexp(0)).exp()


def summarise(columns: Tensor) -> dict[str, float]:
    """Average the columns log p(x|z), KL, log p(x) and effective sample size, ``(4, N)``."""
    log_px, kl, log_p, ess = columns.mean(1).tolist()
    count = columns.shape[1]
    deviation = columns[2].std().item() if count > 1 else float("nan")
    return {
        "elbo": log_px - kl,
        "log_likelihood": log_px,
        "kl": kl,
        "nll": -log_p,
        "nll_standard_error": deviation / count**0.5,
        "effective_sample_size": ess,
        "num_examples": count,
    }


def bits_per_dim(nll: float, spec: DataSpec, *, mass: bool) -> dict[str, float]:
    """Return −log₂ p(x) per dimension where x is discrete, nothing where it is not.

    Of dequantized data the density bounds the mass from below, log p(k) ≥ log p(x) − D log L for
    L levels; a density of values on a grid bounds nothing.
    """
    bits = nll / (spec.num_dims * log(2))
    if mass:
        return {"bits_per_dim": bits}
    if spec.dequantized and spec.levels is not None:
        return {"bits_per_dim": bits + log2(spec.levels)}
    return {}
