"""The floor: the shortest loops one would write by hand."""

__all__ = [
    "likelihood",
    "log_weights",
    "negative_bound",
    "negative_elbo",
    "negative_iwae",
    "sampling",
    "steps",
    "train",
]

from collections.abc import Iterator
from functools import partial
from math import log
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Optimizer

from benchmarks.throughput.turns import Run, Turn
from benchmarks.throughput.workloads import Case
from vae.data import DataModule, TrainBatches
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, soft_bound

SAMPLES = 1000  # of the likelihood
ROWS = 4096  # latents that are decoded at once
DRAWN = 500  # pictures of a batch of samples


def posterior(encoder: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return μ and log σ, ``(B, D)``, the latter bounded as the model's."""
    mean, log_scale = encoder(x).chunk(2, -1)
    return mean, soft_bound(log_scale, *LOG_SCALE_BOUNDS)


def negative_elbo(encoder: nn.Module, decoder: nn.Module, x: Tensor) -> Tensor:
    """Return the loss of a batch in nats per example."""
    mean, log_scale = posterior(encoder, x)
    z = mean + log_scale.exp() * torch.randn_like(mean)
    reconstruction = binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
    kl = 0.5 * (mean.square() + (2 * log_scale).exp() - 1 - 2 * log_scale).sum()
    return (reconstruction + kl) / len(x)


def log_weights(
    decoder: nn.Module, x: Tensor, mean: Tensor, log_scale: Tensor, num_samples: int
) -> Tensor:
    """Return log p(x, z) − log q(z|x) of draws from the posterior, ``(K, B)``."""
    noise = torch.randn(num_samples, *mean.shape, device=mean.device)
    z = mean + log_scale.exp() * noise
    pixels = binary_cross_entropy_with_logits(
        decoder(z), x.expand(num_samples, *x.shape), reduction="none"
    )
    # The two logarithms of 2π cancel.
    return (0.5 * (noise.square() - z.square()) + log_scale).sum(-1) - pixels.flatten(2).sum(-1)


def negative_iwae(encoder: nn.Module, decoder: nn.Module, x: Tensor, num_samples: int) -> Tensor:
    """Return the loss of a batch in nats per example."""
    log_w = log_weights(decoder, x, *posterior(encoder, x), num_samples)
    return log(num_samples) - log_w.logsumexp(0).mean()


def negative_bound(encoder: nn.Module, decoder: nn.Module, x: Tensor, num_samples: int) -> Tensor:
    """Return the loss of a batch in nats per example: the ELBO's, or IWAE's of several samples."""
    if num_samples == 1:
        return negative_elbo(encoder, decoder, x)
    return negative_iwae(encoder, decoder, x, num_samples)


def endless(data: DataModule, device: torch.device) -> Iterator[Tensor]:
    """Yield preprocessed batches by index, without end."""
    loader = data.train_dataloader()
    loader = TrainBatches(
        loader.examples.to(device), loader.preprocess, batch_size=loader.batch_size
    )
    while True:
        for draft in loader.drafts():
            yield loader.values(draft.indices)
        loader.set_epoch(loader.epoch + 1)


def steps(case: Case, model: Any, optimizer: Optimizer) -> Iterator[Tensor]:
    """Train without end, and yield the loss of each step."""
    encoder, decoder, num_samples = model.encoder.net, model.decoder.net, case.num_samples
    for x in endless(case.data, case.device):
        loss = negative_bound(encoder, decoder, x, num_samples)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        yield loss.detach()


def train(case: Case) -> Run:
    """Return the bare training loop."""

    def run(turn: Turn) -> None:
        model = case.model()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        turn.loss = partial(negative_elbo, model.encoder.net, model.decoder.net)
        for loss in steps(case, model, optimizer):
            turn.notes["loss"] = loss
            turn.done()

    return run


def likelihood(case: Case) -> Run:
    """Return the bare loop of the importance-weighted log p(x)."""

    def run(turn: Turn) -> None:
        model, x = case.model().eval(), case.test_pictures()
        encoder, decoder = model.encoder.net, model.decoder.net
        while True:
            with torch.no_grad():
                mean, log_scale = posterior(encoder, x)
                pieces = torch.arange(SAMPLES).split(ROWS // len(x))
                log_w = [log_weights(decoder, x, mean, log_scale, len(k)) for k in pieces]
                turn.notes["value"] = torch.cat(log_w).logsumexp(0).mean() - log(SAMPLES)
            turn.done()

    return run


def sampling(case: Case) -> Run:
    """Return the bare loop that decodes draws from the prior."""

    def run(turn: Turn) -> None:
        decoder = case.model().eval().decoder.net
        while True:
            with torch.no_grad():
                z = torch.randn(case.workload.examples, *decoder.in_shape, device=case.device)
                x = torch.cat([decoder(part).sigmoid_() for part in z.split(DRAWN)])
            turn.notes["value"] = x.mean()
            turn.done()

    return run
