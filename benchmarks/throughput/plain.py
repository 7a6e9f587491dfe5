"""A plain script in the manner of pytorch/examples: what one writes first."""

__all__ = ["likelihood", "sampling", "train"]

from math import log
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_tensor

from benchmarks.throughput.floor import SAMPLES
from benchmarks.throughput.turns import Run, Turn
from benchmarks.throughput.workloads import BATCH_SIZE, Case


class Pictures(Dataset[tuple[Tensor, int]]):
    """Pictures that become PIL's and then tensors at each access, as torchvision's data sets do.

    Args:
        pictures: bool ``(N, C, H, W)``.
    """

    def __init__(self, pictures: np.ndarray) -> None:
        arrays = pictures.astype(np.uint8) * 255
        self.arrays = arrays[:, 0] if arrays.shape[1] == 1 else arrays.transpose(0, 2, 3, 1)

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return to_tensor(Image.fromarray(self.arrays[index])), 0


def encode(encoder: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return μ and log σ², ``(B, D)``."""
    mean, log_variance = encoder(x).chunk(2, -1)
    return mean, log_variance


def elbo_loss(encoder: nn.Module, decoder: nn.Module, x: Tensor) -> Tensor:
    """Return the loss, summed over the batch."""
    mean, log_variance = encode(encoder, x)
    z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    pixels = binary_cross_entropy(torch.sigmoid(decoder(z)), x, reduction="sum")
    return pixels - 0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())


def weigh(encoder: nn.Module, decoder: nn.Module, x: Tensor, num_samples: int) -> Tensor:
    """Return log-weights ``(K, B)`` with every tensor repeated K times."""
    mean, log_variance = (p.repeat(num_samples, 1, 1) for p in encode(encoder, x))
    z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    p = torch.sigmoid(decoder(z))
    pixels = binary_cross_entropy(p, x.repeat(num_samples, 1, 1, 1, 1), reduction="none")
    log_q = -0.5 * (log_variance + (z - mean).pow(2) / log_variance.exp()).sum(-1)
    return -pixels.sum((2, 3, 4)) - 0.5 * z.pow(2).sum(-1) - log_q


def train(case: Case) -> Run:
    """Return the training loop."""

    def run(turn: Turn) -> None:
        model, num_samples = case.model(), case.num_samples
        encoder, decoder = model.encoder.net, model.decoder.net
        # With a GPU that script has one worker and pinned memory.
        given: Any = {"num_workers": 1, "pin_memory": True} if case.device.type == "cuda" else {}
        pictures = Pictures(case.drawn_pictures())
        loader = DataLoader(pictures, batch_size=BATCH_SIZE, shuffle=True, **given)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        turn.loss = lambda x: elbo_loss(encoder, decoder, x) / len(x)
        model.train()
        while True:
            for x, _ in loader:
                x = x.to(case.device)
                optimizer.zero_grad()
                if num_samples == 1:
                    loss = elbo_loss(encoder, decoder, x)
                else:
                    log_w = weigh(encoder, decoder, x, num_samples)
                    loss = -(torch.logsumexp(log_w, 0) - log(num_samples)).sum()
                loss.backward()
                turn.notes["loss"] = loss.item() / len(x)
                optimizer.step()
                turn.done()

    return run


def likelihood(case: Case) -> Run:
    """Return a loop over pictures, each with all its samples at once."""

    def run(turn: Turn) -> None:
        model, x = case.model().eval(), case.test_pictures()
        encoder, decoder = model.encoder.net, model.decoder.net
        while True:
            values = []
            for row in x.split(1):
                with torch.no_grad():
                    log_w = weigh(encoder, decoder, row, SAMPLES)
                values.append((torch.logsumexp(log_w, 0) - log(SAMPLES)).item())
            turn.notes["value"] = sum(values) / len(values)
            turn.done()

    return run


def sampling(case: Case) -> Run:
    """Return a loop that decodes batches as large as those of training."""

    def run(turn: Turn) -> None:
        decoder = case.model().eval().decoder.net
        while True:
            parts, number = [], case.workload.examples
            for start in range(0, number, BATCH_SIZE):
                with torch.no_grad():
                    size = min(BATCH_SIZE, number - start)
                    z = torch.randn(size, *decoder.in_shape, device=case.device)
                    parts.append(torch.sigmoid(decoder(z)))
            turn.notes["value"] = torch.cat(parts).mean()
            turn.done()

    return run
