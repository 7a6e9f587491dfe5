"""How alike two pictures are: PSNR, SSIM and MS-SSIM, one value per pair."""

__all__ = ["PSNR_CAP", "SCALE_WEIGHTS", "SSIM_WINDOW", "ms_ssim", "num_scales", "psnr", "ssim"]

import torch
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

PSNR_CAP = 100.0  # dB, of an error of 1e-5: equal pictures have an infinite one
SSIM_WINDOW = 11  # pixels, of a Gaussian of σ = 1.5
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from the finest


def psnr(x: Tensor, y: Tensor) -> Tensor:
    r"""Return the peak signal-to-noise ratio of each pair, at most 100 dB, ``(N,)``.

    :math:`-10 \log_{10} \overline{(x - y)^2}`. The cap keeps the mean over pictures finite; a
    byte's last bit is 48 dB.

    Args:
        x: Pictures in [0, 1], ``(N, C, H, W)``.
        y: The same, to compare with.
    """
    ratio = peak_signal_noise_ratio(x, y, data_range=1.0, dim=(1, 2, 3), reduction="none")
    return ratio.clamp(max=PSNR_CAP)


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Return the structural similarity of each pair, at most 1, ``(N,)``.

    With the paper's Gaussian window of 11×11 pixels, the mean over channels.

    Args:
        x: Pictures in [0, 1], ``(N, C, H, W)``, of 11 pixels a side or more.
        y: The same, to compare with.

    References:
        Image quality assessment: from error visibility to structural similarity (Wang, Bovik,
        Sheikh, Simoncelli, 2004).
    """
    values = structural_similarity_index_measure(x, y, data_range=1.0, reduction="none")
    assert isinstance(values, Tensor)
    return values


def num_scales(height: int, width: int) -> int:
    """Return how many of the five scales of MS-SSIM pictures are large enough for, 1 to 5.

    Each scale halves the picture, and the window must fit into the last; the library asks for
    more than (scales − 1)² times ten pixels.

    Example:
        >>> [num_scales(side, side) for side in (16, 28, 64, 128, 256)]
        [1, 2, 3, 4, 5]
    """
    side = min(height, width)
    fitting = [
        m
        for m in range(2, len(SCALE_WEIGHTS) + 1)
        if side // 2 ** (m - 1) >= SSIM_WINDOW and side // (m - 1) ** 2 >= SSIM_WINDOW
    ]
    return max(fitting, default=1)


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """Return the multi-scale structural similarity of each pair, from 0 to 1, ``(N,)``.

    Over as many of the paper's five scales as fit (`num_scales`), their weights divided by their
    sum; figures of different numbers of scales cannot be compared.

    Args:
        x: Pictures in [0, 1], ``(N, C, H, W)``, of 22 pixels a side or more.
        y: The same, to compare with.

    References:
        Multi-scale structural similarity for image quality assessment (Wang, Simoncelli, Bovik,
        2003).
    """
    weights = torch.tensor(SCALE_WEIGHTS[: num_scales(*x.shape[-2:])])
    betas = tuple((weights / weights.sum()).tolist())
    return multiscale_structural_similarity_index_measure(
        x, y, data_range=1.0, reduction="none", betas=betas
    )
