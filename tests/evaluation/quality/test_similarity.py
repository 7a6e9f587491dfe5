"""PSNR, SSIM and MS-SSIM of pairs whose likeness is known."""

from math import log10

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from vae.evaluation.quality import ms_ssim, psnr, ssim
from vae.evaluation.quality.similarity import SCALE_WEIGHTS, num_scales


def test_equal_pictures_are_as_alike_as_can_be():
    x = torch.rand(3, 3, 64, 64)
    assert (psnr(x, x) == 100).all()
    assert torch.allclose(ssim(x, x), torch.ones(3))
    assert torch.allclose(ms_ssim(x, x), torch.ones(3))


@pytest.mark.parametrize("delta", [0.5, 0.1, 1e-3])
def test_psnr_of_a_known_offset(delta):
    x = torch.rand(4, 1, 8, 8) * 0.5
    assert torch.allclose(psnr(x, x + delta), torch.tensor(10 * log10(1 / delta**2)), rtol=1e-3)


def test_psnr_is_of_each_picture():
    x = torch.zeros(2, 1, 4, 4)
    y = torch.stack([torch.full((1, 4, 4), 0.1), torch.full((1, 4, 4), 1.0)])
    assert torch.allclose(psnr(x, y), torch.tensor([20.0, 0.0]), atol=1e-4)


def test_ssim_of_constant_pictures_is_its_luminance_term():
    """With no variance, (2ab + c) / (a² + b² + c), where c = 0.01²."""
    x, y = torch.full((1, 1, 16, 16), 0.2), torch.full((1, 1, 16, 16), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert ssim(x, y).item() == pytest.approx(expected, rel=1e-3)


def test_ssim_of_a_negative_is_negative():
    x = torch.rand(2, 1, 32, 32)
    assert (ssim(x, 1 - x) < -0.5).all()
    assert (ms_ssim(x, 1 - x) == 0).all()


def test_ms_ssim_of_constant_pictures_is_the_luminance_term_to_the_last_weight():
    x, y = torch.full((1, 1, 64, 64), 0.2), torch.full((1, 1, 64, 64), 0.6)
    weights = SCALE_WEIGHTS[:3]
    expected = ssim(x, y) ** (weights[-1] / sum(weights))
    assert torch.allclose(ms_ssim(x, y), expected, rtol=1e-3)


def test_more_noise_is_less_alike():
    x, noise = torch.rand(8, 3, 32, 32), torch.randn(8, 3, 32, 32)
    for measure in (psnr, ssim, ms_ssim):
        found = [measure(x, x + s * noise).mean() for s in (0.02, 0.1, 0.5)]
        assert found[0] > found[1] > found[2]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 48), (3, 11, 11), (1, 45, 23)])
def test_windows_lie_inside_the_picture(shape, dtype):
    """By scipy's filter, of which the pixels are kept whose window meets no margin."""
    x = torch.rand(4, *shape, dtype=torch.float64)
    y = (x + 0.2 * torch.randn_like(x)).clamp(0, 1)
    expected = [similarity(a, b)[0].mean() for a, b in zip(x.numpy(), y.numpy(), strict=True)]
    found = ssim(x.to(dtype), y.to(dtype))
    assert found.tolist() == pytest.approx(expected, abs=1e-12 if dtype.itemsize == 8 else 1e-5)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 48), (1, 176, 180)])
def test_each_scale_is_half_the_one_before(shape):
    """Contrast and structure of every scale, times the luminance of the last."""
    x = torch.rand(2, *shape, dtype=torch.float64)
    y = (x + 0.2 * torch.randn_like(x)).clamp(0, 1)
    scales = num_scales(*shape[1:])
    weights = np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])
    expected = []
    for a, b in zip(x.numpy(), y.numpy(), strict=True):
        product = np.ones(shape[0])
        for scale, weight in enumerate(weights):
            whole, contrast = similarity(a, b)
            product *= (whole if scale == scales - 1 else contrast) ** weight
            a, b = halved(a), halved(b)
        expected.append(product.mean())
    assert ms_ssim(x, y).tolist() == pytest.approx(expected, abs=1e-12)


def similarity(x, y):
    """Return SSIM and its part without luminance, of each channel ``(C,)``."""

    def local(values):
        return gaussian_filter(values, (0, 1.5, 1.5), truncate=3.5)[:, 5:-5, 5:-5]

    mx, my = local(x), local(y)
    vx, vy, cov = local(x * x) - mx**2, local(y * y) - my**2, local(x * y) - mx * my
    contrast = (2 * cov + 9e-4) / (vx + vy + 9e-4)
    luminance = (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
    return (luminance * contrast).mean((1, 2)), contrast.mean((1, 2))


def halved(x):
    """Return the means of 2×2 pixels; an odd row or column at the end is left out."""
    return (
        sum(
            x[:, i : x.shape[1] // 2 * 2 : 2, j : x.shape[2] // 2 * 2 : 2]
            for i in (0, 1)
            for j in (0, 1)
        )
        / 4
    )


@pytest.mark.parametrize("side", [11, 21, 22, 43, 44, 87, 88, 175, 176, 400])
def test_as_many_scales_as_have_room_for_a_window(side):
    scales = num_scales(side, side + 3)
    assert side // 2 ** (scales - 1) >= 11
    assert scales == len(SCALE_WEIGHTS) or side // 2**scales < 11
    x = torch.rand(1, 1, side, side + 3)
    assert ms_ssim(x, x).item() == pytest.approx(1, abs=1e-5)
