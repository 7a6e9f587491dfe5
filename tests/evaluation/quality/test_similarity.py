"""PSNR, SSIM and MS-SSIM of pairs whose likeness is known."""

from math import log10

import pytest
import torch

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


@pytest.mark.parametrize("side", [22, 28, 32, 44, 45, 64, 98, 99, 175, 176, 200])
def test_as_many_scales_as_the_library_takes(side):
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    x = torch.rand(1, 1, side, side + 3)
    assert ms_ssim(x, x).isfinite().all()
    scales = num_scales(side, side + 3)
    if scales < len(SCALE_WEIGHTS):
        with pytest.raises(ValueError, match="height"):
            multiscale_structural_similarity_index_measure(x, x, betas=(0.1,) * (scales + 1))
