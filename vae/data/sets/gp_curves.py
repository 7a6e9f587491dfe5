"""Curves drawn from a Gaussian process, each at positions of its own."""

__all__ = ["GPCurves"]

from collections.abc import Sequence
from math import isfinite
from typing import Any, final

import torch
from torch import Generator, Tensor

from vae.checks import check_int
from vae.data.randomness import stream_seed
from vae.data.sets.kernels import RBF, Covariance
from vae.data.source import Source, Splits, TensorExamples
from vae.spec import DataSpec

CHUNK = 1000  # curves that are drawn at once, from a generator of their own
JITTER = 1e-6  # added to the variance, so that a Cholesky factor is found


@final
class GPCurves(Source):
    r"""Curves y = f(t) + ε with f ~ GP(0, k) and ε ~ N(0, σ²), at M random positions in [−2, 2].

    Each has its values ``x``, ``(1, M)``, positions ``at``, ``(1, M)``, in rising order, and its
    ``length_scale``, ``()``. They are a function of the seed, and the first ones of it do not
    depend on how many there are.

    Args:
        size: How many, ≥ 1.
        points: M, ≥ 1.
        kernel: The covariance of f, of variance 1; `RBF` by default.
        length_scale: ℓ, above 0, or the ends between which each curve's is drawn.
        noise: σ, above 0.
        seed: Of the draws, ≥ 0.

    Raises:
        ValueError: If a setting is out of range.

    References:
        Gaussian Processes for Machine Learning (Rasmussen, Williams, 2006), MIT Press.
    """

    def __init__(
        self,
        size: int = 20_000,
        *,
        points: int = 100,
        kernel: Covariance | None = None,
        length_scale: float | Sequence[float] = 0.4,
        noise: float = 0.1,
        seed: int = 0,
    ) -> None:
        check_int("data.size", size)
        check_int("data.points", points)
        check_int("data.split_seed", seed, low=0)
        kernel = RBF() if kernel is None else kernel
        if not isinstance(kernel, Covariance):
            raise ValueError(f"data.kernel must be a kernel, as RBF is; got {kernel!r:.40}")
        ends = list(length_scale) if isinstance(length_scale, Sequence) else [length_scale] * 2
        if len(ends) != 2 or not all(positive(end) for end in ends) or ends[0] > ends[1]:
            raise ValueError(
                "data.length_scale must be a number above 0, or the ends between which it is "
                f"drawn, [0.1, 0.6]; got {length_scale!r}"
            )
        if not positive(noise):
            raise ValueError(f"data.noise must be a number above 0; got {noise!r}")
        self.size, self.num_points, self.kernel = size, points, kernel
        self.ends, self.noise, self.seed = ends, float(noise), seed

    @property
    def spec(self) -> DataSpec:
        """What the curves are."""
        fields: dict[str, dict[str, Any]] = {
            "at": {"shape": (1, self.num_points), "dtype": "float32"},
            "length_scale": {"shape": (), "dtype": "float32"},
        }
        return DataSpec("gp_curves", (1, self.num_points), "real", fields=fields)

    def prepare(self) -> None:
        """Do nothing: they need no files."""

    def load(self) -> Splits:
        """Draw the curves."""
        parts = [
            self.drawn(min(CHUNK, self.size - start), number)
            for number, start in enumerate(range(0, self.size, CHUNK))
        ]
        y, at, length = (torch.cat(column).float() for column in zip(*parts, strict=True))
        fields = {"at": at.unsqueeze(1), "length_scale": length}
        kernel = type(self.kernel).__name__
        facts = {"curves": f"{kernel}, length scale {self.ends}, noise {self.noise}"}
        return Splits(TensorExamples(y.unsqueeze(1), fields=fields), facts=facts)

    def drawn(self, n: int, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return values and positions ``(n, M)`` and length scales ``(n,)`` of a chunk."""
        generator = Generator().manual_seed(stream_seed(self.seed, number))
        shape = (CHUNK, self.num_points)
        at = torch.rand(shape, generator=generator, dtype=torch.float64)[:n].mul(4).sub(2)
        share = torch.rand(CHUNK, generator=generator, dtype=torch.float64)[:n]
        noise = torch.randn(2, *shape, generator=generator, dtype=torch.float64)[:, :n]
        at, low, high = at.sort(1).values, *self.ends
        # As single precision stores them, so that the exact predictions are of these positions.
        at, length = at.float().double(), (low + share * (high - low)).float().double()
        covariance = self.kernel.covariance(at, length) + JITTER * torch.eye(self.num_points)
        f = (torch.linalg.cholesky(covariance) @ noise[0].unsqueeze(-1)).squeeze(-1)
        return f + self.noise * noise[1], at, length

    def predicted(
        self, at: Tensor, y: Tensor, known: Tensor, length_scale: Tensor
    ) -> tuple[Tensor, Tensor]:
        r"""Return the exact mean and variance of y at every position, given the known ones.

        :math:`μ = K_{tc} A^{-1} y_c`, :math:`σ^2 = k_{tt} - K_{tc} A^{-1} K_{ct} + σ_ε^2` with
        :math:`A = K_{cc} + σ_ε^2 I`, by a Cholesky factor in double precision; of a known position
        those of another value there, with noise of its own.

        Args:
            at: Positions ``(B, M)``.
            y: Values ``(B, M)``, read where they are known.
            known: bool ``(B, M)``.
            length_scale: ``(B,)``.
        """
        k = self.kernel.covariance(at.double(), length_scale.double())
        k = k + JITTER * torch.eye(k.shape[1], dtype=k.dtype, device=k.device)
        both = known.unsqueeze(1) & known.unsqueeze(2)
        noise = torch.where(known, self.noise**2, 1.0).to(k)  # of others: a row of the identity
        factor = torch.linalg.cholesky(torch.where(both, k, 0.0) + torch.diag_embed(noise))
        cross = torch.where(known.unsqueeze(2), k, 0.0)  # (B, C, T)
        values = torch.where(known, y.double(), 0.0).unsqueeze(-1)
        half = torch.linalg.solve_triangular(factor, cross, upper=False)
        white = torch.linalg.solve_triangular(factor, values, upper=False)
        mean = (half.mT @ white).squeeze(-1)
        return mean, k.diagonal(dim1=1, dim2=2) - half.square().sum(1) + self.noise**2


def positive(value: object) -> bool:
    """Say whether something is a number above 0 and finite."""
    return isinstance(value, int | float) and isfinite(value) and value > 0
