"""Randomness that is a function of where training stands, not of what happened before."""

__all__ = ["seed_noise"]

import torch

from vae.data.randomness import stream_seed


def seed_noise(device: torch.device, *key: int, start: int = 0) -> None:
    """Seed the global generators of the CPU and of `device` from integers.

    Called before each step with (seed, rank, epoch, batch), it makes the reparameterization noise
    of a step independent of validation and of a resume, and different on every rank.
    `torch.manual_seed` is not used: without a CUDA context it queues a call, which costs more
    than a small step. ``start`` is the `stream_seed` of the part of the key before these.
    """
    seed = stream_seed(*key, start=start)
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index].manual_seed(seed)
