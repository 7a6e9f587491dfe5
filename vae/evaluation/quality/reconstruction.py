"""How alike reconstructions are to their originals, as a section of the report."""

__all__ = ["ReconstructionQuality"]

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.named import the_x
from vae.evaluation.quality.perceptual import LPIPS
from vae.evaluation.quality.similarity import (
    PSNR_CAP,
    SCALE_WEIGHTS,
    SSIM_WINDOW,
    ms_ssim,
    num_scales,
    psnr,
    ssim,
)
from vae.evaluation.quality.view import View
from vae.evaluation.quality.weights import ALEXNET_URL, load_weights
from vae.evaluation.section import Figure, Section, averaged
from vae.evaluation.subject import Subject

UNITS = {"psnr": "dB"}
NAMES = {"psnr": "PSNR", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "lpips": "LPIPS"}
Measure = Callable[[Tensor, Tensor], Tensor]  # a value for each pair


class ReconstructionQuality(Evaluation):
    """PSNR, SSIM, MS-SSIM and LPIPS of reconstructions: means over pictures.

    Args:
        num_pictures: How many of the split, at least 1.
        lpips: File of torchvision's weights of AlexNet or VGG-16; without it, and without a
            download, LPIPS is left out.
        download: Whether AlexNet may be fetched.
    """

    def __init__(
        self, num_pictures: int = 1000, lpips: str | None = None, download: bool = False
    ) -> None:
        if num_pictures < 1:
            raise ValueError(f"num_pictures must be at least 1; got {num_pictures}")
        self.num_pictures = num_pictures
        self.lpips = lpips
        self.download = download

    @torch.no_grad()
    def __call__(self, subject: Subject) -> Section:
        """Measure on the first pictures of the subject's split."""
        view = View.of(subject)
        measures, protocol, notes = applicable(subject)
        weights = load_weights(self.lpips, ALEXNET_URL if self.download else None)
        if weights is None:
            notes.append(
                "LPIPS is left out: set report.reconstruction_quality.lpips=… to a file of "
                "torchvision's weights of AlexNet or VGG-16, or "
                "report.reconstruction_quality.download=true."
            )
        else:
            net = LPIPS(weights).to(subject.device)
            measures["lpips"], protocol["lpips_net"] = net, net.backbone
        rows = []
        for batch in subject.track_batches("reconstructions", self.num_pictures):
            x, y = view(batch["x"]), view(the_x(subject.model.reconstruct(batch)))
            rows.append(
                torch.stack([measure(x, y).double().cpu() for measure in measures.values()])
            )
        values = torch.cat(rows, 1)
        figures = {
            key: mean_of(NAMES[key], row, UNITS.get(key, ""))
            for key, row in zip(measures, values, strict=True)
        }
        protocol = {"num_pictures": values.shape[1], **view.protocol, **protocol}
        return Section("Quality of reconstructions", figures, protocol, notes=notes)


def applicable(subject: Subject) -> tuple[dict[str, Measure], dict[str, Any], list[str]]:
    """Return what the pictures are large enough for, with its protocol and what is left out."""
    side, scales = min(subject.spec.shape[1:]), num_scales(*subject.spec.shape[1:])
    measures: dict[str, Measure] = {"psnr": psnr}
    protocol: dict[str, Any] = {"psnr_cap_db": PSNR_CAP}
    notes = []
    if side >= SSIM_WINDOW:
        measures["ssim"], protocol["ssim_window"] = ssim, SSIM_WINDOW
    else:
        notes.append(f"SSIM is left out: its window has {SSIM_WINDOW} pixels a side.")
    if scales > 1:
        measures["ms_ssim"] = ms_ssim
        protocol["ms_ssim_scales"] = f"{scales} of {len(SCALE_WEIGHTS)}"
    else:
        notes.append(f"MS-SSIM is left out: it needs {2 * SSIM_WINDOW} pixels a side.")
    return measures, protocol, notes


def mean_of(name: str, values: Tensor, unit: str) -> Figure:
    """Return the mean of a value per picture with its standard error, where they are finite."""
    return averaged(name, values, unit) if values.mean().isfinite() else Figure(name, None, unit)
