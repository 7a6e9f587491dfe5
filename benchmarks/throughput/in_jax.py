"""A jitted JAX loop over the same nets: what the steps cost where all of one is compiled."""

__all__ = ["negative_bound", "net_of", "train"]

from collections.abc import Callable
from functools import partial
from math import isqrt, log, pi
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from torch import Tensor, nn

from benchmarks.throughput.turns import Run, Turn
from benchmarks.throughput.workloads import BATCH_SIZE, Case
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS

SCANNED = 20  # steps of one call, as many as `train.py` takes at once
RATE, BETAS, EPSILON = 1e-3, (0.9, 0.999), 1e-8  # of Adam

Weights = list[Any]
Layer = Callable[[Any, Any], Any]


def net_of(net: nn.Module) -> tuple[Weights, Callable[[Weights, Any], Any]]:
    """Return the weights of a net of torch and the function of them and of a batch.

    Raises:
        ValueError: If it has layers that are unknown here.
    """
    layers, weights = [], []
    for _, module in net.named_modules(remove_duplicate=False):  # one activation for all layers
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            assert module.bias is not None
            weights.append([jnp.asarray(p.detach().cpu().numpy()) for p in module.parameters()])
            layers.append(layer_of(module))
        elif isinstance(module, nn.ReLU):
            weights.append([])
            layers.append(lambda _, x: jax.nn.relu(x))
        elif not list(module.children()):
            raise ValueError(f"a JAX loop knows no {type(module).__name__}")

    def apply(given: Weights, x: Any) -> Any:
        for own, layer in zip(given, layers, strict=True):
            x = layer(own, x)
        return x

    return weights, apply


def layer_of(module: Any) -> Layer:
    """Return a layer with weights as a function of them and of a batch."""
    if isinstance(module, nn.Linear):
        return lambda w, x: x.reshape(len(x), -1) @ w[0].T + w[1]
    stride, pad, kernel = module.stride, module.padding, module.kernel_size
    if isinstance(module, nn.Conv2d):
        given = {"window_strides": stride, "padding": [(p, p) for p in pad]}
        return lambda w, x: convolved(x, w[0], w[1], **given)
    # The transposed convolution is one of the spread input, by the kernel turned round.
    around = [(k - 1 - p, k - 1 - p) for k, p in zip(kernel, pad, strict=True)]
    given = {"window_strides": (1, 1), "padding": around, "lhs_dilation": stride}

    def transposed(w: Any, x: Any) -> Any:
        if x.ndim == 2:
            side = isqrt(x.shape[1] // module.in_channels)
            x = x.reshape(len(x), -1, side, side)
        return convolved(x, w[0][:, :, ::-1, ::-1].swapaxes(0, 1), w[1], **given)

    return transposed


def convolved(x: Any, weight: Any, bias: Any, **given: Any) -> Any:
    """Return a convolution of maps ``(N, C, H, W)``."""
    return lax.conv_general_dilated(x, weight, **given) + bias[:, None, None]


def negative_bound(encode: Any, decode: Any, weights: Any, x: Any, noise: Any) -> Any:
    """Return the loss of a batch in nats per example: the ELBO's, or IWAE's of several samples.

    Args:
        encode: Weights and pictures to the parameters of q.
        decode: Weights and latents to logits.
        weights: Of both.
        x: ``(B, C, H, W)``.
        noise: ``(K, B, D)``.
    """
    mean, raw = jnp.split(encode(weights[0], x), 2, -1)
    low, high = LOG_SCALE_BOUNDS
    middle, slope = (low + high) / 2, pi / (high - low)
    log_scale = middle + jnp.arctan(slope * (raw - middle)) / slope
    samples = len(noise)
    z = mean + jnp.exp(log_scale) * noise
    logits = decode(weights[1], z.reshape(-1, z.shape[-1])).reshape(samples, len(x), -1)
    pixels = (jax.nn.softplus(logits) - x.reshape(len(x), -1) * logits).sum(-1)
    if samples == 1:
        kl = 0.5 * (mean**2 + jnp.exp(2 * log_scale) - 1 - 2 * log_scale).sum(-1)
        return (pixels[0] + kl).mean()
    log_w = (0.5 * (noise**2 - z**2) + log_scale).sum(-1) - pixels
    return log(samples) - jax.nn.logsumexp(log_w, 0).mean()


def adam(weights: Any, moments: Any, gradient: Any, step: Any) -> tuple[Any, Any]:
    """Return weights and moments after a step of Adam."""
    first = jax.tree.map(lambda m, g: BETAS[0] * m + (1 - BETAS[0]) * g, moments[0], gradient)
    second = jax.tree.map(lambda v, g: BETAS[1] * v + (1 - BETAS[1]) * g * g, moments[1], gradient)
    a, b = (1 - beta ** (step + 1) for beta in BETAS)
    move = lambda w, m, v: w - RATE * (m / a) / (jnp.sqrt(v / b) + EPSILON)  # noqa: E731
    return jax.tree.map(move, weights, first, second), (first, second)


def train(case: Case) -> Run:
    """Return the training loop, of which a call takes several steps."""

    def run(turn: Turn) -> None:
        model, samples = case.model(), case.num_samples
        (encoder, encode), (decoder, decode) = (
            net_of(part.net) for part in (model.encoder, model.decoder)
        )
        pictures = jnp.asarray(case.drawn_pictures(), jnp.float32)
        count = min(case.workload.group, SCANNED)
        loss = partial(negative_bound, encode, decode)
        shape = (samples, BATCH_SIZE, case.settings["model"]["latent_dim"])

        def one(state: Any, given: Any) -> tuple[Any, Any]:
            weights, moments = state
            rows, key, step = given
            noise = jax.random.normal(key, shape)
            value, gradient = jax.value_and_grad(loss)(weights, pictures[rows], noise)
            return adam(weights, moments, gradient, step), value

        several = jax.jit(lambda state, given: lax.scan(one, state, given), donate_argnums=0)
        weights = (encoder, decoder)
        state = (weights, (zeros(weights), zeros(weights)))
        key, rng, step = jax.random.key(0), np.random.default_rng(0), 0

        def judged(x: Tensor) -> Any:
            noise = jax.random.normal(jax.random.key(1), (samples, len(x), shape[-1]))
            return loss(state[0], jnp.asarray(x.numpy()), noise)

        turn.loss = judged
        while True:
            order = rng.permutation(len(pictures))
            for start in range(0, len(order) - count * BATCH_SIZE + 1, count * BATCH_SIZE):
                rows = order[start : start + count * BATCH_SIZE].reshape(count, BATCH_SIZE)
                key, own = jax.random.split(key)
                given = (rows, jax.random.split(own, count), jnp.arange(step, step + count))
                state, values = several(state, given)
                turn.notes["loss"] = float(values[-1])  # waits for the device
                step += count
                turn.done(count)

    return run


def zeros(weights: Any) -> Any:
    """Return zeros of the shape of weights."""
    return jax.tree.map(jnp.zeros_like, weights)
