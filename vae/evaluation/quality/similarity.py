"""How alike two pictures are: PSNR, SSIM and MS-SSIM, one value per pair."""

__all__ = ["PSNR_CAP", "SCALE_WEIGHTS", "SSIM_WINDOW", "ms_ssim", "num_scales", "psnr", "ssim"]

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

PSNR_CAP = 100.0  # dB, of an error of 1e-5: equal pictures have an infinite one
SSIM_WINDOW = 11  # pixels, of a Gaussian of
SSIM_DEVIATION = 1.5
LUMINANCE, CONTRAST = 0.01**2, 0.03**2  # which keep the quotients finite
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from the finest


def psnr(x: Tensor, y: Tensor) -> Tensor:
    r"""Return the peak signal-to-noise ratio of each pair, at most 100 dB, ``(N,)``.

    :math:`-10 \log_{10} \overline{(x - y)^2}`. The cap keeps the mean over pictures finite; a
    byte's last bit is 48 dB.

    Args:
        x: Pictures in [0, 1], ``(N, C, H, W)``.
        y: The same, to compare with.
    """
    return (-10 * (x - y).square().mean((1, 2, 3)).log10()).clamp(max=PSNR_CAP)


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Return the structural similarity of each pair, at most 1, ``(N,)``.

    The mean over channels and over all places of the paper's Gaussian window of 11×11 pixels inside
    the picture; nothing is made up beyond its margins.

    Args:
        x: Pictures in [0, 1], ``(N, C, H, W)``, of 11 pixels a side or more.
        y: The same, to compare with.

    References:
        Image quality assessment: from error visibility to structural similarity (Wang, Bovik,
        Sheikh, Simoncelli, 2004).
    """
    return similarity(x, y)[0].mean(1)


def num_scales(height: int, width: int) -> int:
    """Return how many of the five scales of MS-SSIM pictures are large enough for, 1 to 5.

    Each scale halves the picture, and the window must fit into the last.

    Example:
        >>> [num_scales(side, side) for side in (16, 28, 64, 128, 256)]
        [1, 2, 3, 4, 5]
    """
    side = min(height, width)
    fitting = [m for m in range(1, len(SCALE_WEIGHTS)) if side // 2**m >= SSIM_WINDOW]
    return 1 + len(fitting)


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    r"""Return the multi-scale structural similarity of each pair, from 0 to 1, ``(N,)``.

    :math:`l_M^{w_M} \prod_m (c_m s_m)^{w_m}` of each channel, with the mean over the windows of
    contrast and structure at each scale m, that of luminance too at the last; means below zero
    count as zero. Over as many of the paper's five scales as fit (`num_scales`), their weights
    divided by their sum; figures of different numbers of scales cannot be compared.

    Args:
        x: Pictures in [0, 1], ``(N, C, H, W)``, of 11 pixels a side or more.
        y: The same, to compare with.

    References:
        Multi-scale structural similarity for image quality assessment (Wang, Simoncelli, Bovik,
        2003).
    """
    weights = SCALE_WEIGHTS[: num_scales(*x.shape[-2:])]
    product = torch.ones(x.shape[:2], dtype=x.dtype, device=x.device)
    for scale, weight in enumerate(weights, 1):
        whole, contrast = similarity(x, y)
        value = whole if scale == len(weights) else contrast
        product = product * value.clamp_min(0) ** (weight / sum(weights))
        x, y = avg_pool2d(x, 2), avg_pool2d(y, 2)
    return product.mean(1)


def similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return SSIM and its part without luminance, means over windows, ``(N, C)`` each."""
    shape = x.shape[:2]
    x, y = x.flatten(0, 1)[:, None], y.flatten(0, 1)[:, None]
    mean_x, mean_y, xx, yy, xy = windows(torch.stack([x, y, x * x, y * y, x * y]))
    covariance, variances = xy - mean_x * mean_y, xx - mean_x**2 + yy - mean_y**2
    contrast = (2 * covariance + CONTRAST) / (variances + CONTRAST)
    luminance = (2 * mean_x * mean_y + LUMINANCE) / (mean_x**2 + mean_y**2 + LUMINANCE)
    whole, contrast = (
        part.mean((1, 2, 3)).view(shape) for part in (luminance * contrast, contrast)
    )
    return whole, contrast


def windows(maps: Tensor) -> Tensor:
    """Return the Gaussian means of maps ``(M, N, 1, H, W)`` in every window that lies inside."""
    place = torch.arange(SSIM_WINDOW, dtype=maps.dtype, device=maps.device) - SSIM_WINDOW // 2
    kernel = (-0.5 * (place / SSIM_DEVIATION) ** 2).softmax(0)
    rows = conv2d(maps.flatten(0, 1), kernel.view(1, 1, -1, 1))
    return conv2d(rows, kernel.view(1, 1, 1, -1)).unflatten(0, maps.shape[:2])
