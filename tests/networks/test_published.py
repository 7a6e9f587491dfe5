"""The nets of papers, built from their YAML, have the parameters that the papers' tables imply."""

from itertools import pairwise
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

CONF = Path(__file__).parents[2] / "vae" / "conf" / "model"
PICTURE, SPRITE = (1, 28, 28), (1, 64, 64)


def affine(*sizes: int) -> int:
    return sum(a * b + b for a, b in pairwise(sizes))


def convolution(a: int, b: int, kernel: int) -> int:
    return a * b * kernel**2 + b


BURGESS_CONV = convolution(1, 32, 4) + 3 * convolution(32, 32, 4)
BURGESS_UP = 3 * convolution(32, 32, 4) + convolution(32, 1, 4)
LOCATELLO_CONV = sum(convolution(*c) for c in [(1, 32, 4), (32, 32, 4), (32, 64, 2), (64, 64, 2)])
LOCATELLO_UP = sum(convolution(*c) for c in [(64, 64, 4), (64, 32, 4), (32, 32, 4), (32, 1, 4)])
COUNTS = {
    "linear": (PICTURE, affine(784, 20), affine(10, 784)),
    "mlp": (PICTURE, affine(784, 400, 40), affine(20, 400, 784)),
    "burda": (PICTURE, affine(784, 200, 200, 100), affine(50, 200, 200, 784)),
    "gated": (
        PICTURE,
        2 * affine(784, 300, 300) + affine(300, 80),
        2 * affine(40, 300, 300) + affine(300, 784),
    ),
    "burgess": (
        SPRITE,
        BURGESS_CONV + affine(512, 256, 256, 20),
        affine(10, 256, 256, 512) + BURGESS_UP,
    ),
    "locatello": (
        SPRITE,
        LOCATELLO_CONV + affine(1024, 256, 20),
        affine(10, 256, 1024) + LOCATELLO_UP,
    ),
}


def build(name: str, shape: tuple[int, ...]):
    config = OmegaConf.create({"model": OmegaConf.load(CONF / f"{name}.yaml")})
    latent = config.model.latent_dim
    encoder = instantiate(config.model.encoder, shape, (2 * latent,))
    return encoder, instantiate(config.model.decoder, (latent,), shape)


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_counts(name):
    shape, *expected = COUNTS[name]
    counts = [sum(p.numel() for p in net.parameters()) for net in build(name, shape)]
    assert counts == expected


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 33, 47), (2, 100)])
@pytest.mark.parametrize("name", ["conv", "resnet"])
def test_other_configurations_build(name, shape):
    encoder, decoder = build(name, shape)
    assert encoder.in_shape == decoder.out_shape == shape


def test_every_configuration_is_tested():
    assert {path.stem for path in CONF.glob("*.yaml")} >= {*COUNTS, "conv", "resnet"}
