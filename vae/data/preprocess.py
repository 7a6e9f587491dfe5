"""From stored values to what the model sees, per batch, on the batch's device."""

__all__ = ["Preprocess"]

from dataclasses import replace
from typing import final

import torch
from torch import Generator, Tensor

from vae.checks import check_bool, check_choice
from vae.data.binarize import bernoulli, threshold
from vae.data.source import Examples, TensorExamples
from vae.spec import DataSpec

BINARIZATIONS = ("none", "dynamic", "static", "threshold")
CHUNK = 1024


@final
class Preprocess:
    """Scaling, binarisation, dequantisation and flips.

    Bytes v become v/255; dequantised bytes become (v + u)/256 with u ~ U[0, 1). Binarisation draws
    each value as Bernoulli(v/255): ``dynamic`` at every reading, ``static`` once and for all
    (`freeze`), ``threshold`` as v/255 > ½.

    Args:
        raw: What is stored.
        binarization: ``none``, ``dynamic``, ``static`` or ``threshold``.
        dequantize: Whether to add uniform noise of one level's width.
        flip: Whether to mirror pictures left to right with probability ½, in training only.
        standardize: Whether the model is to standardise; the values stay as they are here, and
            float64 keeps its precision.

    Attributes:
        spec: What reaches the model.

    Raises:
        ValueError: If a setting does not suit the data.
    """

    def __init__(
        self,
        raw: DataSpec,
        *,
        binarization: str = "none",
        dequantize: bool = False,
        flip: bool = False,
        standardize: bool = False,
    ) -> None:
        check_choice("data.binarization", binarization, BINARIZATIONS)
        check_bool("data.dequantize", dequantize)
        check_bool("data.flip", flip)
        check_bool("data.standardize", standardize)
        self.raw = raw
        # Bits stay bits: drawing Bernoulli(0) or Bernoulli(1) would only cost time.
        self.binarization = "none" if raw.support == "boolean" else binarization
        self.dequantize = dequantize
        self.flip = flip
        self.standardize = standardize
        self._check()
        self.spec = self._output_spec()

    def _check(self) -> None:
        raw = self.raw
        grey = raw.support == "unit_interval" and (len(raw.shape) < 3 or raw.shape[0] == 1)
        if self.binarization != "none" and not grey:
            raise ValueError(
                f"data.binarization={self.binarization} needs grey values in [0, 1]; {raw.name} has"
                f" shape {raw.shape} and support {raw.support}. Use data.binarization=none."
            )
        if self.dequantize and (self.binarization != "none" or raw.levels != 256):
            raise ValueError(
                f"data.dequantize=true needs bytes that are not binarised; {raw.name} has "
                f"{raw.levels or 'continuous'} levels and data.binarization={self.binarization}. "
                "Use data.dequantize=false."
            )
        if self.flip and len(raw.shape) != 3:
            raise ValueError(
                f"data.flip=true needs pictures (C, H, W); {raw.name} has shape {raw.shape}. "
                "Use data.flip=false."
            )
        vectors = len(raw.shape) == 1 or raw.of_sequences
        if self.standardize and not (raw.support == "real" and vectors):
            raise ValueError(
                f"data.standardize=true needs real vectors or sequences; {raw.name} has shape "
                f"{raw.shape} and support {raw.support}. Use data.standardize=false."
            )

    def _output_spec(self) -> DataSpec:
        if self.binarization != "none":
            return replace(self.raw, support="boolean", levels=2)
        return replace(self.raw, dequantized=self.dequantize, standardized=self.standardize)

    def freeze(self, examples: Examples, generator: Generator) -> Examples:
        """Draw a static binarisation of all of ``examples``; leave them alone otherwise."""
        if self.binarization != "static":
            return examples
        check_at_hand(examples, "data.binarization=static", "dynamic or threshold")
        bits = torch.empty(len(examples), *self.raw.shape, dtype=torch.uint8)
        for rows in torch.arange(len(examples)).split(CHUNK):
            bits[rows[0] : rows[-1] + 1] = bernoulli(examples.take(rows), generator)
        return TensorExamples(
            bits, examples.labels, examples.factors, fields=examples.fields, rows=examples.rows
        )

    def __call__(self, raw: Tensor, generator: Generator, *, training: bool = False) -> Tensor:
        """Turn raw values ``(B, *shape)`` into float32 ``(B, *shape)`` on the same device.

        Float64 stays float64 where the model standardises.

        Args:
            raw: ``(B, *shape)`` uint8, float32 or float64, as stored or as frozen.
            generator: Source of randomness, on the device of ``raw``.
            training: Whether to augment.
        """
        if self.flip and training:
            raw = _flip(raw, generator)
        if self.binarization == "dynamic":
            return bernoulli(raw, generator).float()
        if self.dequantize:
            noise = torch.rand(raw.shape, generator=generator, device=raw.device)
            return noise.add_(raw).div_(256)
        return self._scaled(raw)

    @property
    def noisy(self) -> bool:
        """Whether what reaches the model is random."""
        return self.binarization == "dynamic" or self.dequantize

    def given(self, raw: Tensor, noise: Tensor | None) -> Tensor:
        """Turn raw values ``(B, *shape)`` into float32, with noise that is uniform on [0, 1).

        Args:
            raw: ``(B, *shape)`` uint8 or float32, as stored or as frozen.
            noise: ``(B, *shape)``, on the device of ``raw``, without meaning unless `noisy`;
                ``None`` gives means over the noise: P(1) of a bit, the middle of a level.
        """
        if not self.noisy:
            return self._scaled(raw)
        x = raw.float()
        if self.dequantize:
            if noise is None:
                return (x + 0.5) / 256
            # As much of the noise as a float has room for beside 255, or it would round up to 256.
            return noise.mul(2**16).floor_().div_(2**16).add(x).div_(256)
        scale = 255 if raw.dtype == torch.uint8 else 1
        if noise is None:
            return x / scale
        # Floats hold 255 · noise of 24 bits well enough: P(1) of a byte is off by 1e-7 at most.
        # Compared into floats: 30 µs for 128 × 784 bytes, by way of bools 120.
        return torch.gt(x, noise * scale, out=torch.empty_like(x))

    def _scaled(self, raw: Tensor) -> Tensor:
        if self.binarization == "threshold":
            return threshold(raw).float()
        x = raw if self.standardize and raw.dtype == torch.float64 else raw.float()
        if raw.dtype == torch.uint8 and self.spec.levels == 256:
            return x.div_(255)
        return x


def check_at_hand(examples: Examples, setting: str, instead: str) -> None:
    """Refuse what takes all examples at once where they are left in their files."""
    if examples.files is not None:
        raise ValueError(f"{setting} takes all data into memory, not data=shards: use {instead}.")


def _flip(raw: Tensor, generator: Generator) -> Tensor:
    coins = torch.rand(len(raw), 1, 1, 1, generator=generator, device=raw.device) < 0.5
    return torch.where(coins, raw.flip(-1), raw)
