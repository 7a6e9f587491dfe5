"""Maximum mean discrepancy between aggregate posterior and prior."""

__all__ = ["MMD", "IMQKernel", "Kernel", "RBFKernel"]

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor

from vae.objectives.objective import START, Objective, Progress
from vae.objectives.penalties.from_trace import draws
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Trace


class Kernel(ABC):
    """A positive definite function of the distance of two points, summed over several scales.

    Args:
        scales: Factors on the squared length scale 2D, of latents of D dimensions; above 0.
    """

    def __init__(self, scales: Sequence[float] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)) -> None:
        if not scales or min(scales) <= 0:
            raise ValueError(f"scales must be one or more numbers above 0; got {list(scales)}")
        self.scales = tuple(scales)

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the kernel of all pairs, ``(N, M)``, of points ``(N, D)`` and ``(M, D)``."""
        squared = (a.unsqueeze(1) - b).square().sum(-1)
        return sum(
            (self.at(squared, 2 * a.shape[1] * scale) for scale in self.scales[1:]),
            self.at(squared, 2 * a.shape[1] * self.scales[0]),
        )

    @abstractmethod
    def at(self, squared: Tensor, scale: float) -> Tensor:
        """Return the kernel at squared distances, for one squared length scale."""


class RBFKernel(Kernel):
    """The Gaussian kernel exp(−d²/C), at several scales C."""

    def at(self, squared: Tensor, scale: float) -> Tensor:
        """Return exp(−d²/C)."""
        return (-squared / scale).exp()


class IMQKernel(Kernel):
    """The inverse multiquadratic kernel C/(C + d²), whose tails see far outliers."""

    def at(self, squared: Tensor, scale: float) -> Tensor:
        """Return C/(C + d²)."""
        return scale / (scale + squared)


class MMD(Objective):
    r"""The squared maximum mean discrepancy of q(z) from p(z), estimated without bias.

    .. math:: \overline{k(z, z')} + \overline{k(u, u')} - 2\,\overline{k(z, u)}

    over pairs of different draws z of the aggregate posterior and u of the prior. InfoVAE
    is this beside (1 − α) KL, with the weight α + λ − 1; WAE-MMD is this without a KL.

    Args:
        weight: At least 0, or a schedule.
        kernel: RBF or IMQ; IMQ by default.

    References:
        Wasserstein Auto-Encoders (Tolstikhin et al., 2018), 1711.01558.
        InfoVAE (Zhao, Song, Ermon, 2017), 1706.02262.
    """

    def __init__(self, weight: float | Schedule = 10.0, *, kernel: Kernel | None = None) -> None:
        super().__init__()
        self.weight = check_weight("weight", weight)
        self.kernel = IMQKernel() if kernel is None else kernel

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the term ``mmd``, zero for a batch of one example."""
        z, u = draws(trace)
        if len(z) < 2:
            return {"mmd": z.new_zeros(())}
        return {"mmd": at(self.weight) * squared_mmd(z, u, self.kernel)}


def squared_mmd(a: Tensor, b: Tensor, kernel: Kernel) -> Tensor:
    """Return the unbiased estimate from ``(N, D)`` draws of each of two distributions, N > 1."""
    n = len(a)
    same = [(k.sum() - k.diagonal().sum()) / (n * (n - 1)) for k in (kernel(a, a), kernel(b, b))]
    return same[0] + same[1] - 2 * kernel(a, b).mean()
