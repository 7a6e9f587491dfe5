"""The figures of a trained model on held-out data."""

__all__ = ["evaluate"]

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import log, log2
from typing import Any

import torch
from torch import Tensor

from vae.batch import Batch
from vae.data.randomness import stream_seed
from vae.evaluation.measures.aggregate_posterior import left_out
from vae.evaluation.measures.by_latent import ByLatent
from vae.evaluation.measures.importance_weights import (
    FEWEST,
    UNTRUSTED,
    effective_sample_size,
    log_mean_weights,
    pareto_k,
)
from vae.evaluation.section import standard_error
from vae.evaluation.subject import BATCH
from vae.models import Model
from vae.models.rows import whole_rows
from vae.spec import DataSpec
from vae.supports import support_of
from vae.trace import Trace

SHARED = (
    "−log p(x) is left out: the examples share the latent {names}, so that one alone has no "
    "importance weights. The ELBO stands for it."
)


@torch.no_grad()
def evaluate(
    model: Model,
    batches: Iterable[Batch],
    spec: DataSpec,
    *,
    num_samples: int | Sequence[int] = 100,
    max_rows: int = 4096,
    seed: int = 0,
    num_examples: int = 0,
) -> dict[str, Any]:
    r"""Measure the ELBO, its terms, the importance-weighted likelihood and the use of the latents.

    The figures depend on the seed and on the order of the examples, but neither on the size of
    the batches nor on ``max_rows``.

    Args:
        model: In evaluation mode.
        batches: The examples, each once, in batches of any size, with what the model reads.
        spec: What the examples are.
        num_samples: Importance samples K per example, at least 1. Of several, the largest is
            drawn, and the likelihood is estimated with each.
        max_rows: How many latents are decoded at once, which bounds the memory.
        seed: Key of the noise; the global random state is left as it was.
        num_examples: How many examples share the latents that are shared; 0 means those of a block.

    Returns:
        Nats per example: ``elbo``, ``log_likelihood`` (of the reconstruction), ``kl`` and ``nll``,
        the importance-weighted −log p(x); further ``nll_by_num_samples`` (a row for each K),
        ``effective_sample_size`` (mean over examples, with ``_decile`` and ``_minimum``), from 25
        samples on ``pareto_k`` (median) and ``pareto_k_share`` (of examples above 0.7),
        ``bits_per_dim`` where it is defined, ``elbo_per_step`` and ``nll_per_step`` of sequences
        (see `per_step`), ``active_units``, ``kl_per_dim``, the parts of the KL
        by the aggregate posterior of these examples (see `AggregatePosterior`) and the protocol.
        Means and shares have a ``_standard_error`` over examples beside them. Of several latent
        variables ``kl_per_dim`` is by name, and the parts of the KL are in ``latents``, a row for
        each. What is left out, such as ``nll`` where examples share a latent, is said in ``notes``.
    """
    counts = sorted({num_samples} if isinstance(num_samples, int) else {*num_samples})
    latents, columns, notes, mass = ByLatent(), [], [], None
    with torch.random.fork_rng():
        for index, batch in enumerate(blocks(batches, model.fields, size_for(model))):
            torch.manual_seed(stream_seed(seed, index))
            trace = model(batch, num_examples=num_examples)
            column = terms_of(trace) | steps_of(model, batch)
            shared = [latent.name for latent in trace.latents if latent.shared]
            if not shared:
                log_w = model.log_weights(batch, num_samples=counts[-1], max_rows=max_rows)
                column |= weighed(log_w, counts)
            columns.append(column)
            latents.update(trace)
            mass = is_mass(model, trace) if mass is None else mass
    figures = summarise({key: torch.cat([c[key] for c in columns]) for key in columns[0]}, counts)
    of_x = model.predicts is None  # where what is left out would be missed
    if shared and of_x:
        notes.append(SHARED.format(names=", ".join(shared)))
    elif mass is not None and of_x:
        nll = figures["nll"], figures["nll_standard_error"]
        figures |= bits_per_dim(*nll, spec, mass=mass)
    if latents.without and of_x:
        notes.append(left_out(latents.without))
    return {
        **figures,
        **latents.figures(),
        "num_samples": num_samples,
        "seed": seed,
        "notes": notes,
    }


def terms_of(trace: Trace) -> dict[str, Tensor]:
    """Return the two terms of the ELBO of each example, ``(B,)`` in double precision."""
    log_px = trace.log_px[0].double()
    return {"log_px": log_px, "kl": trace.kl[0].double().expand_as(log_px)}


def size_for(model: Model) -> Callable[[Batch], int]:
    """Return how large a block is, given some examples: what `Subject.block` is as well."""
    return lambda batch: whole_rows(model, {name: batch[name] for name in model.fields}, BATCH)


def blocks(
    batches: Iterable[Batch],
    fields: Sequence[str] = ("x",),
    size: int | Callable[[Batch], int] = BATCH,
) -> Iterator[dict[str, Tensor]]:
    """Yield the examples of batches of any size in blocks of one size, the last smaller.

    The size may be a function of the first batch.
    """
    held: list[Batch] = []
    for batch in batches:
        if not isinstance(size, int):
            size = size(batch)
        joined = {name: torch.cat([part[name] for part in (*held, batch)]) for name in fields}
        parts = zip(*(column.split(size) for column in joined.values()), strict=True)
        *whole, rest = (dict(zip(fields, part, strict=True)) for part in parts)
        yield from whole
        held = [rest]
    yield from (dict(rest) for rest in held)


def is_mass(model: Model, trace: Trace) -> bool | None:
    """Say whether p(x|z) is a mass; ``None`` where it is not one number for the values of x."""
    if len(trace.observed) != 1 or trace.observed[0].mask is not None:
        return None
    if model.likelihood is not None:
        return model.likelihood.levels is not None
    support = support_of(trace.px)
    return support is not None and support.is_discrete


def weighed(log_w: Tensor, counts: Sequence[int]) -> dict[str, Tensor]:
    """Return what log-weights ``(K, B)`` say of each example, ``(B,)`` in double precision."""
    log_p = {f"log_p of {k}": log_mean_weights(log_w, k) for k in counts}
    return {**log_p, "ess": effective_sample_size(log_w), "pareto_k": pareto_k(log_w)}


def summarise(columns: Mapping[str, Tensor], counts: Sequence[int]) -> dict[str, Any]:
    """Average what is known of each example, ``(N,)`` by name."""
    log_px, kl = columns["log_px"], columns["kl"]
    means = {"elbo": log_px - kl, "log_likelihood": log_px, "kl": kl}
    more: dict[str, Any] = {}
    if "ess" in columns:
        ess, shapes = columns["ess"], columns["pareto_k"]
        means |= {"nll": -columns[f"log_p of {counts[-1]}"], "effective_sample_size": ess}
        more = {
            "effective_sample_size_decile": ess.quantile(0.1).item(),
            "effective_sample_size_minimum": ess.min().item(),
            "nll_by_num_samples": [by_num_samples(columns[f"log_p of {k}"], k) for k in counts],
        }
        if counts[-1] >= FEWEST:
            means["pareto_k_share"] = (shapes > UNTRUSTED).double()
            median = shapes.median().item()  # −∞ where most examples' weights are all the same
            more["pareto_k"] = median if median > -torch.inf else None
    if "steps" in columns:
        for name in means.keys() & {"elbo", "nll"}:
            more |= per_step(name, means[name], columns["steps"])
    return {
        **{name: values.mean().item() for name, values in means.items()},
        **{f"{name}_standard_error": standard_error(values) for name, values in means.items()},
        **more,
        "num_examples": len(log_px),
    }


def steps_of(model: Model, batch: Batch) -> dict[str, Tensor]:
    """Return ``steps``, how many each sequence has, ``(B,)``; nothing of other models."""
    if not model.is_sequential:
        return {}
    x, given = batch["x"], batch.get("length")
    steps = x.new_full(x.shape[:1], x.shape[1]) if given is None else given
    return {"steps": steps.double()}


def per_step(name: str, nats: Tensor, steps: Tensor) -> dict[str, float]:
    r"""Return nats of a time step, :math:`\sum_n \text{nats}_n / \sum_n T_n`, and their error.

    A long sequence counts for more, as in the literature of music and speech; the standard error
    is that of a ratio of two means over sequences.

    Args:
        name: Of the figure.
        nats: Of each sequence, ``(N,)``.
        steps: Of each, ``(N,)``.
    """
    mean = (nats.sum() / steps.sum()).item()
    error = standard_error((nats - mean * steps) / steps.mean())
    return {f"{name}_per_step": mean, f"{name}_per_step_standard_error": error}


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
